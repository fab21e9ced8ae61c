"""The facts of a moment, read off the dialogue and its newest event for the policy."""

from collections.abc import Sequence

from graph.events import Cancelled, Due, Event, Respond, SpeechStopped, ToolReturned, UtteranceEnded
from graph.state import Dialogue, Estimate, Impression, Turn, Utterance
from nodes import history
from nodes.consult import awaits_verdict
from nodes.judgement.rapport import aged
from nodes.judgement.situation import AgentState, Situation
from nodes.judgement.timing import draw, gap_in
from nodes.persona import Persona
from nodes.temper import temper_of
from nodes.turns import STOP_SILENCE
from nodes.words import (
    is_backchannel,
    is_bare_backchannel,
    is_emergency,
    is_question,
    is_stop,
    words,
)


def situation_of(dialogue: Dialogue, event: Event, persona: Persona) -> Situation:
    """The facts of this moment for the policy."""
    turn = dialogue.open_turn or Turn(id="")
    text = turn.text
    temper = temper_of(persona)
    held = _held(turn, dialogue.estimate)
    said = [m["content"] for m in dialogue.messages[-6:] if m["role"] == "assistant"]
    interrupted = dialogue.rapport.interrupted_at
    return Situation(
        words=len(words(text)) or (1 if turn.typed else 0),  # "?" and "👍" are typed to be answered
        lasted=event.at - turn.opened_at,
        silence=_silence(turn, event),
        paused=turn.paused,
        awaits_final=turn.awaits_final,
        verdict_due=awaits_verdict(turn),
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
        topic=_topic(persona, (text, *said[-1:])),
        since_interruption=None if interrupted is None else event.at - interrupted,
        held_words=held.last_words - held.words if held else 0,
        held_seconds=event.at - held.at if held else 0.0,
        may_hold=not dialogue.config.tools,
        gap=gap_in(*temper.gap, draw(dialogue.session, turn.id)),
        blocked=_blocked(dialogue, event),
        rapport=aged(dialogue.rapport, event.at, temper),
        temper=temper,
    )


def _held(turn: Turn, estimate: Estimate | None) -> Impression | None:
    """The impression that the newest estimate bears out."""
    same = turn.impression and estimate and turn.impression.appraisal == estimate.appraisal
    return turn.impression if same else None


def _topic(persona: Persona, texts: Sequence[str]) -> str:
    """The topic of the persona's opinions that the first of these texts touches."""
    touched = (o.topic for text in texts for o in persona.opinions if o.touched_by(text))
    return next(touched, "")


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
