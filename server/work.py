"""The long work of one session: done beside the dialogue, brought back as events."""

import asyncio
import contextvars
import logging
from collections.abc import Callable

from graph.errors import CleanS2SError
from graph.events import Event
from graph.mind import Work

log = logging.getLogger(__name__)


class Workshop:
    """Runs work by name. Its owner enters it, and leaves it when the session is over."""

    def __init__(self, post: Callable[[Event], None]) -> None:
        self._post = post
        self._running: dict[str, tuple[Work, asyncio.Task[Event | None]]] = {}
        self._done: dict[str, Event] = {}
        self._group = asyncio.TaskGroup()
        self.failures = 0
        """Works that raised."""

    async def __aenter__(self) -> "Workshop":
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        for _, task in self._running.values():
            task.cancel()
        await self._group.__aexit__(None, None, None)

    def start(self, work: Work) -> None:
        """Starts work, unless its name says that it is under way already."""
        if work.name in self._running:
            if work.twice == "skip":
                return
            self._running.pop(work.name)[1].cancel()
        # a fresh context: else a trace would hang this under a run that has ended
        task = self._group.create_task(
            self._run(work), name=work.name, context=contextvars.Context()
        )
        self._running[work.name] = (work, task)
        task.add_done_callback(lambda done: self._forget(work.name, done))

    async def result(self, name: str, within: float) -> Event | None:
        """What running work of this name gives, if it does so in time; it goes on if not.

        Where none is running: what the last one gave.
        """
        if name not in self._running:
            return self._done.get(name)
        task = self._running[name][1]
        done, _ = await asyncio.wait({task}, timeout=within)
        return task.result() if done and not task.cancelled() else None

    async def finish(self, within: float) -> None:
        """Cancels all work but that which is to be kept, and waits for the rest."""
        for work, task in list(self._running.values()):
            if not work.keep:
                task.cancel()
        kept = [task for work, task in self._running.values() if work.keep]
        if kept:
            _, late = await asyncio.wait(kept, timeout=max(0.0, within))
            for task in late:
                log.error("%s was given up: the session is over", task.get_name())
                task.cancel()

    async def _run(self, work: Work) -> Event | None:
        try:
            event = await work.run()
        except CleanS2SError as error:
            self.failures += 1
            log.warning("%s failed: %s", work.name, error)
            return None
        except Exception:
            self.failures += 1
            log.exception("%s failed", work.name)
            return None
        if event is not None:
            self._done[work.name] = event
            self._post(event)
        return event

    def _forget(self, name: str, task: asyncio.Task[Event | None]) -> None:
        if name in self._running and self._running[name][1] is task:
            del self._running[name]
