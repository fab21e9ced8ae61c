"""The judgement step: the estimator says what is probable, the policy chooses, and the floor moves.

This node makes the *decision*; the act nodes behind it carry it out. What needs no act is done
here: waiting for the end of a turn, pausing, going on.
"""

from dataclasses import replace

from graph.events import (
    Cancelled,
    Committed,
    Configured,
    Due,
    Event,
    Partial,
    Respond,
    SpeechStarted,
    SpeechStopped,
    TextTyped,
    ToolReturned,
    UtteranceEnded,
    Verdict,
)
from graph.mind import Mind
from graph.state import Dialogue, Estimate, Judgement, Turn, Utterance
from nodes import history
from nodes.door import Node
from nodes.fold import is_fresh
from nodes.judgement.estimator import Estimator, view_of
from nodes.judgement.policy import AgentState, Situation, Thresholds, decide
from nodes.persona import Persona
from nodes.temper import PersonaOf, temper_of
from nodes.turns import close_turn
from nodes.words import (
    is_backchannel,
    is_bare_backchannel,
    is_emergency,
    is_question,
    is_stop,
    words,
)

STOP_SILENCE = 0.2
"""Seconds of silence that have passed when the ear says that speech has stopped."""

_JUDGED = (
    Cancelled, Committed, Configured, Due, Partial, Respond, SpeechStarted, SpeechStopped,
    TextTyped, ToolReturned, UtteranceEnded, Verdict,
)  # fmt: skip
"""The events that leave something to choose."""


def judge_node(estimator: Estimator, persona_of: PersonaOf) -> Node:
    """The node that writes `estimate` and `judgement` for every event that leaves a choice."""

    async def judge(dialogue: Dialogue, event: Event, mind: Mind) -> Dialogue:
        if not isinstance(event, _JUDGED):
            return dialogue
        if isinstance(event, Verdict) and not is_fresh(dialogue, event):
            return dialogue
        persona = persona_of(dialogue.config.persona)
        dialogue = _without_outdated(dialogue, mind)
        dialogue = await _estimated(dialogue, event, estimator, persona)
        situation = situation_of(dialogue, event, persona)
        judgement = decide(dialogue.estimate or Estimate(0.0), situation)
        if judgement is None:
            return dialogue
        turn = dialogue.open_turn
        judgement = replace(
            _unless_held_already(judgement, dialogue),
            turn=_subject(dialogue, situation),
            text=turn.text if turn else "",
            at=event.at,
        )
        dialogue = replace(dialogue, judgement=judgement)
        _set_clocks(dialogue, judgement, situation, mind)
        return _kept_floor(dialogue, judgement, event, mind)

    return judge


async def _estimated(
    dialogue: Dialogue, event: Event, estimator: Estimator, persona: Persona
) -> Dialogue:
    turn = dialogue.open_turn
    if turn is None or not turn.text:
        return replace(dialogue, estimate=None) if dialogue.estimate else dialogue
    if isinstance(event, Verdict):
        return dialogue
    view = view_of(dialogue, turn, persona.opinions)
    return replace(dialogue, estimate=await estimator.estimate(view))


def situation_of(dialogue: Dialogue, event: Event, persona: Persona) -> Situation:
    """The facts of this moment for the policy."""
    turn = dialogue.open_turn or Turn(id="")
    text = turn.text
    said = [m["content"] for m in dialogue.messages[-6:] if m["role"] == "assistant"]
    interrupted = dialogue.rapport.interrupted_at
    return Situation(
        words=len(words(text)) or (1 if turn.typed else 0),  # "?" and "👍" are typed to be answered
        lasted=event.at - turn.opened_at,
        silence=_silence(turn, event),
        awaits_final=turn.awaits_final,
        complete=turn.complete,
        asked=isinstance(event, Respond) or _asked(turn, dialogue.utterance),
        manual=dialogue.config.turn_detection == "manual",
        agent=_agent(dialogue),
        cancelled=isinstance(event, Cancelled),
        amended=_amended(turn, dialogue.utterance),
        due=event.name if isinstance(event, Due) else None,
        backchannel=is_backchannel(text),
        bare_backchannel=is_bare_backchannel(text),
        stop=is_stop(text),
        question=is_question(text),
        emergency=is_emergency(text),
        answers_agent=bool(said) and is_question(said[-1]),
        tool_output=not dialogue.agent_speaks and _tools_have_answered(dialogue, event),
        since_interruption=None if interrupted is None else event.at - interrupted,
        may_hold=not dialogue.config.tools,
        blocked=_blocked(dialogue, event),
        rapport=dialogue.rapport,
        temper=temper_of(persona),
    )


def _asked(turn: Turn, utterance: Utterance | None) -> bool:
    """Whether the client still waits for the answer that it asked for."""
    answered = utterance is not None and utterance.turn == turn.id and not turn.text
    return turn.asked and not answered


def _amended(turn: Turn, utterance: Utterance | None) -> bool:
    """Whether late words have come to the turn that is being answered."""
    return (
        utterance is not None
        and utterance.holds_floor
        and utterance.turn == turn.id
        and words(utterance.text_judged) != words(turn.text)
    )


def _tools_have_answered(dialogue: Dialogue, event: Event) -> bool:
    """Whether this event brings the last output that the agent needs to go on."""
    utterance = dialogue.utterance
    if isinstance(event, UtteranceEnded):
        newest = utterance is not None and utterance.id == event.utterance
        return newest and event.reason == "tool" and _complete(dialogue, event.utterance)
    if not isinstance(event, ToolReturned):
        return False
    said = [m.get("at", 0.0) for m in dialogue.messages if m["role"] == "assistant"]
    output = history.output_of(dialogue.messages, event.call)
    fresh = output is not None and output.get("at", 0.0) >= max(said, default=0.0)
    return fresh and _complete(dialogue, history.caller_of(dialogue.messages, event.call))


def _complete(dialogue: Dialogue, utterance: str) -> bool:
    """Whether an utterance has called tools, and all of them have returned."""
    index = history.find(dialogue.messages, utterance)
    calls = [] if index is None else dialogue.messages[index].get("tool_calls", [])
    return bool(calls) and not history.pending_calls(dialogue.messages, calls)


def _subject(dialogue: Dialogue, now: Situation) -> str:
    """Id of the turn that is judged: the open one, or the one whose tools have answered."""
    if now.tool_output and not now.words:
        users = [m["id"] for m in dialogue.messages if m["role"] == "user"]
        return users[-1] if users else ""
    return dialogue.open_turn.id if dialogue.open_turn else ""


def _silence(turn: Turn, event: Event) -> float | None:
    if turn.silent_since is None:
        return None
    passed = event.at - turn.silent_since
    return max(passed, STOP_SILENCE) if isinstance(event, SpeechStopped) else max(passed, 0.0)


def _agent(dialogue: Dialogue) -> AgentState:
    utterance = dialogue.utterance
    if utterance is None or not utterance.holds_floor:
        return "quiet"
    if utterance.behaviour == "interrupt" and utterance.status == "speaking":
        return "interrupting"
    return "paused" if utterance.status == "paused" else "speaking"


def _blocked(dialogue: Dialogue, event: Event) -> str:
    restriction = dialogue.restriction
    in_force = restriction is not None and restriction.until > dialogue.started + event.at
    return restriction.reason if restriction and in_force else ""


def _without_outdated(dialogue: Dialogue, mind: Mind) -> Dialogue:
    """Discards a held utterance once the words that it answers have grown."""
    held, turn = dialogue.utterance, dialogue.open_turn
    if held is None or held.status != "held":
        return dialogue
    if turn and words(turn.text) == words(held.text_judged):
        return dialogue
    mind.hush()
    return replace(dialogue, utterance=replace(held, status="ended"))


def _unless_held_already(judgement: Judgement, dialogue: Dialogue) -> Judgement:
    held = dialogue.utterance is not None and dialogue.utterance.status == "held"
    if judgement.hold and held:
        return replace(judgement, action="keep_listening", hold=False)
    return judgement


def _set_clocks(dialogue: Dialogue, judgement: Judgement, now: Situation, mind: Mind) -> None:
    """Asks to be woken when waiting is over."""
    turn = dialogue.open_turn
    waits = judgement.action == "keep_listening" or judgement.hold
    if waits and judgement.delay is not None and turn and turn.silent_since is not None:
        mind.wake("endpoint", turn.silent_since + (now.silence or 0.0) + judgement.delay)
    else:
        mind.wake("endpoint", None)


def _kept_floor(dialogue: Dialogue, judgement: Judgement, event: Event, mind: Mind) -> Dialogue:
    """Pauses, or goes on, where the agent keeps the floor."""
    utterance = dialogue.utterance
    if judgement.action != "keep_talking" or utterance is None:
        return dialogue
    if judgement.quiet:
        dialogue = close_turn(dialogue, event.at)
    if utterance.behaviour == "interrupt":
        _keep_cutting_in(event, mind)
    if utterance.status != "paused":
        return dialogue
    if judgement.delay is not None:
        if isinstance(event, SpeechStarted):
            mind.pause()
        if isinstance(event, SpeechStarted | Due):
            mind.wake("resume", event.at + judgement.delay)
        return dialogue
    mind.resume()
    mind.wake("resume", None)
    return replace(dialogue, utterance=replace(utterance, status="speaking"))


def _keep_cutting_in(event: Event, mind: Mind) -> None:
    """The ear's reflex pauses an interruption too: it goes on. The user may talk on once more."""
    again = isinstance(event, SpeechStarted)
    if again:
        mind.resume()
    if again or (isinstance(event, Due) and event.name == "give_way"):
        mind.wake("give_way", event.at + Thresholds().give_way_after)
