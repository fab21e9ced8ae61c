"""Who is shut out, and until when: kept for each user, over sessions and restarts."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

from graph.state import Restriction

log = logging.getLogger(__name__)

FILE = "restrictions.sqlite"


class Restrictions:
    """Reads and writes restrictions; writing never waits, one task does it."""

    def __init__(self, file: Path | None, now: Callable[[], float] = time.time) -> None:
        """`file` None: they last as long as the process. `now` gives unix seconds."""
        self._file = file
        self._now = now
        self._unwritten: dict[str, Restriction] = {}
        """Those that the file does not have yet, or never will."""
        self._work = asyncio.Event()

    async def of(self, user: str) -> Restriction | None:
        """The restriction in force on a user."""
        restriction = self._unwritten.get(user)
        if restriction is None and self._file is not None:
            try:
                restriction = await asyncio.to_thread(_read, self._file, user)
            except sqlite3.Error as error:
                log.error("restrictions cannot be read (%s): %s is let in", error, user)
        return restriction if restriction and restriction.until > self._now() else None

    def set(self, user: str, restriction: Restriction) -> None:
        """Shuts a user out; the last word counts. Returns at once."""
        self._unwritten[user] = restriction
        self._work.set()

    async def run(self) -> None:
        """Writes what waits, until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            await self.flush()

    async def flush(self) -> None:
        """Writes what waits."""
        now = self._now()
        waiting = {user: one for user, one in self._unwritten.items() if one.until > now}
        if self._file is None or not waiting:
            self._unwritten = waiting
            return
        try:
            await asyncio.to_thread(_write, self._file, waiting, now)
        except sqlite3.Error as error:
            log.error("restrictions cannot be written (%s): they end with this process", error)
            return
        for user, restriction in waiting.items():
            if self._unwritten.get(user) is restriction:
                del self._unwritten[user]


@asynccontextmanager
async def open_restrictions(
    folder: Path, now: Callable[[], float] = time.time
) -> AsyncIterator[Restrictions]:
    """The restrictions of a data folder, with their writer running. `now` gives unix seconds.

    Where the folder cannot be written they last as long as the process, which is said once.
    """
    file: Path | None = folder / FILE
    try:
        await asyncio.to_thread(_make, folder / FILE)
    except (OSError, sqlite3.Error) as error:
        log.warning("%s cannot be written (%s): restrictions end with this process", file, error)
        file = None
    restrictions = Restrictions(file, now)
    writer = asyncio.create_task(restrictions.run())
    try:
        yield restrictions
    finally:
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        await restrictions.flush()


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS restrictions"
            " (user TEXT PRIMARY KEY, until REAL NOT NULL, reason TEXT NOT NULL)"
        )


def _read(file: Path, user: str) -> Restriction | None:
    query = "SELECT until, reason FROM restrictions WHERE user = ?"
    with closing(sqlite3.connect(file)) as connection:
        row = connection.execute(query, (user,)).fetchone()
    return Restriction(until=row[0], reason=row[1]) if row else None


def _write(file: Path, restrictions: dict[str, Restriction], now: float) -> None:
    rows = [(user, one.until, one.reason) for user, one in restrictions.items()]
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM restrictions WHERE until <= ?", (now,))
        connection.executemany("INSERT OR REPLACE INTO restrictions VALUES (?, ?, ?)", rows)
