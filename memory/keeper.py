"""The memory itself: the contract of `Memory`, over any store of facts.

A turn goes into the journal first and into the store of facts after that. A crash in between leaves
it in the journal as missing in the store, so the next `remember` of that user writes it.
"""

import asyncio
import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import tzinfo
from pathlib import Path
from threading import Lock
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

from graph.errors import BadInput
from graph.state import Exchange, Fact, Recollection
from memory.embedder import clean
from memory.journal import Entry, Journal
from memory.protocol import MemoryUnavailable, Summariser
from memory.rank import rank
from memory.summary import ExtractiveSummariser
from memory.temporal import SESSION_GAP, Session, read, render, sessions
from memory.words import newest_words

log = logging.getLogger(__name__)
T = TypeVar("T")

QUERY_WORDS = 60
"""Of a longer query, only the newest words are looked up: words cost time."""
TOPIC_TURNS = 300
"""Newest turns in which a topic that comes back is looked for."""
CATCH_UP = 16
"""Turns of a backlog (a crash, another store) that one `remember` writes besides its own."""
YEAR_9999 = 253_370_764_800.0


class FactStore(Protocol):
    """Keeps facts with the turn they come from. Blocks; called from several threads at once.

    `user` is a key of letters and digits here. Raises `MemoryUnavailable` if it fails.
    """

    name: str
    """Under which the journal notes what this store has."""

    def write(self, user: str, turn: Exchange) -> None:
        """Keeps what the turn tells, maybe nothing. On disk when it returns."""

    def erase(self, user: str, turn: str) -> None:
        """Removes what a write that was cut short has left of a turn."""

    def near(self, user: str, query: str) -> list[Fact]:
        """Candidates for the query among this user's facts, scored by cosine."""

    def close(self) -> None:
        """Lets go of its files."""


class Keeper:
    """A `Memory` over a store of facts, in one folder. See the `open_...` functions beside it."""

    def __init__(
        self,
        folder: Path,
        store: Callable[[], FactStore],
        *,
        facts: int = 5,
        summariser: Summariser | None = None,
        zone: tzinfo | None = None,
    ) -> None:
        if facts < 0:
            raise BadInput("memory.facts", facts, "must not be negative")
        with ExitStack() as opened:
            self._journal = Journal(folder)
            opened.callback(self._journal.close)
            self._store = store()
            opened.pop_all()
        self._limit = facts
        self._extractive = ExtractiveSummariser(zone=zone)
        self._summariser = summariser or self._extractive
        self._zone = zone
        self._readers = ThreadPoolExecutor(2, "memory-read")
        self._writers = ThreadPoolExecutor(4, "memory-write")
        self._writing: WeakValueDictionary[str, Lock] = WeakValueDictionary()
        self._closed = False

    async def recall(self, query: str, user: str, now: float) -> Recollection:
        """See `Memory.recall`."""
        key = user_key(user)
        check_moment("now", now)
        return await self._in(self._readers, lambda: self._recall(clean(query), key, now))

    async def remember(self, turns: Sequence[Exchange], user: str, now: float) -> None:
        """See `Memory.remember`."""
        key = user_key(user)
        check_moment("now", now)
        for at, turn in enumerate(turns):
            if not turn.turn.strip():
                raise BadInput(f"turns[{at}].turn", turn.turn, "must not be empty")
            check_moment(f"turns[{at}].at", turn.at)
        one_at_a_time = self._writing.setdefault(key, Lock())
        await self._in(self._writers, lambda: self._remember(turns, key, one_at_a_time))
        try:
            await self._fold(key, now)
        except MemoryUnavailable as error:
            log.warning("memory: the turns are kept, the summary waits: %s", error)

    async def close(self) -> None:
        """See `Memory.close`."""
        self._closed = True
        await asyncio.to_thread(self._close)

    def _recall(self, query: str, user: str, now: float) -> Recollection:
        asked = newest_words(query, QUERY_WORDS).strip()
        near = self._store.near(user, asked) if asked and self._limit else []
        history = sessions(self._journal.times(user))
        signals = read(history, self._journal.recent(user, TOPIC_TURNS), asked, now)
        return Recollection(
            facts=rank(asked, near, self._limit),
            summary=self._summary(user, history, now),
            temporal=render(signals, self._zone),
            as_of=now,
            query=query,
        )

    def _summary(self, user: str, history: Sequence[Session], now: float) -> str:
        """What is known of earlier sessions; those not folded yet are extracted on the spot."""
        over = self._over(user, history, now)
        summary = self._journal.summary(user)
        if not over:
            return summary
        return self._extractive.digest(summary, [entry.exchange for entry in over], now)

    def _remember(self, turns: Sequence[Exchange], user: str, one_at_a_time: Lock) -> None:
        # Locked in the thread: it goes on where the task that waits for it is cancelled.
        with one_at_a_time:
            self._write(turns, user)

    def _write(self, turns: Sequence[Exchange], user: str) -> None:
        given = {clean(turn.turn) for turn in turns}
        new = self._journal.add(user, turns)
        missing = self._journal.missing(user, self._store.name)
        backlog = [entry for entry in missing if entry.exchange.turn not in given]
        if backlog:
            log.info("memory: %s is behind by %d turns of a user", self._store.name, len(backlog))
        due = [entry for entry in missing if entry.exchange.turn in given]
        for entry in due + backlog[-CATCH_UP:]:
            if entry.exchange.turn not in new:
                self._store.erase(user, entry.exchange.turn)
            self._store.write(user, entry.exchange)
            self._journal.mark_kept(entry, self._store.name)

    async def _fold(self, user: str, now: float) -> None:
        """Folds sessions that are over into the user's summary."""
        over, previous = await self._in(self._writers, lambda: self._to_fold(user, now))
        if not over:
            return
        turns = [entry.exchange for entry in over]
        summary = await self._summariser.summarise(previous, turns, now)
        await self._in(self._writers, lambda: self._journal.fold(user, previous, summary, over))

    def _to_fold(self, user: str, now: float) -> tuple[list[Entry], str]:
        """What is to be folded into the user's summary, and that summary."""
        over = self._over(user, sessions(self._journal.times(user)), now)
        return over, self._journal.summary(user)

    def _over(self, user: str, history: Sequence[Session], now: float) -> list[Entry]:
        """The exchanges of sessions that are over and not folded."""
        if not history:
            return []
        last = history[-1]
        begun = last.start if now - last.end <= SESSION_GAP else math.inf
        return self._journal.unfolded(user, begun)

    def _close(self) -> None:
        self._writers.shutdown()
        self._readers.shutdown()
        self._store.close()
        self._journal.close()

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        if self._closed:
            raise MemoryUnavailable("memory: it has been closed; open it anew")
        return await asyncio.get_running_loop().run_in_executor(pool, work)


def user_key(user: str) -> str:
    """The user's id as 64 hex digits, so that no store can read more into it (spaces, wildcards).

    Raises `BadInput` for an empty id: strangers would share it.
    """
    if not user:
        raise BadInput("user", user, "must not be empty")
    return hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()


def check_moment(field: str, at: float) -> None:
    """Raises `BadInput` unless `at` is a moment in unix seconds."""
    if not (math.isfinite(at) and 0 <= at < YEAR_9999):
        raise BadInput(field, at, "must be unix seconds")
