"""Chooses the act: the only place that does. Pure: the same situation gives the same judgement.

An estimator says what is probable; this says what a person would do about it, from the timing, the
rapport and the persona's temper as well. Here is which question is asked at which moment. What the
answers are stands one file each: `answers` (the turn is over), `interruption` (it is not, and that
is enough), `timing` (how long to wait), `rapport` (what is forgiven), `thresholds` (all numbers).
Hysteresis is in seconds and words, never in numbers of judgements, because partials coalesce and
their number means nothing.
"""

from graph.state import Estimate, Judgement
from nodes.judgement.answers import answer
from nodes.judgement.interruption import interruption
from nodes.judgement.situation import Situation, judged
from nodes.judgement.thresholds import DEFAULTS, Thresholds
from nodes.judgement.timing import wait_for

_A_TICK = 1e-6
"""A timer may fire this early, by rounding."""


def decide(
    estimate: Estimate, situation: Situation, limits: Thresholds = DEFAULTS
) -> Judgement | None:
    """What a person would do now; None where the event leaves nothing to choose."""
    now = situation
    if now.agent != "quiet":
        return _while_speaking(estimate, now, limits)
    if not now.words:
        return _without_words(estimate, now, limits)
    if now.blocked:
        return _while_blocked(estimate, now)
    if now.manual and not now.asked:
        return judged("keep_listening", 1.0, "the client decides when to answer", estimate)
    if now.cancelled and now.silence is not None:
        return judged("silence", 1.0, "the client told me to stop", estimate)
    if not now.complete and (cut := interruption(estimate, now, limits)):
        return cut
    return _at_a_pause(estimate, now, limits)


def _without_words(estimate: Estimate, now: Situation, limits: Thresholds) -> Judgement | None:
    """The user says nothing: speak only where something else asks for it."""
    if now.blocked:
        return None
    if now.tool_output and not now.manual:
        return judged("reply", 1.0, "the tool has answered", estimate)
    if not now.asked:
        return None
    patience = limits.answer_after + limits.late_words
    if now.awaits_final and now.silence is not None and now.silence + _A_TICK < patience:
        reason = "the client asked for an answer: I wait for your last words"
        return judged("keep_listening", 0.9, reason, estimate, delay=patience - now.silence)
    return judged("reply", 1.0, "the client asked for an answer", estimate)


def _while_speaking(estimate: Estimate, now: Situation, limits: Thresholds) -> Judgement | None:
    """The agent has the floor, or is on its way to it: yield, or go on."""
    if now.cancelled:
        return judged("yield_floor", 1.0, "the client told me to stop", estimate)
    if now.amended:
        return judged("yield_floor", 1.0, "you said more than I am answering", estimate)
    if now.agent == "interrupting":
        talks_on = now.words and now.silence is None and not now.backchannel
        if now.complete or (now.due == "give_way" and talks_on):
            return judged("yield_floor", 0.9, "I cut in and you talked on: your turn", estimate)
        if now.stop and now.words:
            return judged("yield_floor", 0.9, "you told me to stop", estimate, quiet=True)
        return judged("keep_talking", 0.9, "I am cutting in", estimate)
    if not now.words:
        late = now.silence is None and now.lasted + _A_TICK < limits.wait_for_words
        if now.due == "resume" and not late:
            return judged("keep_talking", 0.9, "a sound without words: I go on", estimate)
        return (
            None
            if now.agent == "speaking"
            else judged(
                "keep_talking",
                0.5,
                "a voice: I pause and wait for words",
                estimate,
                delay=limits.resume_after,
            )
        )
    if now.complete:
        return judged("yield_floor", 1.0, "you took the floor", estimate)
    if now.stop:
        return judged("yield_floor", 0.95, "you told me to stop", estimate, quiet=True)
    if now.backchannel:
        over = now.silence is not None or now.due == "resume"
        return judged(
            "keep_talking",
            0.9,
            "you are only showing that you listen",
            estimate,
            delay=None if over else limits.resume_after,
            quiet=over,
        )
    return judged("yield_floor", 0.9, "you are taking the floor", estimate)


def _while_blocked(estimate: Estimate, now: Situation) -> Judgement:
    if now.emergency and (now.complete or now.silence is not None):
        return judged("reply", 1.0, "this sounds like an emergency", estimate)
    if now.complete or now.silence is not None:
        return judged("silence", 1.0, f"the chat is closed: {now.blocked}", estimate)
    return judged("keep_listening", 1.0, f"the chat is closed: {now.blocked}", estimate)


def _at_a_pause(estimate: Estimate, now: Situation, limits: Thresholds) -> Judgement:
    """Answers if the turn is over; else says how long to go on listening."""
    at_once = now.complete or now.asked
    if now.silence is None and not at_once:
        return judged("keep_listening", 1 - estimate.p_complete, "you are still speaking", estimate)
    wait = _wait_at_the_end(now, limits) if at_once else _wait(estimate, now, limits)
    if now.silence is None or now.silence + _A_TICK >= wait:
        return answer(estimate, now, limits)
    over = estimate.p_complete >= limits.hold_above
    why = _why_wait(estimate, now, limits)
    ready = answer(estimate, now, limits) if over and now.may_hold else None
    if ready and ready.action in ("reply", "refuse", "deflect"):
        return judged(
            ready.action,
            estimate.p_complete,
            f"{why}: I get ready",
            estimate,
            delay=wait - now.silence,
            hold=True,
        )
    return judged(
        "keep_listening",
        1 - estimate.p_complete,
        f"{why}: I wait",
        estimate,
        delay=wait - now.silence,
    )


def _wait_at_the_end(now: Situation, limits: Thresholds) -> float:
    """Seconds to grant a turn that is over by the client's word: none, but for a verdict on it."""
    waits = now.verdict_due and not (now.asked or now.emergency)
    return limits.wait_for_verdict if waits else 0.0


def _wait(estimate: Estimate, now: Situation, limits: Thresholds) -> float:
    """Seconds of silence to grant this turn."""
    wait = wait_for(estimate.p_complete, limits, now.gap)
    wait = max(wait, min(limits.own_pace * now.paused, limits.own_pace_at_most))
    if now.emergency:
        wait = min(wait, limits.emergency_wait)
    return max(wait, limits.answer_after + limits.late_words) if now.awaits_final else wait


def _why_wait(estimate: Estimate, now: Situation, limits: Thresholds) -> str:
    if estimate.p_complete < limits.hold_above:
        return "it sounds unfinished"
    if estimate.p_complete < limits.surely_over:
        return "you may be done"
    return "your last words are on their way" if now.awaits_final else "you are done, a breath"
