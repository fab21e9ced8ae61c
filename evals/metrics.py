"""How well scores tell a positive class, with bootstrap intervals.

Average precision is the step-wise area under the precision-recall curve, ties taken together, as
scikit-learn's `average_precision_score` defines it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NAMES = ("n", "base_rate", "accuracy", "precision", "recall", "f1", "ap", "recall_at_p75")
"""The figures, in the order in which they are printed."""

_P75 = 0.75
_RESAMPLES = 1000
_CHUNK = 100


@dataclass(frozen=True)
class Figure:
    """A figure with its bootstrap 95 % interval; None where it is not defined."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Confusion:
    """Counts at the threshold."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


@dataclass(frozen=True)
class Metrics:
    """All figures of one set of rows."""

    figures: dict[str, Figure]
    """By the names of `NAMES`; `n` has no interval."""
    confusion: Confusion

    def plain(self) -> dict[str, float | int | None]:
        """The figures without their intervals, `n` as an integer."""
        values = {name: figure.value for name, figure in self.figures.items()}
        return {name: int(v or 0) if name == "n" else v for name, v in values.items()}


def measure(
    scores: Floats, positive: NDArray[np.bool_], threshold: float, seed: int = 0
) -> Metrics:
    """Figures of scores 0..1 against the truth; positive is predicted from the threshold on.

    Intervals by drawing rows with replacement (percentiles of 1,000 draws). Average precision and
    recall at precision 0.75 are not defined without a positive row, precision is 0 where nothing
    is predicted.
    """
    n = len(scores)
    if n == 0:
        empty = {name: Figure(0.0 if name == "n" else None) for name in NAMES}
        return Metrics(empty, Confusion(0, 0, 0, 0))
    rows = _Rows(scores, positive, threshold)
    once = rows.figures(np.ones((1, n)))
    draws = np.random.default_rng(seed)
    even = np.full(n, 1 / n)
    sampled = [
        rows.figures(draws.multinomial(n, even, size=_CHUNK).astype(np.float64))
        for _ in range(_RESAMPLES // _CHUNK)
    ]
    figures = {"n": Figure(float(n))}
    for name in NAMES[1:]:
        value = float(once[name][0])
        draws_of = np.concatenate([part[name] for part in sampled])
        draws_of = draws_of[np.isfinite(draws_of)]
        if not np.isfinite(value) or not len(draws_of):
            figures[name] = Figure(None)
        else:
            low, high = np.quantile(draws_of, [0.025, 0.975])
            figures[name] = Figure(value, float(low), float(high))
    return Metrics(figures, rows.confusion())


class _Rows:
    """Rows in the order of falling score; a draw is how often each row was drawn."""

    def __init__(self, scores: Floats, positive: NDArray[np.bool_], threshold: float) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ranked = scores[self._order]
        self._positive = positive[self._order].astype(np.float64)
        self._predicted = (ranked >= threshold).astype(np.float64)
        # Rows of one score are taken together: the curve has a point only behind the last of them.
        self._ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)

    def confusion(self) -> Confusion:
        said, true = self._predicted, self._positive
        cells = (said * true, said * (1 - true), (1 - said) * true, (1 - said) * (1 - true))
        return Confusion(*(int(cell.sum()) for cell in cells))

    def figures(self, drawn: Floats) -> dict[str, Floats]:
        """Every figure for each row of `drawn` (draws x rows, counts)."""
        drawn = drawn[:, self._order]
        total = drawn.sum(axis=1)
        positives = drawn @ self._positive
        predicted = drawn @ self._predicted
        hits = drawn @ (self._predicted * self._positive)
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = np.where(predicted > 0, hits / predicted, 0.0)
            recall = hits / positives
            f1 = 2 * hits / (predicted + positives)
            true_hits = np.cumsum(drawn * self._positive, axis=1)[:, self._ends]
            taken = np.cumsum(drawn, axis=1)[:, self._ends]
            curve_precision = np.where(taken > 0, true_hits / taken, 1.0)
            curve_recall = true_hits / positives[:, None]
        steps = np.diff(curve_recall, axis=1, prepend=0.0)
        reached = np.where(curve_precision >= _P75, curve_recall, 0.0)
        return {
            "base_rate": positives / total,
            "accuracy": 1 - (predicted + positives - 2 * hits) / total,
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "ap": (steps * curve_precision).sum(axis=1),
            "recall_at_p75": np.where(positives > 0, reached.max(axis=1), np.nan),
        }
