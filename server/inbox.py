"""A session's queue of events, in which only the newest of several waiting partials is kept."""

import asyncio
from collections import deque

from graph.events import Due, Event, Partial


class Inbox:
    """First in, first out; a partial replaces the one of its segment that waits right before it."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._filled = asyncio.Event()
        self.coalesced = 0
        """Partials that were never judged because a newer one came."""

    def put(self, event: Event) -> None:
        """Adds an event."""
        last = self._events[-1] if self._events else None
        if (
            isinstance(event, Partial)
            and isinstance(last, Partial)
            and last.segment == event.segment
            and not last.final
        ):
            self._events[-1] = event
            self.coalesced += 1
        else:
            self._events.append(event)
        self._filled.set()

    def drop_due(self, name: str) -> None:
        """Takes back a `Due` that waits: its timer was set anew, or taken back, after it fired."""
        for event in [e for e in self._events if isinstance(e, Due) and e.name == name]:
            self._events.remove(event)

    async def get(self) -> Event:
        """The oldest event, once there is one."""
        while not self._events:
            self._filled.clear()
            await self._filled.wait()
        return self._events.popleft()

    def __len__(self) -> int:
        return len(self._events)
