"""Keeps the state of sessions over a restart, beside the dialogue and never in its way.

One task writes: the newest state of a session wins, older ones are skipped. Each is also put down
at once in a journal, so that a process killed between the closing of a turn and its checkpoint
loses nothing.
"""

import asyncio
import contextlib
import contextvars
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from graph.dialogue import Graph
from graph.errors import Unavailable
from graph.services import Services
from graph.state import Dialogue, DialogueState
from server.journal import Journal

log = logging.getLogger(__name__)

BREATH_SECONDS = 0.1
"""A checkpoint waits so long, for it costs the loop milliseconds just when the agent is about to
sound. The journal has the turn by then."""
LAST_NODE = "speak"
"""Checkpoints are written as if this node had ended a run: nothing is left to be done."""


@dataclass(frozen=True)
class _Noted:
    """A state to be written."""

    state: DialogueState
    notes: int
    """Where the journal stood when it was noted."""
    written: asyncio.Event
    """It, or a newer one in its place, is written or could not be."""


class Checkpoints:
    """The one writer of checkpoints in a process."""

    def __init__(self, graph: Graph, saver: AsyncSqliteSaver, journal: Journal, keep: int) -> None:
        """`graph` is compiled with `saver`; `keep` checkpoints of a session stay."""
        self._graph, self._saver, self._journal, self._keep = graph, saver, journal, keep
        self._waiting: dict[str, _Noted] = {}
        self._writing: _Noted | None = None
        self._work = asyncio.Event()
        self.failures = 0
        """Writes that failed; the state is written again with the next change."""

    def keep(self, session: str, before: DialogueState, after: DialogueState) -> None:
        """Notes a state to be written, and in the journal at once."""
        self._journal.note(session, before, after)
        older = self._waiting.get(session)
        written = older.written if older else asyncio.Event()
        self._waiting[session] = _Noted(after, self._journal.notes(session), written)
        self._work.set()

    async def flush(self) -> None:
        """Waits until all that has been noted is written, or could not be. Needs `run`."""
        for noted in [*self._waiting.values(), *([self._writing] if self._writing else [])]:
            await noted.written.wait()

    async def latest(self, session: str) -> DialogueState | None:
        """The newest state of a session, from its checkpoint and journal; None if it has none.

        Raises `Unavailable` where the checkpoint cannot be read.
        """
        try:
            snapshot = await self._graph.aget_state(_thread(session))
            state = self._journal.replay(session, cast(DialogueState, snapshot.values))
            Dialogue.load(state)
        except Exception as error:  # SQLite's, the decoder's, or a value of another version
            raise Unavailable(
                f"session {session!r} cannot go on: its checkpoint is damaged ({error})."
                " Begin a new session, or restore checkpoints.sqlite from a backup."
            ) from error
        return state or None

    async def run(self) -> None:
        """Writes what waits, until cancelled; then what still waits."""
        try:
            while True:
                await self._work.wait()
                await asyncio.sleep(BREATH_SECONDS)
                self._work.clear()
                await self._drain()
        finally:
            await self._drain()

    async def _drain(self) -> None:
        while self._waiting:
            session = next(iter(self._waiting))
            noted = self._writing = self._waiting.pop(session)
            try:
                await self._write(session, noted)
            except asyncio.CancelledError:
                newest = self._waiting.setdefault(session, noted)
                if newest is not noted:
                    noted.written.set()
                raise
            finally:
                self._writing = None
            noted.written.set()

    async def _write(self, session: str, noted: _Noted) -> None:
        try:
            await self._graph.aupdate_state(_thread(session), noted.state, as_node=LAST_NODE)
            await self._prune(session)
            self._journal.forget(session, noted.notes)
        except Exception:
            self.failures += 1
            log.exception("no checkpoint of session %s was written", session)

    async def _prune(self, session: str) -> None:
        """The saver itself never deletes, so we do."""
        old = (
            "SELECT checkpoint_id FROM checkpoints WHERE thread_id = ?1"
            " ORDER BY checkpoint_id DESC LIMIT -1 OFFSET ?2"
        )
        async with self._saver.lock:
            for table in ("writes", "checkpoints"):
                await self._saver.conn.execute(
                    f"DELETE FROM {table} WHERE thread_id = ?1 AND checkpoint_id IN ({old})",
                    (session, self._keep),
                )
            await self._saver.conn.commit()


@asynccontextmanager
async def open_saver(folder: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """The SQLite saver in `folder`; raises `Unavailable` where it cannot be written."""
    file = folder / "checkpoints.sqlite"
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        manager = AsyncSqliteSaver.from_conn_string(str(file))
        saver = await manager.__aenter__()
    except Exception as error:
        raise _unusable(file, error) from error
    try:
        await saver.setup()
        # in a server that is killed the last writes may be lost at a power cut, never the file
        await saver.conn.execute("PRAGMA synchronous=NORMAL")
        await saver.conn.execute("PRAGMA user_version = 1")
        await saver.conn.commit()
    except Exception as error:
        with contextlib.suppress(Exception):
            await manager.__aexit__(None, None, None)
        raise _unusable(file, error) from error
    try:
        yield saver
    finally:
        await manager.__aexit__(None, None, None)


@asynccontextmanager
async def open_checkpoints(services: Services) -> AsyncIterator[Checkpoints | None]:
    """The checkpoints of a process with their writer running; None, said once, if there are none.

    A data folder that cannot be written costs the sessions their afterlife, not their life.
    """
    folder = services.settings.data_dir
    if not services.settings.checkpoints:
        yield None
        return
    async with AsyncExitStack() as stack:
        try:
            saver = await stack.enter_async_context(open_saver(folder))
            journal = await asyncio.to_thread(Journal, folder / "journal")
        except (Unavailable, OSError) as error:
            log.warning("%s", error)
            yield None
            return
        keep = services.settings.keep_checkpoints
        checkpoints = Checkpoints(services.graph(saver), saver, journal, keep)
        writer = asyncio.create_task(checkpoints.run(), context=contextvars.Context())
        try:
            yield checkpoints
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)


def _unusable(file: Path, error: Exception) -> Unavailable:
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return Unavailable(
            f"the checkpoint file {file} is damaged ({error}): sessions will not survive a restart."
            " Move it away, and a new one is made."
        )
    return Unavailable(
        f"the data folder {file.parent} cannot be written ({error}): sessions will not survive a"
        " restart. Make it writable, or set CLEANS2S_DATA_DIR to a folder that is."
    )


def _thread(session: str) -> RunnableConfig:
    return {"configurable": {"thread_id": session}}
