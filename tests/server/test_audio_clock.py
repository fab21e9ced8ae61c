"""A client's sound on the session's clock, whatever the way does to it."""

import pytest

from graph.errors import BadInput
from server.audio_clock import BURST_SECONDS, AudioClock


def fed(arrivals: list[tuple[float, float]]) -> AudioClock:
    """A clock after pieces of (moment, seconds)."""
    clock = AudioClock()
    for now, seconds in arrivals:
        clock.take(seconds, now)
    return clock


def steady(start: float, seconds: float, late: float = 0.0) -> list[tuple[float, float]]:
    """Pieces of 20 ms that arrive as they are recorded."""
    return [(start + 0.02 * (n + 1) + late, 0.02) for n in range(round(seconds / 0.02))]


def test_sound_that_comes_as_it_is_recorded_keeps_its_time():
    clock = fed(steady(3.0, 2.0))
    assert clock.session_time(0.0) == pytest.approx(3.0)
    assert clock.session_time(2.0) == pytest.approx(5.0)


def test_a_piece_that_is_late_for_once_shifts_nothing():
    clock = fed([*steady(0.0, 1.0), (1.42, 0.02), *steady(1.42, 0.0)])
    assert clock.session_time(1.0) == pytest.approx(1.0)


def test_a_burst_after_a_stall_of_the_network_comes_back_to_the_true_time():
    stalled = [(4.0, 0.02)] * 100
    clock = fed([*steady(0.0, 2.0), *stalled, *steady(4.0, 0.2)])
    assert clock.session_time(clock.received) == pytest.approx(4.2, abs=0.05)


def test_after_a_muted_microphone_the_sound_is_of_now():
    clock = fed([*steady(0.0, 2.0), *steady(60.0, 0.1)])
    assert clock.session_time(2.0) == pytest.approx(60.0, abs=0.02)


def test_a_sound_card_that_runs_slow_is_followed():
    slow = [(0.02 * 1.01 * (n + 1), 0.02) for n in range(3000)]
    clock = fed(slow)
    assert clock.session_time(clock.received) == pytest.approx(slow[-1][0], abs=0.1)


def test_a_second_at_once_is_taken_and_a_minute_at_once_is_not():
    clock = fed([(0.0, 1.0)])
    with pytest.raises(BadInput, match="faster than it can be spoken"):
        clock.take(60.0, 0.0)
    assert clock.received == 1.0


def test_after_too_much_what_comes_in_time_is_taken():
    clock = fed([(0.0, BURST_SECONDS)])
    with pytest.raises(BadInput):
        clock.take(0.02, 0.0)
    clock.take(0.02, 0.02)
    clock.take(5.0, 5.02)


def test_no_sound_is_before_the_session():
    clock = fed([(0.0, 5.0)])
    assert clock.session_time(1.0) == 0.0
