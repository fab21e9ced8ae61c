"""Chooses the act: the only place that does. Pure: the same situation gives the same judgement.

An estimator says what is probable; this says what a person would do about it, from the timing, the
rapport and the persona's temper as well. Hysteresis is in seconds and words, never in numbers of
judgements, because partials coalesce and their number means nothing.
"""

from dataclasses import dataclass, field
from typing import Literal

from graph.state import Action, Appraisal, Estimate, Judgement, Rapport

AgentState = Literal["quiet", "speaking", "paused", "interrupting"]


@dataclass(frozen=True)
class Temper:
    """How a persona behaves, as the policy needs it."""

    cuts_in: float = 0.3
    """Readiness to interrupt, 0 (never) to 1."""
    affronts_to_block: int = 3
    """The affront in a row that ends the chat."""
    block_seconds: float = 600.0
    patience: float = 1.0
    """At the start, 0..1."""
    recovery_per_minute: float = 0.1
    """Patience that comes back by itself."""


@dataclass(frozen=True)
class Thresholds:
    """All numbers of the policy."""

    answer_after: float = 0.2
    """Seconds of silence before the answer to a turn that is surely over."""
    wait_at_most: float = 2.0
    """Seconds of silence before the answer to a turn that sounds unfinished."""
    surely_over: float = 0.8
    """Probability of completion from which `answer_after` is enough."""
    surely_open: float = 0.2
    """Probability of completion below which the wait is `wait_at_most`."""
    late_words: float = 0.3
    """Seconds granted to a recogniser that still owes its last words."""
    resume_after: float = 0.8
    """Seconds without words after which a paused agent goes on."""
    wait_for_words: float = 2.4
    """Seconds that a paused agent waits for the words of a voice that sounds on and on: a slow
    recogniser must not make it talk into somebody's sentence."""
    give_way_after: float = 1.5
    """Seconds that the user may talk into the agent's interruption before it gives way."""
    certain: float = 0.7
    """Probability of an appraisal from which an interruption may rest on it."""
    interrupt_words: int = 12
    """Words a turn must have before anybody cuts in, an affront apart."""
    interrupt_seconds: float = 4.0
    """Seconds a turn must have lasted before anybody cuts in, an affront apart."""
    affront_words: int = 4
    cool_down: float = 30.0
    """Seconds between two interruptions."""
    hold_above: float = 0.4
    """Probability of completion from which an answer is prepared in silence."""


_A_TICK = 1e-6
"""A timer may fire this early, by rounding."""


@dataclass(frozen=True)
class Situation:
    """The facts of the moment, none of them guessed."""

    words: int = 0
    """Words of the open turn; 0: there is none."""
    lasted: float = 0.0
    """Seconds since the turn began."""
    silence: float | None = None
    """Seconds since the user's voice stopped; None while it sounds."""
    awaits_final: bool = False
    complete: bool = False
    """The client says that the turn is over."""
    asked: bool = False
    """The client asked for an answer now."""
    manual: bool = False
    """The client does all the turn-taking."""
    agent: AgentState = "quiet"
    cancelled: bool = False
    """The client told the agent to stop."""
    amended: bool = False
    """The words that the agent is answering have changed since."""
    due: Literal["endpoint", "resume", "give_way"] | None = None
    backchannel: bool = False
    bare_backchannel: bool = False
    stop: bool = False
    question: bool = False
    emergency: bool = False
    answers_agent: bool = False
    """The agent's last words were a question."""
    tool_output: bool = False
    """All tools that the agent called have answered."""
    since_interruption: float | None = None
    """Seconds since the agent last cut in."""
    may_hold: bool = True
    """An answer may be prepared before it is sure to be wanted."""
    blocked: str = ""
    """Why the user is shut out; empty: is not."""
    rapport: Rapport = field(default_factory=Rapport)
    temper: Temper = field(default_factory=Temper)


def decide(
    estimate: Estimate, situation: Situation, limits: Thresholds = Thresholds()
) -> Judgement | None:
    """What a person would do now; None where the event leaves nothing to choose."""
    if situation.agent != "quiet":
        return _while_speaking(estimate, situation, limits)
    if not situation.words:
        return _without_words(estimate, situation, limits)
    if situation.blocked:
        return _while_blocked(estimate, situation)
    if situation.manual and not situation.asked:
        return _judged("keep_listening", 1.0, "the client decides when to answer", estimate)
    if not situation.complete and (cut := _interruption(estimate, situation, limits)):
        return cut
    return _at_a_pause(estimate, situation, limits)


def wait_for(p_complete: float, limits: Thresholds = Thresholds()) -> float:
    """Seconds of silence to grant a turn, from the probability that it is over."""
    span = limits.surely_over - limits.surely_open
    openness = min(1.0, max(0.0, (limits.surely_over - p_complete) / span))
    return limits.answer_after + openness * (limits.wait_at_most - limits.answer_after)


def rapport_after(
    rapport: Rapport,
    appraisal: Appraisal,
    courteous: bool,
    turn: str,
    at: float,
    temper: Temper,
) -> Rapport:
    """The rapport once a turn has closed: patience falls by what was said, comes back with time."""
    if rapport.turn == turn:
        return rapport
    courteous = courteous and appraisal != "affront"
    minutes = max(0.0, at - rapport.updated_at) / 60
    patience = min(temper.patience, rapport.patience + minutes * temper.recovery_per_minute)
    cost = {"affront": 0.35, "unreasonable": 0.15, "boring": 0.1, "conflict": 0.05}
    patience += 0.15 if courteous else -cost.get(appraisal, -0.03)
    forgiven = courteous or patience >= temper.patience
    affronts = rapport.affronts + 1 if appraisal == "affront" else rapport.affronts
    if appraisal != "affront" and forgiven:
        affronts = max(0, rapport.affronts - 1)
    return Rapport(
        patience=round(min(temper.patience, max(0.0, patience)), 4),
        affronts=affronts,
        repeats=rapport.repeats + 1 if appraisal == "boring" else 0,
        updated_at=at,
        turn=turn,
        interrupted_at=rapport.interrupted_at,
    )


def _judged(
    action: Action,
    confidence: float,
    reason: str,
    estimate: Estimate,
    *,
    delay: float | None = None,
    hold: bool = False,
    quiet: bool = False,
) -> Judgement:
    return Judgement(
        action, round(confidence, 3), reason, delay, hold, quiet, appraisal=estimate.appraisal
    )


def _without_words(estimate: Estimate, now: Situation, limits: Thresholds) -> Judgement | None:
    """The user says nothing: speak only where something else asks for it."""
    if now.blocked:
        return None
    if now.tool_output and not now.manual:
        return _judged("reply", 1.0, "the tool has answered", estimate)
    if not now.asked:
        return None
    patience = limits.answer_after + limits.late_words
    if now.awaits_final and now.silence is not None and now.silence + _A_TICK < patience:
        reason = "the client asked for an answer: I wait for your last words"
        return _judged("keep_listening", 0.9, reason, estimate, delay=patience - now.silence)
    return _judged("reply", 1.0, "the client asked for an answer", estimate)


def _while_speaking(estimate: Estimate, now: Situation, limits: Thresholds) -> Judgement | None:
    """The agent has the floor, or is on its way to it: yield, or go on."""
    if now.cancelled:
        return _judged("yield_floor", 1.0, "the client told me to stop", estimate)
    if now.amended:
        return _judged("yield_floor", 1.0, "you said more than I am answering", estimate)
    if now.agent == "interrupting":
        talks_on = now.words and now.silence is None and not now.backchannel
        if now.complete or (now.due == "give_way" and talks_on):
            return _judged("yield_floor", 0.9, "I cut in and you talked on: your turn", estimate)
        if now.stop and now.words:
            return _judged("yield_floor", 0.9, "you told me to stop", estimate, quiet=True)
        return _judged("keep_talking", 0.9, "I am cutting in", estimate)
    if not now.words:
        late = now.silence is None and now.lasted + _A_TICK < limits.wait_for_words
        if now.due == "resume" and not late:
            return _judged("keep_talking", 0.9, "a sound without words: I go on", estimate)
        return (
            None
            if now.agent == "speaking"
            else _judged(
                "keep_talking",
                0.5,
                "a voice: I pause and wait for words",
                estimate,
                delay=limits.resume_after,
            )
        )
    if now.complete:
        return _judged("yield_floor", 1.0, "you took the floor", estimate)
    if now.stop:
        return _judged("yield_floor", 0.95, "you told me to stop", estimate, quiet=True)
    if now.backchannel:
        over = now.silence is not None or now.due == "resume"
        return _judged(
            "keep_talking",
            0.9,
            "you are only showing that you listen",
            estimate,
            delay=None if over else limits.resume_after,
            quiet=over,
        )
    return _judged("yield_floor", 0.9, "you are taking the floor", estimate)


def _while_blocked(estimate: Estimate, now: Situation) -> Judgement:
    if now.emergency and (now.complete or now.silence is not None):
        return _judged("reply", 1.0, "this sounds like an emergency", estimate)
    if now.complete or now.silence is not None:
        return _judged("silence", 1.0, f"the chat is closed: {now.blocked}", estimate)
    return _judged("keep_listening", 1.0, f"the chat is closed: {now.blocked}", estimate)


def _interruption(estimate: Estimate, now: Situation, limits: Thresholds) -> Judgement | None:
    """Whether to cut in before the turn is over."""
    if now.temper.cuts_in <= 0:
        return None
    if now.question or now.backchannel or now.emergency or now.silence is not None:
        return None
    if estimate.p_appraisal < limits.certain or estimate.p_complete > limits.surely_over:
        return None
    if now.since_interruption is not None and now.since_interruption < limits.cool_down:
        return None
    patience = min(now.temper.patience, now.rapport.patience)
    eager = now.temper.cuts_in + 0.4 * (1 - patience)
    if estimate.appraisal == "affront":
        if eager >= 0.5 and now.words >= limits.affront_words:
            return _judged("interrupt", estimate.p_appraisal, "I won't listen to insults", estimate)
        return None
    if now.words < limits.interrupt_words or now.lasted < limits.interrupt_seconds:
        return None
    if estimate.appraisal == "boring" and eager >= 0.25:
        return _judged(
            "interrupt", estimate.p_appraisal, "you are going round in circles", estimate
        )
    if estimate.appraisal == "conflict" and eager >= 0.6:
        return _judged("interrupt", estimate.p_appraisal, "I see this differently", estimate)
    if estimate.appraisal == "agreement" and eager >= 0.9:
        return _judged("interrupt", estimate.p_appraisal, "I agree so much I cut in", estimate)
    return None


def _at_a_pause(estimate: Estimate, now: Situation, limits: Thresholds) -> Judgement:
    """Answers if the turn is over; else says how long to go on listening."""
    wait = 0.0 if now.complete or now.asked else wait_for(estimate.p_complete, limits)
    if now.awaits_final and not now.asked and not now.complete:
        wait = max(wait, limits.answer_after + limits.late_words)
    if now.silence is None and not now.asked and not now.complete:
        return _judged(
            "keep_listening", 1 - estimate.p_complete, "you are still speaking", estimate
        )
    if now.silence is not None and now.silence + _A_TICK < wait:
        over = estimate.p_complete >= limits.hold_above
        why = "you may be done" if over else "it sounds unfinished"
        answer = _answer(estimate, now) if over and now.may_hold else None
        if answer and answer.action in ("reply", "refuse", "deflect"):
            return _judged(
                answer.action,
                estimate.p_complete,
                f"{why}: I get ready",
                estimate,
                delay=wait - now.silence,
                hold=True,
            )
        return _judged(
            "keep_listening",
            1 - estimate.p_complete,
            f"{why}: I wait",
            estimate,
            delay=wait - now.silence,
        )
    return _answer(estimate, now)


def _answer(estimate: Estimate, now: Situation) -> Judgement:
    """The act for a turn that is over."""
    sure = estimate.p_appraisal
    if now.emergency:
        return _judged("reply", 1.0, "this sounds like an emergency", estimate)
    if now.stop and not now.asked:
        return _judged("silence", 0.9, "you asked for a moment of quiet", estimate)
    if now.bare_backchannel and not (now.answers_agent or now.asked):
        return _judged("silence", 0.8, "you only show that you listen", estimate)
    if estimate.appraisal == "affront":
        return _to_affront(estimate, now)
    if estimate.appraisal == "unreasonable":
        return _judged("refuse", sure, "I will not help with that", estimate)
    if estimate.appraisal == "boring":
        if now.rapport.repeats or now.rapport.patience < 0.8 or now.temper.cuts_in >= 0.6:
            return _judged("deflect", sure, "we have been here before", estimate)
        return _judged("reply", sure, "you repeat yourself, and I bear with you", estimate)
    if estimate.appraisal == "conflict":
        return _judged("reply", sure, "I see this differently", estimate)
    if estimate.appraisal == "agreement":
        return _judged("reply", sure, "we agree", estimate)
    return _judged("reply", max(estimate.p_complete, 0.5), "your turn is over", estimate)


def _to_affront(estimate: Estimate, now: Situation) -> Judgement:
    """A cool reply, then a refusal to go on like this, then the end of the chat."""
    nth = now.rapport.affronts + 1
    if nth >= now.temper.affronts_to_block:
        return _judged("block", estimate.p_appraisal, "too many insults: I end this", estimate)
    if nth == 1 and now.rapport.patience >= 0.3:
        return _judged("reply", estimate.p_appraisal, "rude, but let it pass once", estimate)
    return _judged("refuse", estimate.p_appraisal, "I won't be talked to like that", estimate)
