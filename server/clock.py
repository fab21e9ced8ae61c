"""The session's clock: seconds since it began, and one timer for each name the mind wakes by."""

import asyncio
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Where a session takes its time from. The default is the event loop's clock."""

    def time(self) -> float:
        """Seconds, rising, from any beginning."""

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Calls back at that moment of `time()`."""


class Timers:
    """Named timers on a session's clock; setting a name again replaces it."""

    def __init__(self, clock: Clock, fire: Callable[[str], None]) -> None:
        self._clock = clock
        self._zero = clock.time()
        self._fire = fire
        self._set: dict[str, asyncio.TimerHandle] = {}

    def now(self) -> float:
        """Seconds since the session began."""
        return self._clock.time() - self._zero

    def set(self, name: str, at: float | None) -> None:
        """Fires `name` at that second of the session; None takes it back."""
        if name in self._set:
            self._set.pop(name).cancel()
        if at is not None:
            self._set[name] = self._clock.call_at(self._zero + at, lambda: self._due(name))

    def clear(self) -> None:
        """Takes all timers back."""
        for name in list(self._set):
            self.set(name, None)

    @property
    def pending(self) -> frozenset[str]:
        """The names that are still to fire."""
        return frozenset(self._set)

    def _due(self, name: str) -> None:
        del self._set[name]
        self._fire(name)
