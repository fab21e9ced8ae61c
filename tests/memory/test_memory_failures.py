"""What happens to a memory when the process dies, or its folder does not work."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.embedder import MiniLm
from memory.mem0_backend import open_mem0
from memory.protocol import MemoryUnavailable
from memory.sqlite_backend import open_sqlite
from tests.memory.keeping import BACKENDS, NOW, Backend, facts, opened, said

ROOT = Path(__file__).parents[2]
NOBODY = 65534

LONG = (
    "My boat is called Albatross and it lies in the harbour of Bergen, where the rain never stops"
    " and the gulls are loud from four in the morning until late at night, every day of the year."
    " My piano is red and it stands in the kitchen of my sister, because my own flat is too small"
    " for it, and the neighbours do not like to hear me play the same three songs all evening."
)
"""Kept as two facts."""

DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from memory import database, journal
from memory.embedder import MiniLm
from tests.memory.keeping import BACKENDS, NOW, said
from tests.memory.test_memory_failures import LONG

name, where, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
memory = BACKENDS[name](folder, MiniLm())

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def dies_after(kind, method):
    real = getattr(kind, method)
    def last(*given, **named):
        real(*given, **named)
        die()
    setattr(kind, method, last)

async def main():
    await memory.remember([said("My name is Tom.", "t1")], "ann", NOW)
    store = type(memory._store)
    if where == "before the store":
        store.write = die
    elif where == "half of the facts" and name == "mem0":
        from mem0.vector_stores.qdrant import Qdrant
        dies_after(Qdrant, "insert")
    elif where == "half of the facts":
        dies_after(database.Database, "run_many")
    elif where == "before the note":
        journal.Journal.mark_kept = die
    await memory.remember([said(LONG, "t2"), said("I play chess.", "t3")], "ann", NOW)

asyncio.run(main())
print("survived")
"""


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("sqlite", "before the store"),
        ("sqlite", "half of the facts"),
        ("sqlite", "before the note"),
        ("mem0", "half of the facts"),
        ("mem0", "before the note"),
    ],
)
async def test_killed_while_it_writes_every_fact_is_there_once_afterwards(
    embedder: MiniLm, tmp_path: Path, name: str, where: str
):
    await asyncio.to_thread(_die, name, where, tmp_path)
    memory = BACKENDS[name](tmp_path, embedder)
    await memory.remember([said("I live in Rome.", "t4")], "ann", NOW)
    await memory.remember([said(LONG, "t2"), said("I play chess.", "t3")], "ann", NOW)
    found = await memory.recall("my name, my boat, my red piano, chess, and Rome", "ann", NOW)
    assert sorted(fact.turn for fact in found.facts) == ["t1", "t2", "t2", "t3", "t4"]
    await memory.close()


def _die(name: str, where: str, folder: Path) -> None:
    died = subprocess.run(
        [sys.executable, "-c", DYING, name, where, str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    """A folder that may be read but not written; as root, this process becomes nobody."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


@pytest.mark.parametrize("name", list(BACKENDS))
def test_a_read_only_folder_is_named_with_what_to_do(
    embedder: MiniLm, name: str, read_only_folder: Path
):
    with pytest.raises(MemoryUnavailable) as told:
        BACKENDS[name](read_only_folder, embedder)
    assert str(read_only_folder) in str(told.value)
    assert "make it writable" in str(told.value)


@pytest.mark.parametrize("name", list(BACKENDS))
async def test_a_folder_that_becomes_read_only_is_named_at_the_next_write(
    embedder: MiniLm, name: str, tmp_path: Path
):
    memory = BACKENDS[name](tmp_path, embedder)
    memory._journal._db._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(MemoryUnavailable, match="readonly"):
        await memory.remember([said("My name is Tom.")], "ann", NOW)
    assert (await memory.recall("my name", "ann", NOW)).facts == ()
    memory._journal._db._connection.execute("PRAGMA query_only = OFF")
    await memory.remember([said("My name is Tom.")], "ann", NOW)
    assert await facts(memory, "my name") == ["My name is Tom."]
    await memory.close()


async def test_a_full_disk_loses_no_turn(embedder: MiniLm, tmp_path: Path):
    memory = open_sqlite(tmp_path, embedder)
    connection = memory._store._db._connection  # type: ignore[attr-defined]
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    story = [said(LONG, "t1"), said("My name is Tom.", "t2")]
    with pytest.raises(MemoryUnavailable, match="full"):
        await memory.remember(story * 3, "ann", NOW)
    connection.execute("PRAGMA max_page_count = 1000000")
    await memory.remember([said("mhm", "t3")], "ann", NOW)
    assert await facts(memory, "my name") == ["My name is Tom."]
    assert "Albatross" in (await facts(memory, "what is my boat called"))[0]
    await memory.close()


def test_a_file_where_the_folder_should_be_is_named(backend: Backend, tmp_path: Path):
    (tmp_path / "memory").write_text("in the way")
    with pytest.raises(MemoryUnavailable, match=str(tmp_path / "memory")):
        backend(tmp_path / "memory")


def test_a_broken_file_is_named(backend: Backend, tmp_path: Path):
    (tmp_path / "journal.sqlite").write_bytes(b"this is no database " * 100)
    with pytest.raises(MemoryUnavailable, match="not a database"):
        backend(tmp_path)


def test_a_file_of_a_newer_version_is_left_alone(backend: Backend, tmp_path: Path):
    with sqlite3.connect(tmp_path / "journal.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(MemoryUnavailable, match=r"newer CleanS2S \(format 99"):
        backend(tmp_path)


async def test_a_folder_that_another_mem0_has_is_named_and_is_free_after_it_closed(
    embedder: MiniLm, tmp_path: Path
):
    first = open_mem0(tmp_path, embedder)
    with pytest.raises(MemoryUnavailable, match="already accessed") as told:
        open_mem0(tmp_path, embedder)
    assert str(tmp_path) in str(told.value)
    await first.close()
    await open_mem0(tmp_path, embedder).close()


async def test_a_file_that_another_process_keeps_locked_is_named(backend: Backend, tmp_path: Path):
    async with opened(backend, tmp_path) as memory:
        memory._journal._db._connection.execute("PRAGMA busy_timeout = 10")
        other = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(MemoryUnavailable, match="locked"):
            await memory.remember([said("My name is Tom.")], "ann", NOW)
        other.execute("ROLLBACK")
        other.close()
        await memory.remember([said("My name is Tom.")], "ann", NOW)
        assert await facts(memory, "my name") == ["My name is Tom."]
