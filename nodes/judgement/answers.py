"""The act for a turn that is over: what a person would do about what was said."""

from graph.state import Estimate, Judgement
from nodes.judgement.interruption import readiness
from nodes.judgement.situation import Situation, judged
from nodes.judgement.thresholds import Thresholds


def answer(estimate: Estimate, now: Situation, limits: Thresholds) -> Judgement:
    """The first of these that fits. An emergency comes before all that could leave it unanswered,
    and what an estimator suggests behind all that it must not soften."""
    if now.emergency:
        return judged("reply", 1.0, "this sounds like an emergency", estimate)
    if now.stop and not now.asked:
        return judged("silence", 0.9, "you asked for a moment of quiet", estimate)
    if now.bare_backchannel and not (now.answers_agent or now.asked):
        return judged("silence", 0.8, "you only show that you listen", estimate)
    if estimate.appraisal == "affront":
        return _to_an_affront(estimate, now, limits)
    if estimate.appraisal == "unreasonable":
        return _to_a_demand(estimate, now, limits)
    if suggested := _as_suggested(estimate, now):
        return suggested
    if estimate.appraisal == "boring":
        return _to_a_repetition(estimate, now, limits)
    return _to_an_equal(estimate, now)


def _to_an_affront(estimate: Estimate, now: Situation, limits: Thresholds) -> Judgement:
    """A cool reply, then refusals to go on like this, then the end of the chat.

    The last affront before the end is always refused: nobody is shut out without a warning, but by
    a persona that stands none at all.
    """
    sure, nth, last = estimate.p_appraisal, now.rapport.affronts + 1, now.temper.affronts_to_block
    if nth >= last and sure >= limits.block_certain:
        reason = "too many insults: I end this" if last > 1 else "an insult: I end this"
        return judged("block", sure, reason, estimate)
    if nth == 1 and last != 2 and now.rapport.patience >= limits.warns_below:
        return judged("reply", sure, "rude, but I let it pass once", estimate)
    warning = ": the next one ends this" if nth == last - 1 else ""
    return judged("refuse", sure, f"I won't be talked to like that{warning}", estimate)


def _to_a_demand(estimate: Estimate, now: Situation, limits: Thresholds) -> Judgement:
    """A refusal; one who insists, and has used up the patience, is led away, then left alone."""
    sure, again, patience = estimate.p_appraisal, now.rapport.demands, now.rapport.patience
    if again >= 2 and patience < limits.done_with_asking and _may_be_silent(now):
        return judged("silence", sure, "I have said no often enough", estimate)
    if again and patience < limits.tired_of_asking:
        return judged("deflect", sure, "I have said no: something else", estimate)
    return judged("refuse", sure, "I will not help with that", estimate)


def _to_a_repetition(estimate: Estimate, now: Situation, limits: Thresholds) -> Judgement:
    """Who is calm bears with the first one; after that, and by others, it is led away from."""
    sure = estimate.p_appraisal
    if now.rapport.repeats or readiness(now) >= limits.deflects_at:
        return judged("deflect", sure, "we have been here before", estimate)
    return judged("reply", sure, "you repeat yourself, and I bear with you", estimate)


def _to_an_equal(estimate: Estimate, now: Situation) -> Judgement:
    on = f" on {now.topic}" if now.topic else ""
    if estimate.appraisal == "conflict":
        return judged("reply", estimate.p_appraisal, f"we differ{on}", estimate)
    if estimate.appraisal == "agreement":
        return judged("reply", estimate.p_appraisal, f"we agree{on}", estimate)
    return judged("reply", max(estimate.p_complete, 0.5), "your turn is over", estimate)


def _as_suggested(estimate: Estimate, now: Situation) -> Judgement | None:
    """What the estimator itself would do, where a person might: never an end or a cut."""
    sure = estimate.p_appraisal
    if estimate.suggests == "refuse":
        return judged("refuse", sure, "I would rather not do that", estimate)
    if estimate.suggests == "deflect":
        return judged("deflect", sure, "I would rather talk of something else", estimate)
    if estimate.suggests == "silence" and _may_be_silent(now):
        return judged("silence", sure, "there is nothing to answer", estimate)
    if estimate.suggests == "reply" and estimate.appraisal == "boring":
        return judged("reply", sure, "you repeat yourself, and I bear with you", estimate)
    return None


def _may_be_silent(now: Situation) -> bool:
    """Whether nobody waits for an answer: nothing asked, nothing that was typed or committed."""
    return not (now.asked or now.complete or now.question)
