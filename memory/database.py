"""One SQLite file, opened so that its troubles come out as one clear error."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memory.protocol import MemoryUnavailable

Value = str | float | int | bytes | None


class Database:
    """A SQLite file with a schema and its version; safe to use from several threads.

    A write is on disk when its transaction ends, also if the process is killed right after. Raises
    `MemoryUnavailable` where the file cannot be opened, read or written.
    """

    def __init__(self, file: Path, schema: str, version: int = 1) -> None:
        self.file = file
        self._lock = threading.RLock()
        with self._explained():
            file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                file, timeout=2.0, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(schema, version)
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self, schema: str, version: int) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        (found,) = self._connection.execute("PRAGMA user_version").fetchone()
        if found > version:
            raise MemoryUnavailable(
                f"memory: {self.file} was written by a newer CleanS2S (format {found}, this one"
                f" knows {version}); update CleanS2S or choose another data folder"
            )
        self._connection.executescript(schema)
        self._connection.execute(f"PRAGMA user_version = {version}")

    def rows(self, sql: str, *values: Value) -> list[Any]:
        """All rows of a query."""
        with self._lock, self._explained():
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: all that `run` does inside, or nothing of it."""
        with self._lock, self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def run(self, sql: str, *values: Value) -> int:
        """One statement; the number of rows it changed."""
        with self._lock, self._explained():
            return self._connection.execute(sql, values).rowcount

    def run_many(self, sql: str, rows: Sequence[tuple[Value, ...]]) -> None:
        """One statement for every row of values."""
        with self._lock, self._explained():
            self._connection.executemany(sql, rows)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise unavailable(self.file.parent, error) from error


def unavailable(folder: Path, error: BaseException) -> MemoryUnavailable:
    """The error that tells what to do about a folder that does not work."""
    return MemoryUnavailable(
        f"memory: the folder {folder} cannot be used ({error}); make it writable for this user,"
        " see that no other process uses it and the disk has room, or choose another data folder"
    )
