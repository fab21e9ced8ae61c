"""Facts in plain SQLite: needs nothing but the embedder, and does without that too.

What the user said is kept as said. Vectors are float32 blobs; a query is compared with all vectors
of the user (1,000 facts: a few milliseconds).
"""

import logging
from datetime import tzinfo
from pathlib import Path

import numpy as np

from graph.state import Exchange, Fact
from memory.database import Database
from memory.embedder import Embedder
from memory.keeper import Keeper
from memory.protocol import Summariser
from memory.words import is_filler, passages

log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (
    user TEXT NOT NULL,
    turn TEXT NOT NULL,
    part INTEGER NOT NULL,
    said_at REAL NOT NULL,
    text TEXT NOT NULL,
    vector BLOB,
    UNIQUE (user, turn, part)
);
"""


class SqliteFacts:
    """The `FactStore` in the file `facts.sqlite`."""

    name = "sqlite"

    def __init__(self, folder: Path, embedder: Embedder | None) -> None:
        if embedder is None:
            log.warning("memory: no embedder; facts are found by shared words only")
        self._embedder = embedder
        self._db = Database(folder / "facts.sqlite", SCHEMA)

    def write(self, user: str, turn: Exchange) -> None:
        """See `FactStore.write`."""
        said = as_said(turn)
        vectors = self._embedder.embed(said) if self._embedder and said else [None] * len(said)
        rows = [
            (user, turn.turn, part, turn.at, text, None if vector is None else vector.tobytes())
            for part, (text, vector) in enumerate(zip(said, vectors, strict=True))
        ]
        with self._db.writing():
            self._db.run_many("INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?, ?)", rows)

    def erase(self, user: str, turn: str) -> None:
        """See `FactStore.erase`."""
        with self._db.writing():
            self._db.run("DELETE FROM facts WHERE user = ? AND turn = ?", user, turn)

    def near(self, user: str, query: str) -> list[Fact]:
        """See `FactStore.near`: all facts of the user."""
        rows = self._db.rows("SELECT text, said_at, turn, vector FROM facts WHERE user = ?", user)
        if not rows:
            return []
        cosines = self._cosines(query, [vector for *_, vector in rows])
        return [
            Fact(text, said_at, cosine, turn)
            for (text, said_at, turn, _), cosine in zip(rows, cosines, strict=True)
        ]

    def close(self) -> None:
        """See `FactStore.close`."""
        self._db.close()

    def _cosines(self, query: str, vectors: list[bytes | None]) -> list[float]:
        """Of each vector to the query; 0 where there is none."""
        if self._embedder is None:
            return [0.0] * len(vectors)
        size = 4 * self._embedder.dims
        known = [v if v is not None and len(v) == size else bytes(size) for v in vectors]
        matrix = np.frombuffer(b"".join(known), dtype=np.float32).reshape(len(vectors), -1)
        cosines: list[float] = (matrix @ self._embedder.embed([query])[0]).tolist()
        return cosines


def as_said(turn: Exchange) -> list[str]:
    """What the user said, as it is kept where no model extracts facts; nothing if it was filler."""
    return [] if is_filler(turn.user) else passages(turn.user)


def open_sqlite(
    folder: Path,
    embedder: Embedder | None,
    *,
    facts: int = 5,
    summariser: Summariser | None = None,
    zone: tzinfo | None = None,
) -> Keeper:
    """A memory in plain SQLite in this folder, which is made if missing. Blocks for milliseconds.

    `facts`: most facts of a recollection. `summariser` folds sessions that are over (default:
    extractive). `zone`: for the time of day (default: this machine's). Raises `MemoryUnavailable`.
    """
    return Keeper(
        folder, lambda: SqliteFacts(folder, embedder), facts=facts, summariser=summariser, zone=zone
    )
