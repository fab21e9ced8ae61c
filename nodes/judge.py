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
from nodes.consult import verdict_on, with_verdict
from nodes.door import Node
from nodes.fold import is_fresh
from nodes.judgement.estimator import Estimator, view_of
from nodes.judgement.interruption import impression_after
from nodes.judgement.policy import decide
from nodes.judgement.situation import Situation
from nodes.judgement.thresholds import Thresholds
from nodes.moment import situation_of
from nodes.persona import Persona
from nodes.temper import PersonaOf
from nodes.turns import close_turn
from nodes.words import words

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
        dialogue = _without_outdated(dialogue, event, mind)
        dialogue = await _estimated(dialogue, estimator, persona)
        dialogue = _impressed(dialogue, event)
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


async def _estimated(dialogue: Dialogue, estimator: Estimator, persona: Persona) -> Dialogue:
    turn = dialogue.open_turn
    if turn is None or not turn.text:
        return replace(dialogue, estimate=None) if dialogue.estimate else dialogue
    estimate = verdict_on(turn)
    if estimate is None:
        own = await estimator.estimate(view_of(dialogue, turn, persona.opinions))
        estimate = with_verdict(own, turn)
    return replace(dialogue, estimate=estimate)


def _impressed(dialogue: Dialogue, event: Event) -> Dialogue:
    """Notes on the open turn what its estimates agree on."""
    turn, estimate = dialogue.open_turn, dialogue.estimate
    if turn is None or estimate is None:
        return dialogue
    before, said = turn.impression, len(words(turn.text))
    if before and said < before.words:
        before = None  # the recogniser took back what it was made on
    after = impression_after(before, estimate, _words_judged(turn, estimate, said), event.at)
    if after == turn.impression:
        return dialogue
    return replace(dialogue, turn=replace(turn, impression=after))


def _words_judged(turn: Turn, estimate: Estimate, said: int) -> int:
    """The words that an appraisal was made on: fewer where a verdict stands as the turn grows."""
    consulted = turn.consulted
    verdict = consulted.verdict if consulted else None
    stands = verdict is not None and estimate.source.startswith(f"{verdict.source}+")
    return len(words(consulted.judged)) if consulted and stands else said


def _subject(dialogue: Dialogue, now: Situation) -> str:
    """Id of the turn that is judged: the open one, or the one whose tools have answered."""
    if now.tool_output and not now.words:
        users = [m["id"] for m in dialogue.messages if m["role"] == "user"]
        return users[-1] if users else ""
    return dialogue.open_turn.id if dialogue.open_turn else ""


def _without_outdated(dialogue: Dialogue, event: Event, mind: Mind) -> Dialogue:
    """Discards a held utterance once its words have grown, or the client wants none."""
    held, turn = dialogue.utterance, dialogue.open_turn
    if held is None or held.status != "held":
        return dialogue
    same = turn is not None and words(turn.text) == words(held.text_judged)
    if same and not isinstance(event, Cancelled):
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
