"""Whether to cut in before the user has finished.

One estimate is never enough. An interruption rests on an *impression*: the estimates of this turn
have said the same for some words and some time. It is counted in words and seconds because
partials coalesce, and how many estimates there were means nothing.
"""

from collections.abc import Callable
from dataclasses import replace

from graph.state import Appraisal, Estimate, Impression, Judgement
from nodes.judgement.situation import Situation, judged
from nodes.judgement.thresholds import DEFAULTS, Thresholds


def interruption(estimate: Estimate, now: Situation, limits: Thresholds) -> Judgement | None:
    """To cut in, and why; None where a person would go on listening.

    Never into a pause, a question, a sign of listening, an emergency, or a turn that is ending
    anyway; never twice within `cool_down`; and only as readily as the persona's temper has it.
    """
    needs = limits.cut_in.get(estimate.appraisal)
    if needs is None or readiness(now) < needs.readiness or now.temper.cuts_in <= 0:
        return None
    if now.question or now.backchannel or now.emergency or now.silence is not None:
        return None
    if estimate.p_appraisal < needs.certain or estimate.p_complete > limits.surely_over:
        return None
    if now.since_interruption is not None and now.since_interruption < limits.cool_down:
        return None
    if now.words < needs.words or now.lasted < needs.seconds:
        return None
    if now.held_words < needs.held_words or now.held_seconds < needs.held_seconds:
        return None
    reason = REASONS[estimate.appraisal](now)
    return judged("interrupt", estimate.p_appraisal, reason, estimate)


def readiness(now: Situation) -> float:
    """How ready the persona is to interrupt, 0..1.4: its own eagerness, and lost patience."""
    patience = min(now.temper.patience, now.rapport.patience)
    return now.temper.cuts_in + 0.4 * (1 - patience)


def impression_after(
    impression: Impression | None,
    estimate: Estimate,
    words: int,
    at: float,
    limits: Thresholds = DEFAULTS,
) -> Impression | None:
    """What the estimates of a turn agree on once one more, made on `words` words, came at `at`.

    What says otherwise does not break it before `forgets_after` words have passed without support.
    """
    if estimate.appraisal != "plain" and estimate.p_appraisal >= limits.suspects:
        if impression and impression.appraisal == estimate.appraisal:
            return replace(impression, last_words=max(words, impression.last_words))
        return Impression(estimate.appraisal, words, words, at)
    lapsed = impression is None or words - impression.last_words > limits.forgets_after
    return None if lapsed else impression


def _about(topic: str) -> str:
    return f" about {topic}" if topic else ""


REASONS: dict[Appraisal, Callable[[Situation], str]] = {
    "affront": lambda now: "I won't listen to insults",
    "boring": lambda now: "you are going round in circles",
    "conflict": lambda now: f"I see it differently{_about(now.topic)}",
    "agreement": lambda now: f"I agree so much{_about(now.topic)} that I cut in",
}
