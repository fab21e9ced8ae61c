"""What a client is told of the dialogue: every step of the session as messages."""

from collections.abc import Callable, Iterator

from graph.events import Joined, ToolCalled
from graph.state import Config, DialogueState, Restriction
from nodes.temper import PersonaOf
from server.protocol import server_messages as out
from server.session import Step


def messages_of(
    step: Step, persona_of: PersonaOf, number_of: Callable[[str], int]
) -> Iterator[out.FromServer]:
    """The messages that a step gives rise to. `number_of`: an utterance's number on the wire."""
    at, before, after = step.event.at, step.before, step.after
    if before.get("messages") is not after.get("messages"):
        yield from _turns(step)
    if before.get("config") != after.get("config"):
        yield out.ConfigSet(at=at, config=Config().patched(after.get("config", {})))
    if after.get("judgement"):
        yield _judgement(at, after, persona_of)
    if before.get("floor") != after.get("floor"):
        yield out.Floor(at=at, floor=after.get("floor", "open"))
    if isinstance(step.event, ToolCalled) and before.get("stale") == after.get("stale"):
        yield _tool_call(step.event, number_of)
    given = after.get("restriction")
    if given and given != before.get("restriction") and not isinstance(step.event, Joined):
        yield blocked(Restriction(**given))


def blocked(restriction: Restriction) -> out.Blocked:
    """A restriction as a message."""
    return out.Blocked(until=restriction.until, reason=restriction.reason)


def _turns(step: Step) -> Iterator[out.Turn]:
    known = step.before.get("messages", [])[-4:]
    for message in step.after.get("messages", [])[-4:]:
        if message["role"] == "user" and message not in known:
            yield out.Turn(at=step.event.at, id=message["id"], text=message["content"])


def _judgement(at: float, after: DialogueState, persona_of: PersonaOf) -> out.Judgement:
    """Read from the JSON as it is: rebuilding the whole dialogue would cost more than the step."""
    judgement, estimate = after.get("judgement") or {}, after.get("estimate")
    start = persona_of(after.get("config", {}).get("persona", "")).patience.start
    return out.Judgement(
        at=at,
        action=judgement["action"],
        confidence=judgement["confidence"],
        reason=judgement["reason"],
        appraisal=judgement["appraisal"],
        p_complete=estimate["p_complete"] if estimate and judgement["turn"] else None,
        patience=min(start, after.get("rapport", {}).get("patience", start)),
        delay=judgement["delay"],
        hold=judgement["hold"],
        turn=judgement["turn"],
        text=judgement["text"],
    )


def _tool_call(event: ToolCalled, number_of: Callable[[str], int]) -> out.ToolCall:
    return out.ToolCall(
        at=event.at,
        utterance=number_of(event.utterance),
        call=event.call,
        name=event.name,
        arguments=event.arguments,
    )
