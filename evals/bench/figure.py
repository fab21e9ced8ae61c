"""What a bench gives: a figure with its unit, how often it was measured, and its target."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Unit = Literal["ms", "s", "MB", "x", "%", ""]


@dataclass(frozen=True)
class Target:
    """The most that a figure may be; None where nothing was promised."""

    p50: float | None = None
    p95: float | None = None

    def __str__(self) -> str:
        named = (("p50", self.p50), ("p95", self.p95))
        return ", ".join(f"{name} <= {most:g}" for name, most in named if most is not None)


@dataclass(frozen=True)
class Figure:
    """One line of the table. A figure that is not a distribution has its value in `p50` alone."""

    name: str
    unit: Unit
    p50: float
    p95: float | None = None
    n: int = 1
    """Measurements behind it."""
    target: Target = Target()
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        pairs = ((self.p50, self.target.p50), (self.p95, self.target.p95))
        asked = [(value, most) for value, most in pairs if most is not None]
        if not asked:
            return None
        return all(value is not None and value <= most for value, most in asked)


def spread(
    name: str, unit: Unit, values: Sequence[float], target: Target = Target(), note: str = ""
) -> Figure:
    """The figure of a distribution; percentiles by the nearest rank."""
    return Figure(
        name, unit, percentile(values, 50), percentile(values, 95), len(values), target, note
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(percent / 100 * len(ranked)) - 1)]
