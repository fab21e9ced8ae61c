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
from graph.state import Dialogue, Estimate, Judgement, Turn
from nodes import history
from nodes.door import Node
from nodes.fold import is_fresh
from nodes.judgement.estimator import Estimator, view_of
from nodes.judgement.policy import AgentState, Situation, decide
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
            turn=turn.id if turn else "",
            text=turn.text if turn else "",
            at=event.at,
        )
        dialogue = replace(dialogue, judgement=judgement)
        _set_clocks(dialogue, judgement, situation, event, mind)
        return _kept_floor(dialogue, judgement, event, mind)

    return judge


async def _estimated(
    dialogue: Dialogue, event: Event, estimator: Estimator, persona: Persona
) -> Dialogue:
    turn = dialogue.open_turn
    if turn is None or not turn.text:
        return replace(dialogue, estimate=None) if dialogue.estimate else dialogue
    if isinstance(event, Verdict) and is_fresh(dialogue, event):
        return dialogue
    view = view_of(dialogue, turn, persona.opinions)
    return replace(dialogue, estimate=await estimator.estimate(view))


def situation_of(dialogue: Dialogue, event: Event, persona: Persona) -> Situation:
    """The facts of this moment for the policy."""
    turn = dialogue.open_turn or Turn(id="")
    text = turn.text
    last = dialogue.messages[-1] if dialogue.messages else {}
    said = [m["content"] for m in dialogue.messages[-6:] if m["role"] == "assistant"]
    interrupted = dialogue.rapport.interrupted_at
    quiet = not dialogue.agent_speaks
    return Situation(
        words=len(words(text)),
        lasted=event.at - turn.opened_at,
        silence=_silence(turn, event),
        awaits_final=turn.awaits_final,
        complete=turn.complete,
        asked=isinstance(event, Respond),
        manual=dialogue.config.turn_detection == "manual",
        agent=_agent(dialogue),
        cancelled=isinstance(event, Cancelled),
        due=event.name if isinstance(event, Due) else None,
        backchannel=is_backchannel(text),
        bare_backchannel=is_bare_backchannel(text),
        stop=is_stop(text),
        question=is_question(text),
        emergency=is_emergency(text),
        answers_agent=bool(said) and is_question(said[-1]),
        tool_output=(
            quiet
            and last.get("role") == "tool"
            and isinstance(event, ToolReturned | UtteranceEnded)
            and not history.pending_calls(dialogue.messages)
        ),
        since_interruption=None if interrupted is None else event.at - interrupted,
        may_hold=not dialogue.config.tools,
        blocked=_blocked(dialogue, event),
        rapport=dialogue.rapport,
        temper=temper_of(persona),
    )


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


def _set_clocks(
    dialogue: Dialogue, judgement: Judgement, now: Situation, event: Event, mind: Mind
) -> None:
    """Asks to be woken when waiting is over."""
    turn = dialogue.open_turn
    waits = judgement.action == "keep_listening" or judgement.hold
    if waits and judgement.delay is not None and turn and turn.silent_since is not None:
        mind.wake("endpoint", turn.silent_since + (now.silence or 0.0) + judgement.delay)
    elif not (waits and isinstance(event, Verdict)):
        mind.wake("endpoint", None)


def _kept_floor(dialogue: Dialogue, judgement: Judgement, event: Event, mind: Mind) -> Dialogue:
    """Pauses, or goes on, where the agent keeps the floor."""
    utterance = dialogue.utterance
    if judgement.action != "keep_talking" or utterance is None:
        return dialogue
    if judgement.quiet:
        dialogue = close_turn(dialogue, event.at)
    if utterance.status != "paused":
        return dialogue
    if judgement.delay is not None:
        if isinstance(event, SpeechStarted):
            mind.pause()
            mind.wake("resume", event.at + judgement.delay)
        return dialogue
    mind.resume()
    mind.wake("resume", None)
    return replace(dialogue, utterance=replace(utterance, status="speaking"))
