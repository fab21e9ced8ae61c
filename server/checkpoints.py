"""Keeps the state of sessions over a restart, beside the dialogue and never in its way.

One task writes: the newest state of a session wins, older ones are skipped. What a turn adds to the
history is also put down at once in a journal, so that a process killed between the closing of a
turn and its checkpoint loses nothing.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from graph.dialogue import Graph
from graph.errors import Unavailable
from graph.state import DialogueState
from nodes import history
from server.journal import Journal

log = logging.getLogger(__name__)

LAST_NODE = "speak"
"""Checkpoints are written as if this node had ended a run: nothing is left to be done."""


class Checkpoints:
    """The one writer of checkpoints in a process."""

    def __init__(self, graph: Graph, saver: AsyncSqliteSaver, journal: Journal, keep: int) -> None:
        """`graph` is compiled with `saver`; `keep` checkpoints of a session stay."""
        self._graph, self._saver, self._journal, self._keep = graph, saver, journal, keep
        self._waiting: dict[str, tuple[DialogueState, int]] = {}
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.failures = 0
        """Writes that failed; the state is written again with the next change."""

    def keep(self, session: str, before: DialogueState, after: DialogueState) -> None:
        """Notes a state to be written, and its new messages in the journal at once."""
        old = {message["id"] for message in before.get("messages", [])[-4:]}
        fresh = [m for m in after.get("messages", [])[-4:] if m["id"] not in old]
        self._journal.note(session, fresh)
        self._waiting[session] = after, self._journal.notes(session)
        self._idle.clear()
        self._work.set()

    async def flush(self) -> None:
        """Waits until nothing is left to write."""
        await self._idle.wait()

    async def latest(self, session: str) -> DialogueState | None:
        """The newest state of a session, with what only the journal has; None if there is none."""
        snapshot = await self._graph.aget_state(_thread(session))
        journalled = self._journal.read(session)
        if not snapshot.values and not journalled:
            return None
        state: DialogueState = {**snapshot.values}  # type: ignore[typeddict-item]
        messages = state.get("messages", [])
        for message in journalled:
            messages = history.put(messages, message)
        state["messages"] = messages
        return state

    async def run(self) -> None:
        """Writes what waits, until cancelled; then what still waits."""
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                await self._drain()
        except asyncio.CancelledError:
            await self._drain()
            raise

    async def _drain(self) -> None:
        while self._waiting:
            session, (state, notes) = next(iter(self._waiting.items()))
            del self._waiting[session]
            try:
                await self._write(session, state)
                self._journal.forget(session, notes)
            except Exception:
                self.failures += 1
                log.exception("no checkpoint of session %s was written", session)
        self._idle.set()

    async def _write(self, session: str, state: DialogueState) -> None:
        await self._graph.aupdate_state(_thread(session), state, as_node=LAST_NODE)
        await self._prune(session)

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
        raise _unwritable(folder, error) from error
    try:
        await saver.setup()
        # in a server that is killed the last writes may be lost at a power cut, never the file
        await saver.conn.execute("PRAGMA synchronous=NORMAL")
        await saver.conn.execute("PRAGMA user_version = 1")
        await saver.conn.commit()
    except Exception as error:
        with contextlib.suppress(Exception):
            await manager.__aexit__(None, None, None)
        raise _unwritable(folder, error) from error
    try:
        yield saver
    finally:
        await manager.__aexit__(None, None, None)


def _unwritable(folder: Path, error: Exception) -> Unavailable:
    return Unavailable(
        f"the data folder {folder} cannot be written ({error}): sessions will not survive a"
        " restart. Make it writable, or set CLEANS2S_DATA_DIR to a folder that is."
    )


def _thread(session: str) -> RunnableConfig:
    return {"configurable": {"thread_id": session}}
