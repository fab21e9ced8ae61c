"""One appraisal from what the networks tell of a sentence and what the conversation tells."""

from collections.abc import Mapping

from graph.state import Appraisal
from nodes.judgement.boring import boring
from nodes.judgement.content import WordVectors
from nodes.judgement.estimator import View
from nodes.judgement.opinions import siding, touched

CERTAIN = 0.5
"""The one threshold."""
SIDES = 0.75
"""Probability of agreement or conflict where the user's own words side on a touched opinion."""


def appraisal_of(
    p_net: Mapping[Appraisal, float], view: View, vectors: WordVectors | None
) -> tuple[Appraisal, float]:
    """The appraisal of a turn and its probability.

    In this order, each from `CERTAIN` on: affront, unreasonable, conflict or agreement (only where
    an opinion of the persona is touched), boring; else plain, as probable as the likeliest of the
    others leaves it. `p_net` holds the networks' probabilities, each appraisal by itself; one that
    is missing counts as 0.
    """
    likely: dict[Appraisal, float] = {
        name: p_net.get(name, 0.0) for name in ("affront", "unreasonable")
    }
    likely |= _stances(p_net, view)
    for name, p in likely.items():
        if p >= CERTAIN:
            return name, p
    boredom = boring(view, vectors).p
    if boredom >= CERTAIN:
        return "boring", boredom
    return "plain", 1.0 - max(boredom, *likely.values())


def _stances(p_net: Mapping[Appraisal, float], view: View) -> dict[Appraisal, float]:
    """Conflict and agreement, the likelier first; the words' own side outweighs the network's."""
    opinion = touched(view)
    if opinion is None:
        return {"conflict": 0.0, "agreement": 0.0}
    side = siding(view, opinion)
    if side:
        against, with_it = (SIDES, 0.0) if side < 0 else (0.0, SIDES)
    else:
        against, with_it = p_net.get("conflict", 0.0), p_net.get("agreement", 0.0)
    both: list[tuple[Appraisal, float]] = [("conflict", against), ("agreement", with_it)]
    return dict(sorted(both, key=lambda item: -item[1]))
