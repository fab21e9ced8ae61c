"""What the tests of the memory share: the real backends on a folder, and turns to keep in them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from graph.state import Exchange
from memory.embedder import MiniLm
from memory.keeper import Keeper
from memory.mem0_backend import open_mem0
from memory.sqlite_backend import open_sqlite

NOW = 1_750_000_000.0
"""Sunday, 15 June 2025, 15:06:40 UTC."""
HOUR = 3600.0
DAY = 24 * HOUR

Backend = Callable[[Path], Keeper]
BACKENDS: dict[str, Callable[[Path, MiniLm], Keeper]] = {"sqlite": open_sqlite, "mem0": open_mem0}


@asynccontextmanager
async def opened(backend: Backend, folder: Path) -> AsyncIterator[Keeper]:
    """The memory in this folder, closed at the end."""
    memory = backend(folder)
    try:
        yield memory
    finally:
        await memory.close()


def said(text: str, turn: str = "t1", *, agent: str = "I see.", at: float = NOW) -> Exchange:
    """One closed turn."""
    return Exchange(turn=turn, user=text, agent=agent, at=at)


def turns(texts: Sequence[str], *, start: float = NOW - HOUR, every: float = 5.0) -> list[Exchange]:
    """Closed turns, a few seconds apart."""
    return [said(text, f"t{n}", at=start + n * every) for n, text in enumerate(texts)]


async def facts(memory: Keeper, query: str, user: str = "ann", now: float = NOW) -> list[str]:
    """The texts that come up for a query, best first."""
    return [fact.text for fact in (await memory.recall(query, user, now)).facts]
