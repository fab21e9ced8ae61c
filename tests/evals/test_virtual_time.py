"""The loop whose clock jumps: everything else about it is as with any other loop."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from evals.virtual_time import run_virtual


def now() -> float:
    return asyncio.get_running_loop().time()


def test_an_hour_passes_in_no_time() -> None:
    async def run() -> float:
        await asyncio.sleep(3600)
        return now()

    assert run_virtual(run()) == 3600.0


def test_every_loop_begins_at_zero() -> None:
    async def run() -> float:
        return now()

    assert run_virtual(run()) == run_virtual(run()) == 0.0


def test_sleepers_wake_in_the_order_of_their_times_at_exactly_those_times() -> None:
    async def run() -> list[tuple[float, int]]:
        woken: list[tuple[float, int]] = []

        async def sleeper(number: int, seconds: float) -> None:
            await asyncio.sleep(seconds)
            woken.append((now(), number))

        seconds = [5.0, 0.25, 3.0, 86_400.0 * 3, 0.001, 1e-6]
        async with asyncio.TaskGroup() as group:
            for number, wait in enumerate(seconds):
                group.create_task(sleeper(number, wait))
        return woken

    woken = run_virtual(run())
    assert [number for _, number in woken] == [5, 4, 1, 2, 0, 3]
    assert [at for at, _ in woken] == pytest.approx([1e-6, 0.001, 0.25, 3.0, 5.0, 86_400.0 * 3])


def test_the_clock_stands_while_tasks_have_something_to_do() -> None:
    async def run() -> None:
        loop, fired = asyncio.get_running_loop(), list[float]()
        loop.call_later(0.001, lambda: fired.append(now()))
        for _ in range(1000):
            await asyncio.sleep(0)
            assert now() == 0.0
        time.sleep(0.005)  # noqa: ASYNC251
        await asyncio.sleep(0)
        assert (now(), fired) == (0.0, [])
        await asyncio.sleep(1)
        assert fired == [0.001]

    run_virtual(run())


def test_the_clock_stands_while_a_thread_is_at_work() -> None:
    async def run() -> None:
        ticks: list[float] = []

        async def tick() -> None:
            while True:
                await asyncio.sleep(0.5)
                ticks.append(now())

        ticking = asyncio.create_task(tick())
        await asyncio.to_thread(time.sleep, 0.05)
        assert ticks == []
        assert now() == 0.0
        await asyncio.sleep(1.2)
        assert ticks == [0.5, 1.0]
        with ThreadPoolExecutor(2) as pool:
            loop = asyncio.get_running_loop()
            works = [loop.run_in_executor(pool, time.sleep, wait) for wait in (0.05, 0.01)]
            await asyncio.gather(*works)
        assert now() == 1.2
        ticking.cancel()

    run_virtual(run())


def test_a_thread_that_raises_lets_the_clock_go_on() -> None:
    def broken() -> None:
        raise OSError("no disk")

    async def run() -> None:
        with pytest.raises(OSError, match="no disk"):
            await asyncio.to_thread(broken)
        await asyncio.sleep(7)
        assert now() == 7.0

    run_virtual(run())


def test_a_thread_can_call_into_the_loop() -> None:
    async def run() -> None:
        loop, called = asyncio.get_running_loop(), asyncio.Event()

        def from_outside() -> None:
            time.sleep(0.01)
            loop.call_soon_threadsafe(called.set)

        thread = threading.Thread(target=from_outside)
        thread.start()
        await called.wait()
        thread.join()
        assert now() == 0.0

    run_virtual(run())


def test_a_timeout_passes_on_the_clock_that_jumps() -> None:
    async def run() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 30)
        assert now() == 30.0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(12):
                await asyncio.sleep(1e9)
        assert now() == 42.0
        assert await asyncio.wait_for(asyncio.sleep(1, "in time"), 30) == "in time"
        assert now() == 43.0

    run_virtual(run())


def test_a_timer_taken_back_moves_nothing() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(5, pytest.fail, "it was taken back").cancel()
        await asyncio.sleep(1)
        assert now() == 1.0
        await asyncio.sleep(9)
        assert now() == 10.0

    run_virtual(run())


def test_what_the_coroutine_raises_comes_out() -> None:
    async def run() -> None:
        await asyncio.sleep(5)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_virtual(run())


def test_tasks_left_behind_are_cancelled_at_the_end() -> None:
    ends: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("cancelled")

    async def run() -> None:
        task = asyncio.create_task(forever())
        await asyncio.sleep(1)
        assert not task.done()

    run_virtual(run())
    assert ends == ["cancelled"]


def test_the_same_program_gives_the_same_log_twice() -> None:
    async def run(seed: int) -> list[tuple[float, int]]:
        log = list[tuple[float, int]]()
        queue: asyncio.Queue[int] = asyncio.Queue(3)

        async def producer(number: int) -> None:
            chance = Random(10 * seed + number)
            for _ in range(20):
                await asyncio.sleep(chance.random())
                await queue.put(number)
                await asyncio.to_thread(time.sleep, 0.0002 * Random().random())

        async def consumer() -> None:
            while True:
                log.append((now(), await queue.get()))
                await asyncio.sleep(0.05)

        eating = asyncio.create_task(consumer())
        await asyncio.gather(*(producer(number) for number in range(5)))
        eating.cancel()
        return log

    first, second = run_virtual(run(1)), run_virtual(run(1))
    assert len(first) > 90
    assert first == second
