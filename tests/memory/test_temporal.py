"""What time tells about a conversation."""

from datetime import UTC, timedelta, timezone

import pytest

from memory.temporal import (
    Session,
    Signals,
    Topic,
    day,
    read,
    render,
    sessions,
    topic_that_came_back,
)
from tests.memory.keeping import DAY, HOUR, NOW, said


def test_exchanges_without_a_long_gap_are_one_session():
    assert sessions([]) == []
    assert sessions([NOW]) == [Session(NOW, NOW, 1)]
    times = [0.0, 60.0, 60.0 + 1800, 1860.0 + 1801, 5000.0]
    assert sessions(times) == [Session(0.0, 1860.0, 3), Session(3661.0, 5000.0, 2)]
    assert len(sessions(times, gap=30)) == 5


def test_a_new_user_has_no_session_before():
    signals = read([], [], "hello", NOW)
    assert signals == Signals(NOW, None, None, None)
    assert render(signals, UTC).splitlines() == [
        "It is Sunday afternoon, 15:06, 15 June 2025.",
        "There was no session before this one.",
    ]


def test_a_user_who_comes_back_hears_how_long_ago_it_was():
    history = sessions([NOW - 3 * DAY - 600, NOW - 3 * DAY - 300, NOW - 3 * DAY])
    assert render(read(history, [], "hello", NOW), UTC).splitlines()[1:] == [
        "The session before ended 3 days ago, on 12 June 2025; it lasted 10 minutes, 3 exchanges."
    ]


def test_in_a_session_its_length_and_the_last_exchange_are_told():
    history = sessions([NOW - 9 * DAY, NOW - 300, NOW - 42])
    signals = read(history, [], "hello", NOW)
    assert signals.current == Session(NOW - 300, NOW - 42, 2)
    assert render(signals, UTC).splitlines()[1:] == [
        "This session: 5 minutes, 2 exchanges; the last one 42 seconds ago.",
        "The session before ended 9 days ago, on 6 June 2025; it lasted 0 seconds, 1 exchange.",
    ]


def test_an_exchange_from_a_clock_that_runs_ahead_is_just_now():
    history = sessions([NOW + 5])
    assert "the last one just now." in render(read(history, [], "", NOW), UTC)


@pytest.mark.parametrize(
    ("hour", "part"),
    [(0, "night"), (4, "night"), (5, "morning"), (11, "morning"), (12, "afternoon"),
     (17, "afternoon"), (18, "evening"), (21, "evening"), (22, "night")],
)  # fmt: skip
def test_the_time_of_day_has_a_name(hour: int, part: str):
    midnight = NOW - NOW % DAY
    line = render(Signals(midnight + hour * HOUR, None, None, None), UTC).splitlines()[0]
    assert line == f"It is Sunday {part}, {hour:02}:00, 15 June 2025."


def test_the_time_of_day_is_the_users_where_the_zone_is_known():
    shanghai = timezone(timedelta(hours=8))
    assert render(Signals(NOW, None, None, None), shanghai).startswith("It is Sunday night, 23:06")
    assert day(NOW + 2 * HOUR, shanghai) == "16 June 2025"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (7199, "1 hour"), (47 * HOUR, "1 day"),
     (29 * DAY, "29 days"), (70 * DAY, "2 months"), (800 * DAY, "2 years")],
)  # fmt: skip
def test_a_length_of_time_is_told_in_its_largest_unit(seconds: float, told: str):
    ended = Session(NOW - seconds - HOUR, NOW - seconds, 2)
    assert f"ended {told} ago" in render(Signals(NOW, None, ended, None), UTC)


def test_a_topic_that_comes_back_is_told_with_how_often_and_when():
    past = [
        said("my boss shouted at me again", at=NOW - 2 * DAY),
        said("and then there was lunch", at=NOW - 2 * DAY + 60),
        said("the boss is the worst", at=NOW - 2 * DAY + 120),
        said("bosses, i tell you", at=NOW - 600),
    ]
    history = sessions([turn.at for turn in past])
    signals = read(history, past, "so my Boss, well, he was late for lunch", NOW)
    assert signals.topic == Topic("boss", turns=3, sessions=2, last_at=NOW - 600)
    assert render(signals, UTC).splitlines()[-1] == (
        "The user came back to “boss”: 3 earlier turns in 2 sessions, the last 10 minutes ago."
    )


def test_twice_in_one_session_is_no_two_sessions():
    past = [
        said("the garden", at=NOW - 4000),
        said("so", at=NOW - 2500),
        said("garden", at=NOW - 900),
    ]
    topic = topic_that_came_back("my garden", past, sessions([turn.at for turn in past]))
    assert topic == Topic("garden", turns=2, sessions=1, last_at=NOW - 900)


def test_a_word_said_once_before_or_a_word_that_says_nothing_is_no_topic():
    past = [said("what do you think of the rain"), said("i think so"), said("i think not")]
    assert topic_that_came_back("what do you think about the rain", past, []) is None
    assert topic_that_came_back("", past, []) is None


def test_a_chinese_topic_comes_back_too():
    past = [said("我的猫病了"), said("猫不吃东西"), said("今天下雨")]
    topic = topic_that_came_back("猫好一点了", past, sessions([NOW, NOW, NOW]))
    assert topic == Topic("猫", turns=2, sessions=1, last_at=NOW)
