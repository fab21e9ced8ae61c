"""How the agent stands to the user: what costs patience, and what makes good.

The rapport is written once a turn, when the turn closes. Time works on it all the same, so it is
read as it has become by now (`aged`), not as it was written.
"""

from collections.abc import Mapping
from dataclasses import replace

from graph.state import Appraisal, Rapport
from nodes.judgement.situation import Temper

COSTS: Mapping[Appraisal, float] = {
    "affront": 0.35, "unreasonable": 0.15, "boring": 0.1, "conflict": 0.05,
}  # fmt: skip
"""Patience that a turn costs."""
COURTESY = 0.15
"""Patience that thanks or an apology give back; they make one affront good as well."""
PLEASURE = 0.03
"""Patience that any other turn gives back."""


def aged(rapport: Rapport, at: float, temper: Temper) -> Rapport:
    """The rapport as it is at a later moment, in seconds of the session.

    Patience comes back by the minute. One affront is made good by the time in which what it cost
    comes back; who recovers nothing forgives nothing but by courtesy.
    """
    minutes = max(0.0, at - rapport.updated_at) / 60
    patience = min(temper.patience, rapport.patience + minutes * temper.recovery_per_minute)
    forgiven, since = 0, rapport.affront_at
    if rapport.affronts and temper.recovery_per_minute > 0:
        takes = 60 * COSTS["affront"] / temper.recovery_per_minute
        forgiven = min(rapport.affronts, int(max(0.0, at - since) / takes))
        since += forgiven * takes
    return replace(
        rapport,
        patience=patience,
        affronts=rapport.affronts - forgiven,
        affront_at=since,
        updated_at=max(at, rapport.updated_at),
    )


def rapport_after(
    rapport: Rapport,
    appraisal: Appraisal,
    courteous: bool,
    turn: str,
    at: float,
    temper: Temper,
) -> Rapport:
    """The rapport once a turn has closed; a turn counts once."""
    if rapport.turn == turn:
        return rapport
    rapport = aged(rapport, at, temper)
    rude = appraisal == "affront"
    courteous = courteous and not rude
    change = COURTESY if courteous else -COSTS.get(appraisal, -PLEASURE)
    affronts = rapport.affronts + 1 if rude else rapport.affronts - int(courteous)
    return replace(
        rapport,
        patience=round(min(temper.patience, max(0.0, rapport.patience + change)), 4),
        affronts=max(0, affronts),
        affront_at=at if rude else rapport.affront_at,
        repeats=rapport.repeats + 1 if appraisal == "boring" else 0,
        demands=rapport.demands + 1 if appraisal == "unreasonable" else 0,
        turn=turn,
    )
