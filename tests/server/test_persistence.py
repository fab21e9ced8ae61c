"""Sessions outlive the process: real SQLite checkpoints, and the journal that covers the gap."""

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from graph.errors import Unavailable
from graph.events import Joined, Left, TextTyped
from graph.services import build_services
from graph.settings import load_settings
from graph.state import Dialogue, DialogueState, Message
from server.checkpoints import Checkpoints, open_checkpoints, open_saver
from server.journal import Journal
from tests.server.stage import ANSWER, Scene, Written, graph_of, until


@asynccontextmanager
async def keeping(folder: Path, keep: int = 5, write: bool = True) -> AsyncIterator[Checkpoints]:
    """The checkpoints of a folder; `write` False: of a process that dies before it writes any."""
    async with open_saver(folder) as saver:
        journal = Journal(folder / "journal")
        checkpoints = Checkpoints(graph_of(checkpointer=saver), saver, journal, keep)
        if not write:
            yield checkpoints
            return
        writer = asyncio.create_task(checkpoints.run())
        yield checkpoints
        writer.cancel()
        await asyncio.wait({writer})


def state_of(*texts: str, session: str = "s1") -> DialogueState:
    messages: list[Message] = [
        {"id": f"t{n}", "role": "user", "content": text, "at": float(n)}
        for n, text in enumerate(texts, 1)
    ]
    return Dialogue(session=session, user="u1", messages=messages).changes()


def texts(state: DialogueState | None) -> list[str]:
    assert state is not None
    return [message["content"] for message in state["messages"]]


def rows(folder: Path, table: str = "checkpoints", thread: str = "s1") -> int:
    with sqlite3.connect(folder / "checkpoints.sqlite") as file:
        query = f"SELECT count(*) FROM {table} WHERE thread_id = ?"
        count: int = file.execute(query, (thread,)).fetchone()[0]
    file.close()
    return count


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def journals(folder: Path) -> list[Path]:
    return list((folder / "journal").iterdir())


async def test_of_states_that_wait_only_the_newest_is_written(tmp_path: Path) -> None:
    async with keeping(tmp_path, write=False) as checkpoints:
        before = state_of()
        for number in range(1, 30):
            after = state_of(*(f"turn {n}" for n in range(number)))
            checkpoints.keep("s1", before, after)
            before = after
        writer = asyncio.create_task(checkpoints.run())
        await checkpoints.flush()
        writer.cancel()
        await asyncio.wait({writer})
        assert rows(tmp_path) == 1
        assert texts(await checkpoints.latest("s1")) == [f"turn {n}" for n in range(29)]
        assert journals(tmp_path) == []


async def test_the_last_five_checkpoints_of_each_session_stay(tmp_path: Path) -> None:
    async with keeping(tmp_path) as checkpoints:
        for number in range(1, 13):
            for session in ("s1", "s2"):
                state = state_of(*(f"{session} {n}" for n in range(number)), session=session)
                checkpoints.keep(session, state_of(), state)
            await checkpoints.flush()
        assert (rows(tmp_path), rows(tmp_path, thread="s2")) == (5, 5)
        with sqlite3.connect(tmp_path / "checkpoints.sqlite") as file:
            orphans = file.execute(
                "SELECT count(*) FROM writes WHERE (thread_id, checkpoint_id) NOT IN"
                " (SELECT thread_id, checkpoint_id FROM checkpoints)"
            ).fetchone()
        file.close()
        assert orphans == (0,)
        assert texts(await checkpoints.latest("s2")) == [f"s2 {n}" for n in range(12)]


async def test_a_session_goes_on_where_it_was_left(tmp_path: Path) -> None:
    async with keeping(tmp_path) as checkpoints:
        scene = Scene(keeper=checkpoints, pace=None)
        async with scene.played():
            scene.type("My name is Ann.")
            await until(lambda: len(scene.ends()) == 1)
        first = scene.history
    async with keeping(tmp_path) as checkpoints:
        state = await checkpoints.latest("s1")
        again = Scene(keeper=checkpoints, pace=None, state=state)
        async with again.played():
            again.type("Who am I?")
            await until(lambda: len(again.ends()) == 1)
    assert first == [("user", "My name is Ann."), ("assistant", ANSWER)]
    assert again.history == [*first, ("user", "Who am I?"), ("assistant", ANSWER)]
    assert [m["id"] for m in again.state["messages"]] == ["t1", "u1", "t2", "u2"]


async def test_when_a_session_has_ended_all_of_it_is_in_its_checkpoint(tmp_path: Path) -> None:
    async with keeping(tmp_path) as checkpoints:
        scene = Scene(keeper=checkpoints, pace=100.0)
        async with scene.played():
            scene.type("Tell me something about the moon.")
            await until(lambda: bool(scene.starts()))
        assert journals(tmp_path) == []
        kept = await checkpoints.latest("s1")
        assert kept
        assert {k: v for k, v in kept.items() if k != "event"} == {
            k: v for k, v in scene.state.items() if k != "event"
        }
        assert checkpoints.failures == 0


async def test_a_session_that_was_never_kept_is_none(tmp_path: Path) -> None:
    async with keeping(tmp_path) as checkpoints:
        assert await checkpoints.latest("nobody") is None


async def test_two_sessions_write_in_turn_and_keep_apart(tmp_path: Path) -> None:
    async with keeping(tmp_path) as checkpoints:
        graph = graph_of()
        one = Scene(graph=graph, keeper=checkpoints, name="one", pace=None)
        two = Scene(graph=graph, keeper=checkpoints, name="two", pace=None)
        async with one.played(), two.played():
            for number in range(12):
                one.type(f"One says {number}.")
                two.type(f"Two says {number}.")
                await until(lambda: len(one.ends()) == len(two.ends()) == number + 1)  # noqa: B023
    async with keeping(tmp_path) as checkpoints:
        for name, word in (("one", "One"), ("two", "Two")):
            state = await checkpoints.latest(name)
            assert state
            said = [m["content"] for m in state["messages"] if m["role"] == "user"]
            assert said == [f"{word} says {n}." for n in range(12)]


async def test_a_session_that_ends_does_not_wait_for_what_others_note_later(tmp_path: Path) -> None:
    async with keeping(tmp_path) as checkpoints:
        checkpoints.keep("s1", state_of(), state_of("one"))
        ended = asyncio.create_task(checkpoints.flush())
        noted = 0
        while not ended.done():
            checkpoints.keep(f"other {noted % 3}", state_of(), state_of("busy"))
            noted += 1
            await asyncio.sleep(0)
            assert noted < 20_000
        assert rows(tmp_path) == 1


async def test_shutdown_writes_what_waits_at_whatever_moment_it_comes(tmp_path: Path) -> None:
    for moment in range(1, 60, 3):
        folder = tmp_path / str(moment)
        async with open_saver(folder) as saver:
            journal = Journal(folder / "journal")
            checkpoints = Checkpoints(graph_of(checkpointer=saver), saver, journal, 5)
            writer = asyncio.create_task(checkpoints.run())
            for name in ("one", "two", "three"):
                checkpoints.keep(name, state_of(), state_of("a", "b", session=name))
            for _ in range(moment):
                await asyncio.sleep(0)
            writer.cancel()
            await asyncio.wait({writer})
            await asyncio.wait_for(checkpoints.flush(), 5)
            for name in ("one", "two", "three"):
                assert rows(folder, thread=name) >= 1
            assert journals(folder) == []


async def test_a_process_killed_before_its_checkpoint_loses_nothing(tmp_path: Path) -> None:
    async with keeping(tmp_path) as checkpoints:
        first = state_of("one")
        checkpoints.keep("s1", state_of(), first)
        await checkpoints.flush()
    async with keeping(tmp_path, write=False) as checkpoints:
        second, third = state_of("one", "two"), state_of("one", "two", "three")
        checkpoints.keep("s1", first, second)
        checkpoints.keep("s1", second, third)
    assert rows(tmp_path) == 1
    async with keeping(tmp_path) as checkpoints:
        state = await checkpoints.latest("s1")
        assert state
        assert {k: v for k, v in state.items() if k != "event"} == dict(third)


async def test_after_a_kill_new_turns_do_not_take_the_place_of_old_ones(tmp_path: Path) -> None:
    async def live(text: str, write: bool) -> Scene:
        async with keeping(tmp_path, write=write) as checkpoints:
            state = await checkpoints.latest("s1")
            scene = Scene(keeper=checkpoints, pace=None, state=state)
            running = asyncio.create_task(scene.session.run())
            scene.post(Joined(user="u1", session="s1", started=0.0, resumed=state is not None))
            scene.type(text)
            await until(lambda: len(scene.ends()) == 1)
            running.cancel()
            await asyncio.wait({running})
        return scene

    await live("The first.", True)
    await live("The second, in a process that is killed.", False)
    await live("The third, in another one.", False)
    scene = await live("The fourth.", True)
    assert [m["content"] for m in scene.state["messages"] if m["role"] == "user"] == [
        "The first.",
        "The second, in a process that is killed.",
        "The third, in another one.",
        "The fourth.",
    ]
    ids = [m["id"] for m in scene.state["messages"]]
    assert len(set(ids)) == len(ids) == 8
    assert all(m["content"] == ANSWER for m in scene.state["messages"] if m["role"] == "assistant")


async def test_a_kill_between_checkpoint_and_emptying_the_journal_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Journal, "forget", lambda *given: None)
    one, two = state_of("one"), state_of("one", "two")
    edited = state_of("one")
    edited["messages"][0] = {**edited["messages"][0], "content": "one, as it was heard"}
    async with keeping(tmp_path) as checkpoints:
        checkpoints.keep("s1", state_of(), one)
        checkpoints.keep("s1", one, two)
        checkpoints.keep("s1", two, edited)
        await checkpoints.flush()
    assert len(journals(tmp_path)) == 1
    async with keeping(tmp_path) as checkpoints:
        assert texts(await checkpoints.latest("s1")) == ["one, as it was heard"]


HARD = [
    "two\nlines\r\nof text",
    "a line separator \u2028 and a next line \x85 and a form feed \x0c",
    "nothing \x00 here",
    "\U0001f600 你好",
    '"quotes" and \\ back',
    " ",
]


@pytest.mark.parametrize("write", [True, False], ids=["checkpoint", "journal"])
async def test_any_text_comes_back_as_it_was(tmp_path: Path, write: bool) -> None:
    async with keeping(tmp_path, write=write) as checkpoints:
        checkpoints.keep("s1", state_of(), state_of(*HARD))
        if write:
            await checkpoints.flush()
    async with keeping(tmp_path) as checkpoints:
        assert texts(await checkpoints.latest("s1")) == HARD


@pytest.mark.parametrize("name", ["../../escape", "a/b", "", "\x00", "x" * 5000, "C:\\con", "你好"])
async def test_any_session_id_is_only_a_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "deep" / "data"
    async with keeping(folder, write=False) as checkpoints:
        checkpoints.keep(name, state_of(), state_of("one", session=name))
        writer = asyncio.create_task(checkpoints.run())
        await checkpoints.flush()
        checkpoints.keep(name, state_of("one"), state_of("one", "two", session=name))
        assert texts(await checkpoints.latest(name)) == ["one", "two"]
        writer.cancel()
        await asyncio.wait({writer})
    assert all(folder in path.parents for path in files_below(tmp_path))


@pytest.mark.parametrize("left", [0.0, 0.1, 0.5, 0.99])
async def test_a_line_that_a_kill_cut_off_is_left_out_and_spoils_no_other(
    tmp_path: Path, left: float
) -> None:
    one, two, three = state_of("one"), state_of("one", "two"), state_of("one", "three")
    async with keeping(tmp_path, write=False) as checkpoints:
        checkpoints.keep("s1", state_of(), one)
        whole = journals(tmp_path)[0].read_bytes()
        checkpoints.keep("s1", one, two)
        (file,) = journals(tmp_path)
        second = file.read_bytes()[len(whole) :]
        file.write_bytes(whole + second[: int(len(second) * left)])
        assert texts(await checkpoints.latest("s1")) == ["one"]
        checkpoints.keep("s1", one, three)
        assert texts(await checkpoints.latest("s1")) == ["one", "three"]


async def test_a_write_that_fails_is_counted_and_the_journal_keeps_the_state(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with keeping(tmp_path) as checkpoints:
        scene = Scene(keeper=checkpoints, pace=None)
        async with scene.played():
            scene.type("My name is Ann.")
            await until(lambda: len(scene.ends()) == 1)
            await checkpoints.flush()
            with sqlite3.connect(tmp_path / "checkpoints.sqlite") as file:
                file.execute("ALTER TABLE checkpoints RENAME TO elsewhere")
            file.close()
            scene.type("I have a dog.")
            await until(lambda: len(scene.ends()) == 2)
        assert checkpoints.failures >= 1
        assert "no checkpoint of session s1" in caplog.text
    assert ("assistant", ANSWER) in scene.history
    with sqlite3.connect(tmp_path / "checkpoints.sqlite") as file:
        file.execute("DROP TABLE IF EXISTS checkpoints")
        file.execute("ALTER TABLE elsewhere RENAME TO checkpoints")
    file.close()
    async with keeping(tmp_path) as checkpoints:
        assert texts(await checkpoints.latest("s1")) == [text for _, text in scene.history]


async def test_a_journal_that_cannot_be_written_does_not_stop_checkpoints(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with keeping(tmp_path) as checkpoints:
        (tmp_path / "journal").rmdir()
        (tmp_path / "journal").write_text("a file in its place")
        checkpoints.keep("s1", state_of(), state_of("one"))
        await checkpoints.flush()
        assert rows(tmp_path) == 1
    assert "journal of session s1" in caplog.text


async def test_a_journal_on_a_full_disk_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path / "journal")
    whole = os.write
    monkeypatch.setattr(os, "write", lambda file, content: whole(file, content[:9]))
    journal.note("s1", state_of(), state_of("one"))
    monkeypatch.undo()
    assert "the disk is full" in caplog.text
    journal.note("s1", state_of("one"), state_of("one", "two"))
    assert journal.notes("s1") == 1


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user whom permissions stop, which root is not."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that every user can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        yield place


@pytest.mark.parametrize("shape", ["read-only", "a file", "below a file"])
def test_a_folder_that_cannot_be_written_is_named(open_place: Path, shape: str) -> None:
    folder = open_place / "data"
    if shape == "read-only":
        folder.mkdir(mode=0o555)
    else:
        folder.write_text("")
    if shape == "below a file":
        folder = folder / "deeper"

    async def run() -> None:
        async with open_saver(folder):
            raise AssertionError("it opened")

    with as_nobody(), pytest.raises(Unavailable) as caught:
        asyncio.run(run())
    assert str(folder) in str(caught.value)
    assert "CLEANS2S_DATA_DIR" in str(caught.value)


def test_a_file_that_cannot_be_written_is_named(open_place: Path) -> None:
    async def run() -> None:
        async with keeping(open_place) as checkpoints:
            checkpoints.keep("s1", state_of(), state_of("one"))

    asyncio.run(run())
    with as_nobody(), pytest.raises(Unavailable, match="cannot be written") as caught:
        asyncio.run(run())
    assert str(open_place) in str(caught.value)


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.sqlite"
    file.write_bytes(b"this is not SQLite" * 1000)
    with pytest.raises(Unavailable, match=r"checkpoints\.sqlite is damaged") as caught:
        async with open_saver(tmp_path):
            pass
    assert str(file) in str(caught.value)
    assert file.read_bytes().startswith(b"this is not"), "nothing is thrown away"


async def test_a_damaged_page_is_told_when_the_session_is_looked_for(tmp_path: Path) -> None:
    async with keeping(tmp_path) as checkpoints:
        state = state_of(*("a long turn " * 50 for _ in range(40)))
        checkpoints.keep("s1", state_of(), state)
        await checkpoints.flush()
    file = tmp_path / "checkpoints.sqlite"
    data = bytearray(file.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 100] = os.urandom(100)
    file.write_bytes(data)
    with pytest.raises(Unavailable, match="damaged"):
        async with keeping(tmp_path) as checkpoints:
            await checkpoints.latest("s1")


async def test_a_checkpoint_that_cannot_be_decoded_is_told_with_its_session(tmp_path: Path) -> None:
    async with keeping(tmp_path) as checkpoints:
        checkpoints.keep("s1", state_of(), state_of("one"))
        checkpoints.keep("s2", state_of(), state_of("two", session="s2"))
        await checkpoints.flush()
        with sqlite3.connect(tmp_path / "checkpoints.sqlite") as file:
            file.execute("UPDATE checkpoints SET checkpoint = x'c1c1c1' WHERE thread_id = 's1'")
        file.close()
        with pytest.raises(Unavailable, match="session 's1' cannot go on"):
            await checkpoints.latest("s1")
        assert texts(await checkpoints.latest("s2")) == ["two"]


async def test_a_checkpoint_with_a_value_of_the_wrong_type_is_told_with_the_field(
    tmp_path: Path,
) -> None:
    async with keeping(tmp_path) as checkpoints:
        wrong = state_of("one")
        wrong["rapport"] = {"patience": "a lot"}
        checkpoints.keep("s1", state_of(), wrong)
        await checkpoints.flush()
        with pytest.raises(Unavailable, match=r"'s1' cannot go on: .*rapport\.patience"):
            await checkpoints.latest("s1")


def settings(folder: Path, **more: Any) -> Any:
    return load_settings(data_dir=folder, memory={"backend": "none"}, **more)


async def test_the_process_keeps_sessions_in_its_data_folder(tmp_path: Path) -> None:
    services = build_services(settings(tmp_path / "data"))
    async with open_checkpoints(services) as checkpoints:
        assert checkpoints
        scene = Scene(Written(), keeper=checkpoints, pace=None)
        async with scene.played():
            scene.type("My name is Ann.")
            await until(lambda: len(scene.ends()) == 1)
    async with open_checkpoints(services) as checkpoints:
        assert checkpoints
        assert texts(await checkpoints.latest("s1")) == ["My name is Ann.", ANSWER]
    await services.close()


async def test_a_folder_that_cannot_be_used_costs_the_checkpoints_not_the_sessions(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").write_text("")
    services = build_services(settings(tmp_path / "data"))
    async with open_checkpoints(services) as checkpoints:
        assert checkpoints is None
    assert caplog.text.count("cannot be written") == 1
    async with open_checkpoints(build_services(settings(tmp_path, checkpoints=False))) as nothing:
        assert nothing is None
    assert not (tmp_path / "checkpoints.sqlite").exists()


async def test_a_session_killed_in_the_middle_of_a_turn_comes_back_with_an_open_floor(
    tmp_path: Path,
) -> None:
    async with keeping(tmp_path, write=False) as checkpoints:
        scene = Scene(keeper=checkpoints)
        running = asyncio.create_task(scene.session.run())
        scene.post(Joined(user="u1", session="s1", started=100.0))
        scene.type("My name is Ann.")
        await until(lambda: bool(scene.starts()))
        running.cancel()
        await asyncio.wait({running})
    async with keeping(tmp_path) as checkpoints:
        state = await checkpoints.latest("s1")
        assert state
        assert state["floor"] == "agent", "it was killed while the agent spoke"
        again = Scene(keeper=checkpoints, pace=None, state=state)
        async with again.played():
            await again.session.settled()
            assert again.state["floor"] == "open"
            assert again.state["utterance"]
            assert again.state["utterance"]["status"] == "ended"
            again.post(TextTyped(text="Are you there?"))
            await until(lambda: len(again.ends()) == 1)
            again.post(Left())
    assert [text for role, text in again.history if role == "user"] == [
        "My name is Ann.",
        "Are you there?",
    ]
