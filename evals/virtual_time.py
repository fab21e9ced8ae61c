"""An event loop whose clock jumps: hours of dialogue in seconds, the same every time.

Where every task waits for the clock, the loop moves it to the next timer instead of sleeping.
While work runs in the loop's threads the clock stands still, so their speed changes nothing. Real
sockets do not belong on this loop: a timeout would pass before the other side could answer.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`loop.time()`, timers, sleeps and timeouts run on virtual seconds, beginning at 0."""

    def __init__(self) -> None:
        self._now = 0.0
        self._in_threads = 0
        self._jumping = _JumpingSelector(self)
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., R], *args: Any
    ) -> "asyncio.Future[R]":
        """As ever; the clock stands still until it is done."""
        self._in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _: object) -> None:
        self._in_threads -= 1

    def sleep_through(self, seconds: float) -> bool:
        """Moves the clock on; False while a thread is at work, which must be waited for."""
        if self._in_threads:
            return False
        self._now += seconds
        return True


class _JumpingSelector(selectors.DefaultSelector):
    """Does not sleep until the next timer: it lets the loop jump there."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(0)
        if ready:
            return ready
        if self._loop.sleep_through(timeout):
            return ready
        return super().select(None)


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end on a virtual-time loop."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
