"""The ear with the real VAD, on real speech."""

import asyncio
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_io.asr.client import ClientEngine
from audio_io.ear import EarOptions
from audio_io.pcm import Samples
from evals.virtual_time import run_virtual
from graph.errors import BadInput
from graph.events import Partial, SpeechStarted, SpeechStopped
from tests.audio_io.hearing import (
    DASHWOOD,
    DIGITS,
    JFK,
    LIBRI,
    TELEPHONE,
    Heard,
    Tape,
    data,
    hear,
    silence,
    speech,
)

CLIENT = ClientEngine()


def words_of(name: str) -> list[tuple[str, float, float]]:
    table = json.loads(data("word_times.json").read_text())
    return [tuple(word) for word in table[name]["words"]]


async def feed(samples: Samples, rate: int, chunk: int, tape: Tape | None = None) -> Heard:
    """Feeds as fast as the ear takes it."""
    heard = Heard()
    ear = heard.ear(tape or CLIENT, rate)
    for start in range(0, len(samples), chunk):
        await ear.feed(samples[start : start + chunk].tobytes())
    ear.close()
    return heard


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
def test_kennedy_is_four_segments_at_any_rate(rate):
    heard = run_virtual(hear(CLIENT, *speech(JFK, rate)))
    expected = [(0.32, 2.24), (3.30, 4.42), (5.41, 7.65), (8.19, 10.59)]
    assert np.array(heard.spans) == pytest.approx(np.array(expected), abs=0.1)
    assert [event.segment for event in heard.started] == [1, 2, 3, 4]


@pytest.mark.parametrize("name", [JFK, DASHWOOD, LIBRI, DIGITS])
def test_every_word_lies_in_a_segment(name):
    heard = run_virtual(hear(CLIENT, *speech(name)))
    for word, start, end in words_of(name):
        middle = (start + end) / 2
        assert any(a - 0.15 <= middle <= b + 0.15 for a, b in heard.spans), word


@pytest.mark.parametrize("name", [JFK, DASHWOOD, DIGITS])
def test_speech_starts_and_stops_with_the_first_and_last_word(name):
    heard = run_virtual(hear(CLIENT, *speech(name)))
    words = words_of(name)
    assert heard.started[0].at == pytest.approx(words[0][1], abs=0.2)
    assert heard.stopped[-1].at == pytest.approx(words[-1][2], abs=0.15)


def test_on_the_telephone_nobody_speaks_before_the_first_hello():
    heard = run_virtual(hear(CLIENT, *speech(TELEPHONE)))
    assert heard.started[0].at == pytest.approx(6.69, abs=0.15)
    turns = [
        line.split() for line in data("pyannote_sample_2spk/sample.rttm").read_text().splitlines()
    ]
    spoken = [(float(turn[3]), float(turn[3]) + float(turn[4])) for turn in turns]
    for event in heard.started:
        assert any(a - 0.2 <= event.at <= b for a, b in spoken)


def test_speech_is_heard_through_noise_of_a_tenth_of_its_power():
    samples, rate = speech(DASHWOOD)
    noise = np.random.default_rng(0).standard_normal(len(samples)) * samples.std() * 10**-0.5
    noisy = (samples + noise).clip(-32768, 32767).astype(np.int16)
    heard = run_virtual(hear(CLIENT, noisy, rate))
    assert heard.started[0].at == pytest.approx(0.2, abs=0.25)
    assert heard.stopped[-1].at == pytest.approx(6.8, abs=0.25)


def noises() -> dict[str, Samples]:
    rng = np.random.default_rng(1)
    second = np.arange(16000 * 10) / 16000
    brown = np.cumsum(rng.standard_normal(16000 * 10))
    brown -= np.convolve(brown, np.ones(800) / 800, "same")
    clicks = np.zeros(16000 * 10)
    clicks[::8000] = 32000
    bursts = np.zeros(16000 * 10)
    for start in range(4000, 150000, 16000):  # the hiss of a cough: loud, then dying away
        length = int(rng.integers(1500, 6000))
        burst = rng.standard_normal(length) * np.exp(-np.arange(length) / (length / 4))
        bursts[start : start + length] = burst * 12000
    return {
        "digital silence": np.zeros(16000 * 10),
        "faint hiss": rng.standard_normal(16000 * 10) * 20,
        "loud hiss": rng.standard_normal(16000 * 10) * 5000,
        "rumble": brown / np.abs(brown).max() * 20000,
        "mains hum": np.sin(2 * np.pi * 50 * second) * 8000,
        "beep": np.sin(2 * np.pi * 1000 * second) * 8000 * (second % 2 < 0.5),
        "clicks": clicks,
        "bursts": bursts,
    }


@pytest.mark.parametrize("noise", noises())
def test_noise_is_no_speech(noise):
    samples = noises()[noise].clip(-32768, 32767).astype(np.int16)
    assert asyncio.run(feed(samples, 16000, 320)).told == []


async def test_the_reflex_comes_before_the_event():
    samples, rate = speech(JFK)
    heard = await feed(samples, rate, 882)
    assert heard.told[0] == "onset"
    assert isinstance(heard.told[1], SpeechStarted)
    assert heard.told.count("onset") == len(heard.started)


KENNEDY: dict[int, list[object]] = {}


@given(sizes=st.lists(st.integers(1, 30000), min_size=1, max_size=5))
@settings(max_examples=8, deadline=None)
def test_the_chunks_change_no_event(sizes):
    samples, rate = speech(JFK, 24000)
    tape, heard = Tape(), Heard()

    async def in_chunks() -> None:
        ear = heard.ear(tape, rate)
        start, turn = 0, 0
        while start < len(samples):
            size = sizes[turn % len(sizes)]
            size = max(size, 50)
            await ear.feed(samples[start : start + size].tobytes())
            start, turn = start + size, turn + 1
        ear.close()

    asyncio.run(in_chunks())
    sound = [tape.sound(number).tobytes() for number in tape.segments]
    expected = KENNEDY.setdefault(rate, [heard.told, sound])
    assert [heard.told, sound] == expected
    assert len(heard.stopped) == 4


async def test_the_recogniser_gets_the_sound_from_before_the_voice_to_its_end():
    samples, rate = speech(JFK, 16000)
    tape = Tape()
    heard = await feed(samples, rate, 320, tape)
    for start, stop in zip(heard.started, heard.stopped, strict=True):
        number = start.segment
        first = round(tape.starts[number] * 16000)
        sound = tape.sound(number)
        assert np.array_equal(sound, samples[first : first + len(sound)])
        assert start.at - tape.starts[number] == pytest.approx(0.3, abs=0.04)
        assert (first + len(sound)) / 16000 - stop.at == pytest.approx(0.2, abs=0.02)


async def test_no_sound_goes_to_two_segments():
    samples, rate = speech(DIGITS, 16000)
    tape = Tape()
    heard = await feed(samples, rate, 320, tape)
    ends = [tape.starts[n] + len(tape.sound(n)) / 16000 for n in tape.segments]
    assert len(heard.started) > 2
    for number, end in enumerate(ends[:-1], start=1):
        assert tape.starts[number + 1] >= end


async def test_times_count_from_the_offset():
    samples, rate = speech(JFK, 16000)
    plain = await feed(samples, rate, 320)
    later = Heard()
    ear = later.ear(CLIENT, rate, offset=100.0)
    await ear.feed(samples.tobytes())
    assert np.array(later.spans) == pytest.approx(np.array(plain.spans) + 100.0)
    assert ear.clock == pytest.approx(100 + len(samples) / 16000, abs=0.032)


async def test_the_final_words_come_before_the_stop():
    samples, rate = speech(JFK, 16000)
    heard = await feed(samples[:40000], rate, 320, Tape())
    assert [type(event) for event in heard.events] == [SpeechStarted, Partial, SpeechStopped]
    assert heard.finals == ["words 1"]


def test_a_slow_recogniser_delays_the_stop_by_300_ms_and_no_more():
    async def situation() -> None:
        samples, rate = speech(JFK, 16000)
        heard = Heard()
        loop = asyncio.get_running_loop()
        ear = heard.ear(Tape(final_after=0.5), rate)
        await ear.feed(samples[:40000].tobytes())
        noticed = loop.time()
        assert heard.stopped == []
        await asyncio.sleep(0.29)
        assert heard.stopped == []
        await asyncio.sleep(0.02)
        assert [type(event) for event in heard.events] == [SpeechStarted, SpeechStopped]
        await asyncio.sleep(0.5)
        assert loop.time() - noticed < 1
        assert heard.finals == ["words 1"]
        assert isinstance(heard.events[-1], Partial)
        ear.close()

    run_virtual(situation())


async def test_the_next_segment_does_not_wait_for_the_last_words_of_the_one_before():
    samples, rate = speech(JFK, 16000)
    tape = Tape(final_after=None)
    heard = Heard()
    ear = heard.ear(tape, rate)
    await ear.feed(samples[:56000].tobytes())  # into the second segment, in no time
    kinds = [(type(event), event.segment) for event in heard.events]  # type: ignore[union-attr]
    assert kinds == [(SpeechStarted, 1), (SpeechStopped, 1), (SpeechStarted, 2)]
    tape.say(1, "late words", final=True)
    assert heard.events[-1] == Partial(at=ear.clock, segment=1, text="late words", final=True)
    ear.close()


async def test_partials_tell_only_what_is_new():
    samples, rate = speech(JFK, 16000)
    tape, heard = Tape(), Heard()
    ear = heard.ear(tape, rate)
    await ear.feed(samples[:20000].tobytes())
    for text, confirmed in [("and", 0), ("and", 0), ("and", 3), ("and so", 3), ("and so", 3)]:
        tape.say(1, text, confirmed)
    tape.say(7, "a segment that never was")
    assert [(event.text, event.confirmed) for event in heard.partials] == [
        ("and", 0),
        ("and", 3),
        ("and so", 3),
    ]
    ear.close()


class Broken(Tape):
    """Raises where it is told to."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def _maybe(self, where: str) -> None:
        if self.where == where:
            raise RuntimeError("the model is on fire")

    def start(self, segment, at, language):
        super().start(segment, at, language)
        self._maybe("start")

    def feed(self, samples):
        super().feed(samples)
        self._maybe("feed")

    def finish(self, spoken):
        self._maybe("finish")
        super().finish(spoken)


@pytest.mark.parametrize("where", ["start", "feed", "finish"])
async def test_a_broken_recogniser_takes_the_words_and_nothing_else(where, caplog):
    samples, rate = speech(JFK, 16000)
    heard = Heard()
    ear = heard.ear(Broken(where), rate)
    for start in range(0, len(samples), 1600):
        await ear.feed(samples[start : start + 1600].tobytes())
    assert len(heard.started) == len(heard.stopped) == 4
    assert heard.finals == [""] * 4
    assert ear.failures == 4
    assert caplog.text.count("the model is on fire") == 1
    ear.close()


async def test_what_was_understood_before_a_failure_stays():
    samples, rate = speech(JFK, 16000)
    tape, heard = Broken("finish"), Heard()
    ear = heard.ear(tape, rate)
    await ear.feed(samples[:20000].tobytes())
    tape.say(1, "and so my")
    await ear.feed(samples[20000:40000].tobytes())
    assert heard.finals == ["and so my"]
    assert isinstance(heard.events[-1], SpeechStopped)
    ear.close()


def test_a_microphone_muted_in_mid_word_ends_the_segment():
    async def situation() -> None:
        samples, rate = speech(JFK, 16000)
        heard = Heard()
        ear = heard.ear(Tape(), rate)
        for start in range(0, 16000, 320):
            await ear.feed(samples[start : start + 320].tobytes())
            await asyncio.sleep(0.02)
        assert ear.speaking
        await asyncio.sleep(0.9)
        assert heard.stopped == []
        await asyncio.sleep(0.2)
        assert not ear.speaking
        assert heard.finals == ["words 1"]
        assert heard.stopped[0].at == pytest.approx(1.0, abs=0.05)
        ear.close()

    run_virtual(situation())


def test_a_client_that_sends_two_seconds_at_a_time_is_not_taken_for_mute():
    async def situation() -> None:
        samples, rate = speech(LIBRI)
        heard = Heard()
        ear = heard.ear(CLIENT, rate)
        for start in range(0, len(samples), 2 * rate):
            await ear.feed(samples[start : start + 2 * rate].tobytes())
            await asyncio.sleep(2)
        assert len(heard.started) == 2
        ear.close()

    run_virtual(situation())


async def test_a_client_may_end_the_segment_itself():
    samples, rate = speech(JFK, 16000)
    tape, heard = Tape(), Heard()
    ear = heard.ear(tape, rate)
    await ear.feed(samples[:20100].tobytes())
    ear.flush()
    assert [type(event) for event in heard.events] == [SpeechStarted, Partial, SpeechStopped]
    first = round(tape.starts[1] * 16000)
    assert np.array_equal(tape.sound(1), samples[first:20100])
    ear.flush()
    assert len(heard.events) == 3
    await ear.feed(samples[20100:].tobytes())
    assert heard.started[1].at >= heard.stopped[0].at
    assert heard.stopped[3].at == pytest.approx(7.65, abs=0.05)
    first = round(tape.starts[2] * 16000)
    assert first >= 20100
    assert np.array_equal(tape.sound(2), samples[first : first + len(tape.sound(2))])
    ear.close()


async def test_half_a_sample_is_refused_and_the_ear_hears_on():
    samples, rate = speech(JFK, 16000)
    clean = await feed(samples, rate, 1600)
    heard = Heard()
    ear = heard.ear(CLIENT, rate)
    await ear.feed(samples[:8000].tobytes())
    with pytest.raises(BadInput, match=r"pcm: .*\(got 641\)"):
        await ear.feed(bytes(641))
    await ear.feed(b"")
    await ear.feed(samples[8000:].tobytes())
    assert heard.told == clean.told
    ear.close()


async def test_a_long_piece_of_sound_lets_the_loop_breathe():
    samples, rate = speech(JFK, 48000)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    ear = Heard().ear(CLIENT, rate)
    await ear.feed(samples.tobytes())
    counting.cancel()
    assert turns >= 100  # 11 s in slices of 0.1 s
    ear.close()


async def test_after_the_end_nothing_is_told_and_nothing_is_left():
    samples, rate = speech(JFK, 16000)
    tape, heard = Tape(final_after=0.01), Heard()
    ear = heard.ear(tape, rate)
    await ear.feed(samples[:40000].tobytes())
    told = list(heard.told)
    ear.close()
    await ear.feed(samples[40000:].tobytes())
    tape.say(1, "too late", final=True)
    assert heard.told == told
    assert tape.closed
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_ear_closed_in_mid_feed_stops_hearing():
    samples, rate = speech(JFK, 16000)
    heard = Heard()
    ear = heard.ear(CLIENT, rate)
    feeding = asyncio.create_task(ear.feed(samples.tobytes()))
    for _ in range(10):
        await asyncio.sleep(0)
    assert heard.told
    assert not feeding.done()
    told = list(heard.told)
    ear.close()
    await feeding
    assert heard.told == told


async def test_the_language_is_that_of_the_moment_the_segment_begins():
    samples, rate = speech(JFK, 16000)
    tape, heard = Tape(), Heard()
    ear = heard.ear(tape, rate)
    await ear.feed(samples[:40000].tobytes())
    ear.language = "zh"
    await ear.feed(samples[40000:80000].tobytes())
    assert tape.languages == {1: "en", 2: "zh"}
    ear.close()


@pytest.mark.parametrize("field", ["preroll_seconds", "flush_seconds", "stall_seconds"])
def test_negative_times_are_refused(field):
    with pytest.raises(BadInput, match=rf"ear\.{field}"):
        EarOptions(**{field: -1.0})  # type: ignore[arg-type]


def test_silence_moves_the_clock():
    async def situation() -> float:
        ear = Heard().ear(CLIENT, 48000)
        await ear.feed(silence(3.2, 48000).tobytes())
        return ear.clock

    assert asyncio.run(situation()) == pytest.approx(3.2, abs=0.045)
