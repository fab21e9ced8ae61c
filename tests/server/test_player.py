"""The client's player: what sounds is what the server meant to sound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.player import MS, Player
from server.protocol.native import AudioFrame


def ramp(start: int, samples: int) -> bytes:
    """Samples that tell where they stand."""
    return (np.arange(start, start + samples) % 30_000 + 1).astype("<i2").tobytes()


def piece(number: int, offset_ms: int, ms: int) -> AudioFrame:
    return AudioFrame(number, offset_ms, ramp(offset_ms * MS, ms * MS))


def playing(ms: int = 100) -> Player:
    player = Player()
    player.begin(1)
    player.audio(piece(1, 0, ms))
    return player


def test_what_is_there_is_played_and_silence_after_it():
    player = playing(30)
    assert player.take(40 * MS) == ramp(0, 30 * MS) + bytes(2 * 10 * MS)
    assert player.position == (1, 30)


def test_a_paused_utterance_goes_on_at_the_sample_where_it_stopped():
    player = playing()
    player.take(25 * MS)
    player.pause(1)
    assert player.take(50 * MS) == bytes(2 * 50 * MS)
    assert player.position == (1, 25)
    player.resume(1, 25)
    assert player.take(10 * MS) == ramp(25 * MS, 10 * MS)


def test_after_a_long_pause_it_goes_back_to_the_start_of_the_word():
    player = playing()
    player.take(80 * MS)
    player.pause(1)
    player.resume(1, 40)
    player.audio(piece(1, 40, 100))
    assert player.take(100 * MS) == ramp(40 * MS, 100 * MS)


def test_a_player_that_lags_does_not_skip_what_was_not_heard():
    player = playing()
    player.take(20 * MS)
    player.pause(1)
    player.resume(1, 50)
    assert player.take(10 * MS) == ramp(20 * MS, 10 * MS)


def test_what_was_flushed_is_never_heard_not_even_a_late_piece():
    player = playing()
    player.take(10 * MS)
    player.flush(1)
    player.audio(piece(1, 100, 100))
    assert player.take(10 * MS) == bytes(2 * 10 * MS)
    assert player.position is None
    assert player.idle


def test_an_utterance_is_played_out_before_the_next_one():
    player = playing(20)
    player.end(1)
    player.begin(2)
    player.audio(piece(2, 0, 20))
    assert player.take(40 * MS) == ramp(0, 20 * MS) * 2
    assert [track.number for track in player.tracks] == [1, 2]


def test_an_utterance_that_has_not_ended_is_waited_for():
    player = playing(20)
    player.begin(2)
    player.audio(piece(2, 0, 20))
    assert player.take(30 * MS) == ramp(0, 20 * MS) + bytes(2 * 10 * MS)
    player.audio(piece(1, 20, 5))
    player.end(1)
    assert player.take(10 * MS) == ramp(20 * MS, 5 * MS) + ramp(0, 5 * MS)


def test_each_utterance_keeps_what_was_heard_of_it():
    player = playing()
    player.take(30 * MS)
    player.pause(1)
    player.take(30 * MS)
    player.resume(1, 20)
    player.take(20 * MS)
    player.flush(1)
    heard = ramp(0, 30 * MS) + ramp(20 * MS, 20 * MS)
    assert bytes(player.tracks[0].heard) == heard


@given(
    st.lists(st.sampled_from(["play", "pause", "resume", "audio"]), max_size=40),
    st.lists(st.integers(1, 60), min_size=40, max_size=40),
)
def test_nothing_is_lost_or_doubled_by_pauses(actions, lengths):
    player, sent, heard = Player(), 0, b""
    player.begin(1)
    for action, length in zip(actions, lengths, strict=False):
        match action:
            case "audio":
                player.audio(piece(1, sent, length))
                sent += length
            case "pause":
                player.pause(1)
            case "resume":
                at = player.position
                player.resume(1, at[1] if at else 0)
            case _:
                before = player.position or (1, 0)
                sound = player.take(length * MS)
                after = player.position or (1, 0)
                heard += sound[: 2 * MS * (after[1] - before[1])]
    assert heard == ramp(0, sent * MS)[: len(heard)]


@pytest.mark.parametrize("offset", [10, 50])
def test_a_hole_is_silent_and_an_overlap_replaced(offset):
    player = playing(20)
    player.audio(piece(1, offset, 20))
    expected = ramp(0, 20 * MS)[: 2 * MS * offset].ljust(2 * MS * offset, b"\0")
    assert player.take((offset + 20) * MS) == expected + ramp(offset * MS, 20 * MS)
