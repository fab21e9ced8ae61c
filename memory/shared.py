"""The memory and the embedder of a process, opened when they are first used.

Opening takes seconds (mem0 brings Qdrant), and some sessions never ask for it.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence

from langchain_core.language_models import BaseChatModel

from graph.settings import Settings
from graph.state import Exchange, Recollection
from memory.embedder import Embedder, MiniLm, Vectors
from memory.protocol import Memory, MemoryUnavailable, Summariser
from memory.summary import ExtractiveSummariser, LLMSummariser

log = logging.getLogger(__name__)


class LazyEmbedder:
    """`MiniLm`, loaded at the first call. Call it in a thread."""

    dims = MiniLm.dims

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._loaded: MiniLm | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`; raises `Unavailable` if the model cannot be loaded."""
        with self._loading:
            self._loaded = self._loaded or MiniLm()
        return self._loaded.embed(texts)


class SharedMemory:
    """The backend that the settings name, for all sessions."""

    def __init__(self, settings: Settings, embedder: Embedder, model: BaseChatModel | None) -> None:
        """With a model mem0 extracts facts; without, what was said is kept as said."""
        self._settings, self._embedder, self._model = settings, embedder, model
        self._opening = asyncio.Lock()
        self._opened: Memory | None = None

    async def recall(self, query: str, user: str, now: float) -> Recollection:
        """See `Memory.recall`; raises `MemoryUnavailable` where the folder cannot be used."""
        return await (await self._memory()).recall(query, user, now)

    async def remember(self, turns: Sequence[Exchange], user: str, now: float) -> None:
        """See `Memory.remember`; raises `MemoryUnavailable` where the folder cannot be used."""
        await (await self._memory()).remember(turns, user, now)

    async def open(self) -> None:
        """Opens the backend now, so that nobody waits for it; raises as `recall` does."""
        await self._memory()

    async def close(self) -> None:
        """Closes what was opened."""
        if self._opened:
            await self._opened.close()

    async def _memory(self) -> Memory:
        async with self._opening:
            if self._opened is None:
                self._opened = await asyncio.to_thread(self._open)
        return self._opened

    def _open(self) -> Memory:
        from memory.sqlite_backend import open_sqlite

        wanted, folder = self._settings.memory, self._settings.data_dir / "memory"
        summariser = summariser_for(self._model)
        if wanted.backend == "mem0":
            from memory.mem0_backend import open_mem0

            try:
                return open_mem0(
                    folder,
                    self._embedder,
                    llm=self._model,
                    facts=wanted.facts,
                    summariser=summariser,
                )
            except MemoryUnavailable as error:
                log.warning("mem0 cannot be used, plain SQLite takes its place: %s", error)
        return open_sqlite(folder, self._embedder, facts=wanted.facts, summariser=summariser)


def summariser_for(model: BaseChatModel | None) -> Summariser:
    """With a model it writes the summaries; without, the telling sentences are kept."""
    return LLMSummariser(model) if model else ExtractiveSummariser()
