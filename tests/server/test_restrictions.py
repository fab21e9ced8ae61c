"""A restriction outlives the session and the process, and ends when it should."""

import asyncio
import logging
import sqlite3

import pytest

from graph.state import Restriction
from server.restrictions import FILE, Restrictions, open_restrictions


def early() -> float:
    return 1_000.0


RUDE = Restriction(until=2_000.0, reason="too many insults")


async def test_who_is_shut_out_stays_out_after_a_restart(tmp_path):
    async with open_restrictions(tmp_path, early) as restrictions:
        restrictions.set("ann", RUDE)
        assert await restrictions.of("ann") == RUDE
        assert await restrictions.of("ben") is None
    restarted = Restrictions(tmp_path / FILE, now=lambda: 1_500.0)
    assert await restarted.of("ann") == RUDE


async def test_a_restriction_ends_at_its_moment(tmp_path):
    now = 1_999.0
    restrictions = Restrictions(None, now=lambda: now)
    restrictions.set("ann", RUDE)
    assert await restrictions.of("ann") == RUDE
    now = 2_000.0
    assert await restrictions.of("ann") is None


async def test_what_is_over_is_deleted_from_the_file(tmp_path):
    async with open_restrictions(tmp_path, early) as restrictions:
        restrictions.set("ann", RUDE)
    async with open_restrictions(tmp_path, lambda: 3_000.0) as restrictions:
        restrictions.set("ben", Restriction(until=4_000.0, reason="rude"))
    with sqlite3.connect(tmp_path / FILE) as file:
        assert file.execute("SELECT user FROM restrictions").fetchall() == [("ben",)]


async def test_the_last_word_counts(tmp_path):
    longer = Restriction(until=9_000.0, reason="again")
    async with open_restrictions(tmp_path, early) as restrictions:
        restrictions.set("ann", RUDE)
        restrictions.set("ann", longer)
        assert await restrictions.of("ann") == longer
    assert await Restrictions(tmp_path / FILE, now=early).of("ann") == longer


async def test_two_processes_share_what_is_written(tmp_path):
    async with (
        open_restrictions(tmp_path, early) as one,
        open_restrictions(tmp_path, early) as other,
    ):
        one.set("ann", RUDE)
        async with asyncio.timeout(5):
            while await other.of("ann") != RUDE:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_where_nothing_can_be_written_it_lasts_as_long_as_the_process(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with caplog.at_level(logging.WARNING):
        async with open_restrictions(blocked) as restrictions:
            far = Restriction(until=1e12, reason="rude")
            restrictions.set("ann", far)
            assert await restrictions.of("ann") == far
    assert caplog.text.count("restrictions end with this process") == 1


async def test_a_file_that_breaks_costs_later_sessions_not_this_process(tmp_path, caplog):
    async with open_restrictions(tmp_path, early) as restrictions:
        (tmp_path / FILE).write_bytes(b"no database" * 1000)
        restrictions.set("ann", RUDE)
        await asyncio.sleep(0)
        assert await restrictions.of("ann") == RUDE
        assert await restrictions.of("ben") is None
    assert "cannot be read" in caplog.text
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("name", ["'; DROP TABLE restrictions; --", "ünï", "a" * 10_000])
async def test_any_id_is_a_user(tmp_path, name):
    async with open_restrictions(tmp_path, early) as restrictions:
        restrictions.set(name, RUDE)
    assert await Restrictions(tmp_path / FILE, now=lambda: 1.0).of(name) == RUDE
