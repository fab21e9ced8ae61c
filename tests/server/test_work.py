"""Work beside the dialogue: by name, brought back as events, owned to its end."""

import asyncio

import pytest

from evals.virtual_time import run_virtual
from graph.errors import Unavailable
from graph.events import Event, Remembered
from graph.mind import Work
from server.work import Workshop


class Job:
    """Work of the test: takes a while, gives an event, tells what became of it."""

    def __init__(self, seconds: float, upto: str = "t1", error: Exception | None = None) -> None:
        self.seconds, self.upto, self.error = seconds, upto, error
        self.fate = "waits"

    async def __call__(self) -> Event | None:
        self.fate = "runs"
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.fate = "cancelled"
            raise
        self.fate = "done"
        if self.error:
            raise self.error
        return Remembered(upto=self.upto) if self.upto else None


def test_what_work_gives_is_posted_and_nothing_where_it_gives_nothing() -> None:
    async def run() -> None:
        posted: list[Event] = []
        async with Workshop(posted.append) as workshop:
            workshop.start(Work("one", Job(1, "t1")))
            workshop.start(Work("two", Job(2, "")))
            await asyncio.sleep(3)
        assert posted == [Remembered(upto="t1")]

    run_virtual(run())


def test_work_under_way_is_not_begun_twice() -> None:
    async def run() -> None:
        first, second, third = Job(1), Job(1), Job(1)
        async with Workshop(lambda event: None) as workshop:
            workshop.start(Work("write", first))
            workshop.start(Work("write", second))
            await asyncio.sleep(2)
            workshop.start(Work("write", third))
            await asyncio.sleep(2)
        assert (first.fate, second.fate, third.fate) == ("done", "waits", "done")

    run_virtual(run())


def test_newer_work_replaces_older_of_its_name_where_it_says_so() -> None:
    async def run() -> None:
        posted: list[Event] = []
        old, new, other = Job(1, "old"), Job(1, "new"), Job(1, "other")
        async with Workshop(posted.append) as workshop:
            workshop.start(Work("recall", old, twice="replace"))
            workshop.start(Work("write", other))
            await asyncio.sleep(0.5)
            workshop.start(Work("recall", new, twice="replace"))
            await asyncio.sleep(2)
        assert (old.fate, new.fate, other.fate) == ("cancelled", "done", "done")
        assert posted == [Remembered(upto="other"), Remembered(upto="new")]
        assert workshop.failures == 0

    run_virtual(run())


@pytest.mark.parametrize("error", [Unavailable("the disk is full"), KeyError("a bug")])
def test_work_that_raises_is_counted_and_others_go_on(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        posted: list[Event] = []
        async with Workshop(posted.append) as workshop:
            workshop.start(Work("bad", Job(1, error=error)))
            workshop.start(Work("good", Job(2)))
            await asyncio.sleep(3)
            workshop.start(Work("bad", Job(1)))
            await asyncio.sleep(3)
            assert workshop.failures == 1
        assert posted == [Remembered(upto="t1")] * 2

    run_virtual(run())
    assert "bad failed" in caplog.text


def test_the_end_waits_for_what_is_to_be_kept_and_for_nothing_else() -> None:
    async def run() -> None:
        kept, rest = Job(3), Job(2)
        async with Workshop(lambda event: None) as workshop:
            workshop.start(Work("write", kept, keep=True))
            workshop.start(Work("recall", rest))
            await asyncio.sleep(0.5)
            await workshop.finish(10)
            assert asyncio.get_running_loop().time() == 3.0
        assert (kept.fate, rest.fate) == ("done", "cancelled")

    run_virtual(run())


def test_what_is_to_be_kept_is_given_up_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        kept = Job(100)
        async with Workshop(lambda event: None) as workshop:
            workshop.start(Work("write", kept, keep=True))
            await asyncio.sleep(0)
            await workshop.finish(10)
        assert asyncio.get_running_loop().time() == 10.0
        assert kept.fate == "cancelled"

    run_virtual(run())
    assert "write was given up" in caplog.text


def test_leaving_with_an_error_cancels_everything() -> None:
    async def run() -> None:
        job = Job(100)

        async def breaks() -> None:
            async with Workshop(lambda event: None) as workshop:
                workshop.start(Work("write", job, keep=True))
                await asyncio.sleep(1)
                raise RuntimeError("the session broke")

        with pytest.raises(RuntimeError, match="the session broke"):
            await breaks()
        assert job.fate == "cancelled"
        assert len(asyncio.all_tasks()) == 1

    run_virtual(run())


def test_a_result_is_waited_for_so_long_and_the_work_goes_on() -> None:
    async def run() -> None:
        posted: list[Event] = []
        async with Workshop(posted.append) as workshop:
            assert await workshop.result("recall", 1.0) is None
            assert asyncio.get_running_loop().time() == 0.0
            workshop.start(Work("recall", Job(2)))
            assert await workshop.result("recall", 0.5) is None
            assert await workshop.result("recall", 5.0) == Remembered(upto="t1")
            assert asyncio.get_running_loop().time() == 2.0
            assert await workshop.result("recall", 5.0) == Remembered(upto="t1"), "it is known"
        assert posted == [Remembered(upto="t1")]

    run_virtual(run())


def test_a_result_that_never_comes_is_none() -> None:
    async def run() -> None:
        async with Workshop(lambda event: None) as workshop:
            workshop.start(Work("recall", Job(1, error=Unavailable("no"))))
            assert await workshop.result("recall", 5.0) is None
            workshop.start(Work("recall", Job(5), twice="replace"))
            waiting = asyncio.create_task(workshop.result("recall", 9.0))
            await asyncio.sleep(1)
            workshop.start(Work("recall", Job(5), twice="replace"))
            assert await waiting is None

    run_virtual(run())
