"""The session's timers, on a clock that jumps."""

import asyncio

from evals.virtual_time import run_virtual
from server.clock import Timers


class Fired:
    def __init__(self) -> None:
        self.names: list[tuple[float, str]] = []
        self.timers = Timers(asyncio.get_running_loop(), self.note)

    def note(self, name: str) -> None:
        self.names.append((round(self.timers.now(), 6), name))


def test_the_clock_begins_at_zero_whenever_the_session_begins() -> None:
    async def run() -> None:
        await asyncio.sleep(100)
        fired = Fired()
        assert fired.timers.now() == 0.0
        fired.timers.set("endpoint", 2.0)
        await asyncio.sleep(3)
        assert fired.timers.now() == 3.0
        assert fired.names == [(2.0, "endpoint")]

    run_virtual(run())


def test_setting_a_name_again_replaces_it() -> None:
    async def run() -> None:
        fired = Fired()
        fired.timers.set("endpoint", 2.0)
        fired.timers.set("resume", 1.0)
        fired.timers.set("endpoint", 3.0)
        assert fired.timers.pending == {"endpoint", "resume"}
        await asyncio.sleep(10)
        assert fired.names == [(1.0, "resume"), (3.0, "endpoint")]
        assert fired.timers.pending == frozenset()

    run_virtual(run())


def test_none_takes_it_back_and_is_harmless_where_nothing_was_set() -> None:
    async def run() -> None:
        fired = Fired()
        fired.timers.set("endpoint", 2.0)
        fired.timers.set("endpoint", None)
        fired.timers.set("resume", None)
        await asyncio.sleep(10)
        assert fired.names == []

    run_virtual(run())


def test_a_moment_that_has_passed_fires_at_once() -> None:
    async def run() -> None:
        fired = Fired()
        await asyncio.sleep(5)
        fired.timers.set("endpoint", 2.0)
        await asyncio.sleep(0.001)
        assert fired.names == [(5.0, "endpoint")]

    run_virtual(run())


def test_clearing_takes_all_back() -> None:
    async def run() -> None:
        fired = Fired()
        for name in ("endpoint", "resume", "give_way"):
            fired.timers.set(name, 1.0)
        fired.timers.clear()
        await asyncio.sleep(10)
        assert fired.names == []

    run_virtual(run())


def test_a_timer_can_be_set_anew_by_what_it_fires() -> None:
    async def run() -> None:
        fired: list[float] = []

        def again(name: str) -> None:
            fired.append(timers.now())
            timers.set(name, timers.now() + 1)

        timers = Timers(asyncio.get_running_loop(), again)
        timers.set("endpoint", 1.0)
        await asyncio.sleep(3.5)
        timers.clear()
        assert fired == [1.0, 2.0, 3.0]

    run_virtual(run())
