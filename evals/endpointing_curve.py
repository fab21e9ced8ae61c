"""Cut-ins against delay: what an endpointing rule costs, for every setting of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evals.endpointing_pauses import Floats, Pauses
from nodes.judgement.thresholds import DEFAULTS, Thresholds
from nodes.judgement.timing import wait_for

SILENCES = np.arange(0.2, 2.5001, 0.05)
"""Fixed silences, in seconds; less than 0.2 is no end of speech to the ear."""

SHIFTS = np.arange(-9.0, 9.001, 0.25)
"""How much the odds of completion are raised (log) before the policy maps them to a wait: the one
number that makes a judge bolder or more careful. 0 is what ships."""

AT_SHARE = 0.1
"""Share of mid-turn pauses cut into at which the rules are compared."""

_DRAWS = 1000
_EDGE = 1e-6


@dataclass(frozen=True)
class Curve:
    """One rule, at every setting: shares of cut-ins and mean delays, the boldest setting first."""

    name: str
    settings: Floats
    shares: Floats
    """Of the pauses within turns, those into which the agent would have spoken."""
    delays: Floats
    """Seconds from the end of a turn to the answer, on average."""
    shipped: int | None = None
    """Index of the setting that ships."""

    def delay_at(self, share: float) -> float | None:
        """Mean delay at that share of cut-ins, between settings by a straight line."""
        return _delay_at(self.shares, self.delays, share)


@dataclass(frozen=True)
class Compared:
    """A figure at `AT_SHARE`, with its bootstrap 95 % interval over dialogues."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Rule:
    """How long a rule waits at each pause, for every setting; rows are settings."""

    def __init__(
        self, name: str, settings: Floats, waits: Floats, pauses: Pauses, shipped: int | None = None
    ) -> None:
        self.name, self.settings, self.shipped = name, settings, shipped
        ends, count = pauses.ends, int(pauses.dialogue.max()) + 1
        cut = np.where(ends, 0.0, waits < np.nan_to_num(pauses.length) - _EDGE)
        self._cuts = _by_dialogue(cut, pauses, count)
        self._delays = _by_dialogue(np.where(ends, waits, 0.0), pauses, count)
        self._mid = np.bincount(pauses.dialogue, ~ends, count)
        self._ends = np.bincount(pauses.dialogue, ends, count)

    @property
    def dialogues(self) -> int:
        """How many there are."""
        return len(self._mid)

    def curve(self) -> Curve:
        """Over all dialogues."""
        shares, delays = self._of(np.ones(self.dialogues))
        return Curve(self.name, self.settings, shares, delays, self.shipped)

    def drawn(self, draws: Floats, share: float = AT_SHARE) -> Floats:
        """Mean delay at the share for each draw of dialogues (draws x dialogues, counts)."""
        found = (_delay_at(*self._of(drawn), share) for drawn in draws)
        return np.array([np.nan if one is None else one for one in found])

    def _of(self, weights: Floats) -> tuple[Floats, Floats]:
        mid = max(float(weights @ self._mid), 1.0)
        ends = max(float(weights @ self._ends), 1.0)
        return self._cuts @ weights / mid, self._delays @ weights / ends


def fixed(pauses: Pauses) -> Rule:
    """The same silence everywhere."""
    waits = np.repeat(SILENCES[:, None], len(pauses.length), axis=1)
    return Rule("fixed silence", SILENCES, waits, pauses)


def judged(
    name: str,
    p_complete: Floats,
    pauses: Pauses,
    limits: Thresholds = DEFAULTS,
    waits: Callable[[float, Thresholds], float] = wait_for,
) -> Rule:
    """The policy's wait for what a judge estimates, with its odds raised and lowered."""
    certain = np.clip(p_complete, _EDGE, 1 - _EDGE)
    odds = np.log(certain / (1 - certain))
    shifts = SHIFTS[::-1]
    raised = 1 / (1 + np.exp(-(odds[None, :] + shifts[:, None])))
    table = np.vectorize(lambda p: waits(float(p), limits), otypes=[np.float64])
    shipped = int(np.flatnonzero(np.isclose(shifts, 0.0))[0])
    return Rule(name, shifts, table(raised), pauses, shipped)


def compare(rule: Rule, base: Rule, share: float = AT_SHARE) -> tuple[Compared, Compared]:
    """A rule's mean delay at the share, and its part of the base's; intervals by dialogue."""
    chance = np.random.default_rng(0)
    even = np.full(rule.dialogues, 1 / rule.dialogues)
    draws = chance.multinomial(rule.dialogues, even, size=_DRAWS).astype(np.float64)
    own, others = rule.curve().delay_at(share), base.curve().delay_at(share)
    drawn = rule.drawn(draws, share)
    ratio = None if own is None or others is None else own / others
    return _interval(own, drawn), _interval(ratio, drawn / base.drawn(draws, share))


def _interval(value: float | None, drawn: Floats) -> Compared:
    known = drawn[np.isfinite(drawn)]
    if value is None or not len(known):
        return Compared(value)
    low, high = np.quantile(known, [0.025, 0.975])
    return Compared(value, float(low), float(high))


def _by_dialogue(values: Floats, pauses: Pauses, count: int) -> Floats:
    return np.stack([np.bincount(pauses.dialogue, row, count) for row in values])


def _delay_at(shares: Floats, delays: Floats, share: float) -> float | None:
    """Delays rise while shares fall; None where no setting reaches the share."""
    order = np.argsort(shares, kind="stable")
    if not shares[order[0]] <= share <= shares[order[-1]]:
        return None
    return float(np.interp(share, shares[order], delays[order]))
