"""The session core: serial runs, coalescing, timers, work, failures, the end."""

import asyncio
import contextvars
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, cast
from uuid import UUID

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.config import var_child_runnable_config

from evals.virtual_time import run_virtual
from graph.dialogue import Graph
from graph.errors import BadInput, Unavailable
from graph.events import (
    Due,
    Event,
    HistoryEdited,
    Joined,
    Left,
    Partial,
    Recalled,
    Remembered,
    SpeechStarted,
    TextTyped,
    UtteranceEnded,
)
from graph.mind import Mind, TextStream
from graph.state import (
    Dialogue,
    DialogueState,
    Estimate,
    Exchange,
    Fact,
    Recollection,
    Restriction,
    Utterance,
)
from nodes.judgement.estimator import View
from nodes.judgement.rules import RulesEstimator
from server.session import Session, Step
from server.text_voice import TextVoice
from tests.server.stage import (
    ANSWER,
    STARTED,
    Notes,
    Scene,
    Written,
    catalogue,
    graph_of,
    until,
)


class Remembering:
    """A memory in a list, which can be slow, fail, or look around."""

    def __init__(
        self, recall_seconds: float = 0.0, write_seconds: float = 0.0, look: Any = None
    ) -> None:
        self.recall_seconds, self.write_seconds = recall_seconds, write_seconds
        self.look = look or (lambda: None)
        self.queries: list[str] = []
        self.cancelled: list[str] = []
        self.kept: list[str] = []
        self.fails: Exception | None = None

    async def recall(self, query: str, user: str, now: float) -> Recollection:
        self.queries.append(query)
        self.look()
        if self.fails:
            raise self.fails
        try:
            if self.recall_seconds:
                await asyncio.sleep(self.recall_seconds)
        except asyncio.CancelledError:
            self.cancelled.append(query)
            raise
        return Recollection(facts=(Fact(f"about: {query}"),), as_of=now)

    async def remember(self, turns: Sequence[Exchange], user: str, now: float) -> None:
        if self.fails:
            raise self.fails
        await asyncio.sleep(self.write_seconds)
        self.kept += [turn.turn for turn in turns]

    async def close(self) -> None: ...


async def test_runs_are_serial_and_in_the_order_of_the_posts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running, most = 0, 0
    plain = RulesEstimator.estimate

    async def slow(self: RulesEstimator, view: View) -> Estimate:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)
        running -= 1
        return await plain(self, view)

    monkeypatch.setattr(RulesEstimator, "estimate", slow)
    scene = Scene(pace=None)
    async with scene.played():
        for number in range(5):
            scene.type(f"This is turn {number}.")
        await scene.session.settled()
        await until(lambda: len(scene.ends()) > 0)
    assert most == 1
    typed = [s.event.text for s in scene.steps if isinstance(s.event, TextTyped)]
    assert typed == [f"This is turn {number}." for number in range(5)]
    for earlier, later in zip(scene.steps, scene.steps[1:], strict=False):
        assert later.before is earlier.after, "nothing wrote the state between two runs"


async def test_partials_that_pile_up_are_judged_by_the_newest_only() -> None:
    scene = Scene()
    async with scene.played():
        await scene.session.settled()
        scene.post(SpeechStarted(segment=1))
        text = ""
        for number in range(50):
            text = f"{text} word{number}".strip()
            scene.post(Partial(segment=1, text=text))
        await scene.session.settled()
        turn = Dialogue.load(scene.state).open_turn
        assert turn
        assert turn.segments == {1: text}
    assert [s.event.type for s in scene.steps] == ["joined", "speech_started", "partial", "left"]
    assert scene.session.coalesced == 49


async def test_a_node_that_raises_leaves_the_state_and_the_next_event_works() -> None:
    scene = Scene(pace=None)
    async with scene.played():
        await scene.session.settled()
        before = scene.state
        wrong = HistoryEdited(op="delete", item="nowhere")
        scene.post(wrong)
        await scene.session.settled()
        assert scene.state is before
        scene.type("Hello there.")
        await until(lambda: len(scene.ends()) == 1)
    assert scene.session.failures == 1
    ((event, error),) = scene.trouble
    assert event is wrong
    assert isinstance(error, BadInput)
    assert "nowhere" in str(error)
    assert ("assistant", ANSWER) in scene.history


class FailsOnce:
    """A composer that raises in the last node, after others have asked for effects."""

    def __init__(self) -> None:
        self.calls = 0
        self.inner = Written()

    def compose(self, utterance: Utterance, dialogue: Dialogue, mind: Mind) -> TextStream:
        self.calls += 1
        if self.calls == 1:
            raise RuntimeError("no words")
        return self.inner.compose(utterance, dialogue, mind)


async def test_what_a_failed_run_has_asked_for_is_not_done() -> None:
    memory = Remembering()
    scene = Scene(FailsOnce(), memory=memory, pace=None)
    async with scene.played():
        scene.type("What do you know of my dog?")
        await scene.session.settled()
        assert (scene.session.failures, memory.queries, scene.said) == (1, [], "")
        assert scene.state["messages"] == [], "the turn is not closed by a run that failed"
        scene.type("What do you know of my cat?")
        await until(lambda: len(scene.ends()) == 1)
    assert memory.queries == ["What do you know of my cat?"]
    assert scene.said == ANSWER


class Winding:
    """The real graph, and a note of when a run of it is over; it may break down at that moment."""

    def __init__(self, notes: list[str], breaks: bool = False) -> None:
        self._graph, self._notes, self._breaks = graph_of(), notes, breaks

    async def astream(self, given: DialogueState, *more: Any, **rest: Any) -> AsyncGenerator[Any]:
        async for update in self._graph.astream(given, *more, **rest):
            yield update
        self._notes.append("over")
        if self._breaks and given["event"]["type"] == "text_typed":
            raise RuntimeError("broken while winding up")


class Noting(Notes):
    def __init__(self, notes: list[str]) -> None:
        super().__init__()
        self._notes = notes

    def keep(self, session: str, before: DialogueState, after: DialogueState) -> None:
        self._notes.append("kept")
        super().keep(session, before, after)


async def test_the_voice_begins_while_the_graph_winds_up_but_not_before_the_turn_is_kept() -> None:
    notes: list[str] = []
    keeper = Noting(notes)
    scene = Scene(graph=cast(Graph, Winding(notes)), pace=None, keeper=keeper)
    scene.session.watch(lambda step: notes.append("told"))
    async with scene.played():
        await scene.session.settled()
        notes.clear()
        scene.type("Hello there.")
        await until(lambda: bool(scene.said))
        assert notes == ["kept", "told"], "the run is not over, and the agent speaks"
        assert scene.state["messages"][-1]["content"] == "Hello there."
        await until(lambda: "over" in notes)
        assert notes == ["kept", "told", "over"], "and nothing of it is done twice"
    assert keeper.kept[0]["utterance"]["id"] == "u1"  # type: ignore[index]


async def test_what_the_agent_has_begun_to_say_stands_if_the_graph_breaks_while_winding_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(graph=cast(Graph, Winding([], breaks=True)), pace=None)
    async with scene.played():
        scene.type("Hello there.")
        await until(lambda: len(scene.ends()) == 1)
    assert scene.history == [("user", "Hello there."), ("assistant", ANSWER)]
    assert (scene.session.failures, scene.trouble) == (1, [])
    assert "text_typed failed; what it has led to stands" in caplog.text


async def test_onlookers_that_raise_do_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    def broken(*given: object) -> None:
        raise RuntimeError("an onlooker fell over")

    graph = graph_of()
    seen: list[Step] = []
    session = Session(graph, lambda now, post: TextVoice(now, post, show=broken), restrict=broken)
    session.watch(broken)
    session.watch(seen.append)
    session.on_trouble(broken)
    running = asyncio.create_task(session.run())
    session.post(Joined(user="u", session="s", started=STARTED))
    session.post(HistoryEdited(op="delete", item="nowhere"))
    for _ in range(5):
        session.post(TextTyped(text="You are a stupid idiot."))
        await session.settled()
        await until(lambda: (session.state["utterance"] or {}).get("status") == "ended")
    session.post(Left())
    await running
    assert "block" in [(s.after["judgement"] or {}).get("action") for s in seen]
    assert seen[-1].event.type == "left"
    assert "an onlooker fell over" in caplog.text


async def test_a_keeper_that_raises_does_not_end_the_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Full(Notes):
        def keep(self, *given: Any) -> None:
            raise OSError("no space left on device")

    scene = Scene(pace=None, keeper=Full())
    async with scene.played():
        scene.type("Hello there.")
        await until(lambda: len(scene.ends()) == 1)
    assert ("assistant", ANSWER) in scene.history
    assert "no space left" in caplog.text


async def test_a_block_reaches_whoever_keeps_restrictions() -> None:
    told: list[Restriction] = []
    session = Session(graph_of(), lambda now, post: TextVoice(now, post), restrict=told.append)
    running = asyncio.create_task(session.run())
    session.post(Joined(user="u", session="s", started=STARTED))
    for _ in range(4):
        session.post(TextTyped(text="You are a stupid idiot."))
        await session.settled()
        await until(lambda: (session.state["utterance"] or {}).get("status") == "ended")
    session.post(Left())
    await running
    (restriction,) = told
    assert restriction.until == pytest.approx(STARTED + 600, abs=10)


def test_the_session_wakes_the_mind_at_the_moment_it_asked_for() -> None:
    async def run() -> Scene:
        scene = Scene()
        async with scene.played():
            await scene.say("i wanted to tell you about my")
            assert scene.session.pending_timers == {"endpoint"}
            await asyncio.sleep(5)
        return scene

    scene = run_virtual(run())
    (due,) = [s.event for s in scene.steps if isinstance(s.event, Due)]
    assert due.name == "endpoint"
    assert due.at == pytest.approx(1.75 + 2.0, abs=0.05)


def test_a_timer_is_taken_back_when_the_user_goes_on() -> None:
    async def run() -> Scene:
        scene = Scene()
        async with scene.played():
            await scene.say("i wanted to tell you about my")
            await scene.voice()
            await scene.session.settled()
            assert scene.session.pending_timers == frozenset()
            await asyncio.sleep(5)
        return scene

    assert not [s for s in run_virtual(run()).steps if isinstance(s.event, Due)]


def test_a_timer_that_fires_in_the_very_run_that_takes_it_back_is_not_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = RulesEstimator.estimate

    async def slow(self: RulesEstimator, view: View) -> Estimate:
        if "bruno" in view.text:
            await asyncio.sleep(3)
        return await plain(self, view)

    monkeypatch.setattr(RulesEstimator, "estimate", slow)

    async def run() -> Scene:
        scene = Scene()
        async with scene.played():
            await scene.say("i wanted to tell you about my")
            await asyncio.sleep(1.5)
            # still waiting for the endpoint at 3.75; the run that begins here lasts beyond it
            scene.post(Partial(at=scene.now, segment=1, text="i wanted to tell you about bruno my"))
            await asyncio.sleep(9)
        return scene

    dues = [s.event for s in run_virtual(run()).steps if isinstance(s.event, Due)]
    assert [due.at for due in dues if due.at < 4.0] == []
    assert len(dues) == 1


def test_no_timer_outlives_the_session() -> None:
    async def run() -> None:
        scene = Scene()
        async with scene.played():
            await scene.say("i wanted to tell you about my")
            assert scene.session.pending_timers
        count = len(scene.steps)
        assert not scene.session.pending_timers
        await asyncio.sleep(30)
        assert len(scene.steps) == count

    run_virtual(run())


MARK: contextvars.ContextVar[str] = contextvars.ContextVar("mark", default="unset")


class Parents(AsyncCallbackHandler):
    def __init__(self) -> None:
        self.of: dict[str, UUID | None] = {}

    async def on_chain_start(
        self, serialized: Any, inputs: Any, *, parent_run_id: UUID | None = None, **rest: Any
    ) -> None:
        self.of[rest.get("name") or "?"] = parent_run_id


async def test_work_runs_in_a_fresh_context_with_a_trace_root_of_its_own() -> None:
    parents, seen = Parents(), dict[str, object]()

    class Looking(Remembering):
        async def recall(self, query: str, user: str, now: float) -> Recollection:
            seen["mark"] = MARK.get()
            seen["run"] = var_child_runnable_config.get()
            step = RunnableLambda(lambda x: x).with_config(run_name="lookup")
            await step.ainvoke(query, {"callbacks": [parents]})
            return Recollection()

    class Tracing(Written):
        def compose(self, utterance: Utterance, dialogue: Dialogue, mind: Mind) -> TextStream:
            inner = super().compose(utterance, dialogue, mind)

            async def stream() -> Any:
                seen["composer's run"] = var_child_runnable_config.get()
                async for piece in inner():
                    yield piece

            return stream

    MARK.set("of the caller")
    scene = Scene(Tracing(), memory=Looking(), pace=None)
    async with scene.played():
        scene.type("What do you know of my dog?")
        await until(lambda: len(scene.ends()) == 1)
    assert seen == {"mark": "unset", "run": None, "composer's run": None}
    assert parents.of == {"lookup": None}


def test_recall_for_older_words_is_given_up_when_there_are_newer_ones() -> None:
    memory = Remembering(recall_seconds=5.0)

    async def run() -> None:
        scene = Scene(memory=memory)
        async with scene.played():
            await scene.talk("do you remember what i said about the red kettle")
            await asyncio.sleep(6)
            (fact,) = Dialogue.load(scene.state).recollection.facts
            assert fact.text == f"about: {memory.queries[-1]}"
            assert scene.session.mind_failures == 0

    run_virtual(run())
    assert len(memory.queries) >= 2
    assert memory.cancelled == memory.queries[:-1]


@pytest.mark.parametrize("error", [Unavailable("the store is locked"), ZeroDivisionError("a bug")])
async def test_work_that_fails_is_logged_and_counted_and_the_answer_comes_without_it(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Remembering()
    memory.fails = error
    scene = Scene(memory=memory, pace=None)
    async with scene.played():
        scene.type("What do you know of my dog?")
        await until(lambda: len(scene.ends()) == 1)
        await until(lambda: scene.session.mind_failures == 2)
        assert scene.state["remembered_upto"] == ""
    assert str(error) in caplog.text
    assert "recall" in caplog.text
    assert ("assistant", ANSWER) in scene.history


class Asking(Written):
    """A composer that waits for a recollection on its way, as the real one does."""

    def compose(self, utterance: Utterance, dialogue: Dialogue, mind: Mind) -> TextStream:
        async def stream() -> Any:
            event = await mind.result("recall", 0.05)
            found = event.recollection if isinstance(event, Recalled) else dialogue.recollection
            yield found.facts[0].text if found.facts else "nothing known"

        return stream


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "about: My dog is ill."),
        (0.03, "about: My dog is ill."),
        (0.2, "nothing known"),
    ],
)
def test_the_text_waits_a_moment_for_a_recollection_but_not_longer(
    seconds: float, said: str
) -> None:
    async def run() -> Scene:
        scene = Scene(Asking(), memory=Remembering(recall_seconds=seconds), pace=None)
        async with scene.played():
            scene.type("My dog is ill.")
            await asyncio.sleep(1)
        return scene

    assert run_virtual(run()).said == said


def test_writing_to_memory_is_finished_when_the_user_leaves_and_noted_in_the_state() -> None:
    memory = Remembering(write_seconds=3.0)

    async def run() -> Scene:
        scene = Scene(memory=memory, pace=None)
        async with scene.played():
            scene.type("My dog is called Bruno.")
            await asyncio.sleep(0.5)
        return scene

    scene = run_virtual(run())
    assert memory.kept == ["s1/t1"]
    assert scene.state["remembered_upto"] == "t1"
    assert scene.steps[-1].event.type == "remembered"


def test_turns_that_closed_while_memory_was_writing_are_written_before_the_end() -> None:
    memory = Remembering(write_seconds=1.0)

    async def run() -> Scene:
        scene = Scene(memory=memory, pace=None)
        async with scene.played():
            for text in ("My dog is called Bruno.", "My cat is called Mia.", "I like tea."):
                scene.type(text)
                await asyncio.sleep(0.1)
        return scene

    scene = run_virtual(run())
    assert memory.kept == ["s1/t1", "s1/t2", "s1/t3"]
    assert scene.state["remembered_upto"] == "t3"


def test_what_the_user_heard_when_leaving_is_remembered_with_the_turn() -> None:
    told: list[Exchange] = []

    class Whole(Remembering):
        async def remember(self, turns: Sequence[Exchange], user: str, now: float) -> None:
            told.extend(turns)

    async def run() -> None:
        scene = Scene(memory=Whole())
        async with scene.played():
            scene.type("My dog is called Bruno.")
            await asyncio.sleep(1.5)

    run_virtual(run())
    (exchange,) = told
    assert (exchange.user, exchange.agent) == ("My dog is called Bruno.", "One two three four")


def test_memory_that_hangs_is_given_up_after_ten_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> float:
        scene = Scene(memory=Remembering(write_seconds=1e6))
        async with scene.played():
            scene.type("My dog is called Bruno.")
            await asyncio.sleep(1.5)
            left = scene.now
        return scene.now - left

    assert run_virtual(run()) == pytest.approx(10.0, abs=0.1)
    assert "remember was given up" in caplog.text


def test_recall_that_nobody_waits_for_any_more_ends_with_the_session() -> None:
    async def run() -> float:
        scene = Scene(memory=Remembering(recall_seconds=1000.0))
        async with scene.played():
            await scene.talk("do you remember the red kettle")
            left = scene.now
        return scene.now - left

    assert run_virtual(run()) == 0.0


async def test_cancelling_a_session_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    for moment in range(40):
        scene = Scene(Written((0.5, ANSWER)), memory=Remembering(1.0, 1.0))
        running = asyncio.create_task(scene.session.run())
        scene.post(Joined(user="u", session="s", started=STARTED))
        scene.type("What do you know of my dog?")
        scene.post(SpeechStarted(at=0.1, segment=1))
        for _ in range(moment):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert asyncio.all_tasks() == before
        assert scene.session.pending_timers == frozenset()


def test_cancelling_a_session_that_speaks_and_holds_leaves_no_task_behind() -> None:
    async def run() -> None:
        before = asyncio.all_tasks()
        for seconds in (1.3, 1.5, 2.3, 3.0):
            scene = Scene(Written((0.2, ANSWER)), memory=Remembering(0.5, 0.5))
            running = asyncio.create_task(scene.session.run())
            scene.post(Joined(user="u", session="s", started=STARTED))
            await scene.say("no i meant something")
            await asyncio.sleep(seconds - scene.now)
            running.cancel()
            await asyncio.wait({running})
            assert asyncio.all_tasks() == before

    run_virtual(run())


async def test_a_session_that_ends_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    scene = Scene(memory=Remembering())
    async with scene.played():
        scene.type("Hello there.")
        await scene.session.settled()
    assert asyncio.all_tasks() == before


async def test_settled_returns_at_once_where_nothing_was_posted() -> None:
    scene = Scene()
    await asyncio.wait_for(scene.session.settled(), 1)


async def test_settled_waits_for_everything_that_was_posted() -> None:
    scene = Scene()
    async with scene.played():
        for number in range(10):
            scene.type(f"turn {number}")
        await scene.session.settled()
        typed = [step for step in scene.steps if step.event.type == "text_typed"]
        assert len(typed) == 10


async def test_a_voice_that_breaks_down_is_told_and_the_session_ends_well(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Mute(TextVoice):
        async def run(self) -> None:
            raise OSError("no sound card")

    session = Session(graph_of(), lambda now, post: Mute(now, post))
    running = asyncio.create_task(session.run())
    session.post(Joined(user="u", session="s", started=STARTED))
    session.post(TextTyped(text="Hello there."))
    await session.settled()
    assert [r.levelno for r in caplog.records if "voice" in r.message] == [logging.ERROR]
    session.post(Left())
    await running
    assert session.state["messages"][0]["content"] == "Hello there."


async def test_two_sessions_on_one_graph_keep_apart() -> None:
    graph, memory = graph_of(), Remembering()
    one = Scene(graph=graph, memory=memory, name="one", user="ann", pace=None)
    two = Scene(graph=graph, memory=memory, name="two", user="ben", pace=None)
    async with one.played(), two.played():
        for number in range(10):
            one.type(f"I am Ann and this is turn {number}.")
            two.type(f"I am Ben and this is turn {number}.")
            await one.session.settled()
            await two.session.settled()
            await until(lambda: len(one.ends()) == len(two.ends()) == number + 1)  # noqa: B023
    for scene, name, other in ((one, "Ann", "Ben"), (two, "Ben", "Ann")):
        user = [text for role, text in scene.history if role == "user"]
        assert user == [f"I am {name} and this is turn {number}." for number in range(10)]
        assert other not in str(scene.state)


@pytest.mark.parametrize(
    ("event", "kept"),
    [
        (TextTyped(text="Hello there."), True),
        (SpeechStarted(segment=1), False),
        (Partial(segment=1, text="hello"), False),
        (Remembered(upto="t1"), True),
        (UtteranceEnded(utterance="u9", heard="", reason="cut"), True),
        (Left(), True),
    ],
    ids=lambda value: getattr(value, "type", ""),
)
async def test_the_keeper_is_told_of_closings_and_endings_only(event: Event, kept: bool) -> None:
    notes = Notes()
    scene = Scene(Written((100.0,)), keeper=notes)
    async with scene.played():
        await scene.session.settled()
        before = len(notes.kept)
        scene.post(event)
        await scene.session.settled()
        assert (len(notes.kept) > before) == kept
        if isinstance(event, Left):
            return
    assert notes.flushed == 1


def test_personas_are_those_of_the_catalogue() -> None:
    assert {"ada", "max"} <= set(catalogue().names)


def test_the_session_takes_any_clock() -> None:
    class TenTimesFaster:
        """A clock of the test: ten session seconds in each of the loop's."""

        def __init__(self) -> None:
            self.loop = asyncio.get_running_loop()

        def time(self) -> float:
            return 10 * self.loop.time()

        def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
            return self.loop.call_at(when / 10, callback)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        session = Session(
            graph_of(), lambda now, post: TextVoice(now, post), clock=TenTimesFaster()
        )
        dues: list[float] = []
        session.watch(lambda s: dues.append(loop.time()) if s.event.type == "due" else None)
        running = asyncio.create_task(session.run())
        session.post(Joined(user="u", session="s", started=STARTED))
        words = "i wanted to tell you about my"
        session.post(Partial(at=session.now(), segment=1, text=words, final=True))
        await asyncio.sleep(1)
        assert session.now() == pytest.approx(10.0)
        session.post(Left(at=session.now()))
        await running
        assert dues == [pytest.approx(0.2, abs=0.001)], "2 s of a clock that is ten times as fast"

    run_virtual(run())
