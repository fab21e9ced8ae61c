"""The journal: every exchange of every user, in order. All else in memory can be made from it.

Facts live in a store of their own (mem0, SQLite). The journal knows which turns each store has, so
a turn that a crash cut short, or that another store kept while this one was away, is written later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graph.state import Exchange
from memory.database import Database
from memory.embedder import clean

SCHEMA = """
CREATE TABLE IF NOT EXISTS turns (
    seq INTEGER PRIMARY KEY,
    user TEXT NOT NULL,
    turn TEXT NOT NULL,
    at REAL NOT NULL,
    said TEXT NOT NULL,
    answer TEXT NOT NULL,
    folded INTEGER NOT NULL DEFAULT 0,
    UNIQUE (user, turn)
);
CREATE INDEX IF NOT EXISTS turns_in_time ON turns (user, at, seq);
CREATE INDEX IF NOT EXISTS turns_unfolded ON turns (user, at, seq) WHERE NOT folded;
CREATE TABLE IF NOT EXISTS kept (
    seq INTEGER NOT NULL REFERENCES turns (seq),
    store TEXT NOT NULL,
    PRIMARY KEY (seq, store)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS summaries (user TEXT PRIMARY KEY, summary TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Entry:
    """An exchange with its place in the journal."""

    seq: int
    exchange: Exchange


class Journal:
    """The file `journal.sqlite` of a folder. Raises `MemoryUnavailable` where it does not work."""

    def __init__(self, folder: Path) -> None:
        self._db = Database(folder / "journal.sqlite", SCHEMA)

    def add(self, user: str, turns: Sequence[Exchange]) -> set[str]:
        """Writes the turns that are not there yet, all or none; returns the ids of those."""
        new: set[str] = set()
        with self._db.writing():
            for turn in turns:
                added = self._db.run(
                    "INSERT OR IGNORE INTO turns (user, turn, at, said, answer)"
                    " VALUES (?, ?, ?, ?, ?)",
                    user, clean(turn.turn), turn.at, clean(turn.user), clean(turn.agent),
                )  # fmt: skip
                if added:
                    new.add(clean(turn.turn))
        return new

    def missing(self, user: str, store: str) -> list[Entry]:
        """The user's turns that `store` does not have, oldest first."""
        return self._entries(
            "FROM turns WHERE user = ? AND NOT EXISTS (SELECT 1 FROM kept"
            " WHERE kept.seq = turns.seq AND kept.store = ?) ORDER BY at, seq",
            user, store,
        )  # fmt: skip

    def mark_kept(self, entry: Entry, store: str) -> None:
        """Notes that `store` has this turn on disk."""
        with self._db.writing():
            self._db.run("INSERT OR IGNORE INTO kept (seq, store) VALUES (?, ?)", entry.seq, store)

    def times(self, user: str) -> list[float]:
        """Unix seconds of all exchanges, in order."""
        return [
            at for (at,) in self._db.rows("SELECT at FROM turns WHERE user = ? ORDER BY at", user)
        ]

    def recent(self, user: str, count: int) -> list[Exchange]:
        """The newest exchanges, at most `count`, oldest first."""
        newest = self._entries(
            "FROM turns WHERE user = ? ORDER BY at DESC, seq DESC LIMIT ?", user, count
        )
        return [entry.exchange for entry in reversed(newest)]

    def unfolded(self, user: str, before: float) -> list[Entry]:
        """The exchanges before this moment that the summary does not cover, oldest first."""
        return self._entries(
            "FROM turns WHERE user = ? AND NOT folded AND at < ? ORDER BY at, seq", user, before
        )

    def summary(self, user: str) -> str:
        """The summary of the folded exchanges; empty where there is none."""
        found = self._db.rows("SELECT summary FROM summaries WHERE user = ?", user)
        return str(found[0][0]) if found else ""

    def fold(self, user: str, previous: str, summary: str, entries: Sequence[Entry]) -> None:
        """Replaces `previous` by a summary that covers `entries` too, unless another was faster."""
        with self._db.writing():
            if self.summary(user) != previous:
                return
            self._db.run(
                "INSERT INTO summaries VALUES (?, ?)"
                " ON CONFLICT (user) DO UPDATE SET summary = excluded.summary",
                user, clean(summary),
            )  # fmt: skip
            self._db.run_many(
                "UPDATE turns SET folded = 1 WHERE seq = ?", [(entry.seq,) for entry in entries]
            )

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def _entries(self, where: str, *values: str | float) -> list[Entry]:
        rows = self._db.rows(f"SELECT seq, turn, said, answer, at {where}", *values)
        return [
            Entry(seq, Exchange(turn, said, answer, at)) for seq, turn, said, answer, at in rows
        ]
