"""Transcribing a growing segment again and again: what is sent, and when."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from audio_io.asr.rolling import LONGEST, RollingRecogniser
from audio_io.pcm import Samples
from tests.audio_io.hearing import LIBRI, Notes, speech

SECOND = 16000


class Engine:
    """A blocking transcription that says how many seconds it was given, when it is let."""

    def __init__(self) -> None:
        self.given: list[Samples] = []
        self.before: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.fail: set[int] = set()
        self.gate = threading.Event()
        self.gate.set()
        self._change = threading.Condition()

    async def until(self, at_once: int) -> None:
        """Waits for so many transcriptions to run."""

        def reached() -> bool:
            with self._change:
                return self._change.wait_for(lambda: self.at_once == at_once, timeout=10)

        assert await asyncio.to_thread(reached)

    def transcribe(self, samples: Samples, language: str, before: str) -> str:
        with self._change:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            number = len(self.given)
            self.given.append(samples)
            self.before.append(before)
            self._change.notify_all()
        self.gate.wait(10)
        with self._change:
            self.at_once -= 1
            self._change.notify_all()
        if number in self.fail:
            raise OSError("no answer")
        return " ".join(f"w{n}" for n in range(len(samples) // SECOND))


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def recogniser(engine, notes):
    with ThreadPoolExecutor(4) as threads:
        yield RollingRecogniser(engine.transcribe, notes, threads, interval_seconds=1.0)
        engine.gate.set()


def ramp(seconds: float) -> Samples:
    return np.arange(int(seconds * SECOND)).astype(np.int16)


async def test_the_whole_segment_is_transcribed_again_each_second(engine, notes, recogniser):
    recogniser.start(1, 0.0, "en")
    for count in (1, 2, 3):
        recogniser.feed(ramp(1.0))
        await notes.until(said=count)
    assert [len(samples) / SECOND for samples in engine.given] == [1, 2, 3]
    assert notes.said == [
        (1, "w0", 0, False),
        (1, "w0 w1", 2, False),
        (1, "w0 w1 w2", 5, False),
    ]


async def test_sound_that_comes_while_one_runs_is_part_of_the_next(engine, notes, recogniser):
    engine.gate.clear()
    recogniser.start(1, 0.0, "en")
    for _ in range(60):
        recogniser.feed(ramp(0.1))
    await engine.until(at_once=1)
    engine.gate.set()
    await notes.until(said=2)
    assert engine.most_at_once == 1
    assert [len(samples) / SECOND for samples in engine.given] == [1, 6]


async def test_the_end_is_transcribed_once_more(engine, notes, recogniser):
    recogniser.start(1, 0.0, "en")
    recogniser.feed(ramp(1.0))
    await notes.until(said=1)
    recogniser.feed(ramp(1.2))
    recogniser.finish(2.0)
    await notes.until(finals=1)
    assert len(engine.given[-1]) == 2.2 * SECOND
    assert notes.said[-1] == (1, "w0 w1", 5, True)


async def test_the_end_is_not_transcribed_where_only_silence_is_new(engine, notes, recogniser):
    recogniser.start(1, 0.0, "en")
    recogniser.feed(ramp(2.0))
    await notes.until(said=1)
    recogniser.feed(ramp(0.2))
    recogniser.finish(1.99)
    assert notes.finals == {1: "w0 w1"}
    assert len(engine.given) == 1


async def test_the_next_segment_is_fed_while_the_last_words_are_still_transcribed(
    engine, notes, recogniser
):
    engine.gate.clear()
    recogniser.start(1, 0.0, "en")
    recogniser.feed(ramp(1.5))
    recogniser.finish(1.3)
    recogniser.start(2, 3.0, "en")
    recogniser.feed(ramp(2.5))
    recogniser.finish(2.3)
    engine.gate.set()
    await notes.until(finals=2)
    assert notes.finals == {1: "w0", 2: "w0 w1"}
    assert engine.most_at_once == 1


async def test_a_failure_in_the_middle_costs_one_partial(engine, notes, recogniser):
    engine.fail = {1}
    recogniser.start(1, 0.0, "en")
    for count in (1, 2, 3):
        recogniser.feed(ramp(1.0))
        await notes.until(said=count)
    recogniser.finish(3.0)
    assert [str(error) for _, error in notes.errors] == ["no answer"]
    assert notes.finals == {1: "w0 w1 w2"}


async def test_a_failure_at_the_end_leaves_the_words_that_are_known(engine, notes, recogniser):
    engine.fail = {1}
    recogniser.start(1, 0.0, "en")
    recogniser.feed(ramp(1.0))
    await notes.until(said=1)
    recogniser.feed(ramp(1.0))
    recogniser.finish(2.0)
    await notes.until(finals=1)
    assert notes.finals == {1: "w0"}
    assert len(notes.errors) == 1


async def test_a_segment_without_sound_ends(engine, notes, recogniser):
    recogniser.start(1, 0.0, "en")
    recogniser.finish(0.5)
    assert notes.finals == {1: ""}
    assert engine.given == []


async def test_a_speech_of_a_minute_is_cut_in_pauses_and_nothing_is_lost(engine, notes, recogniser):
    rng = np.random.default_rng(0)
    sound = (rng.standard_normal(60 * SECOND) * 3000).astype(np.int16)
    pauses = [18, 36, 54]
    for second in pauses:
        sound[second * SECOND : second * SECOND + 4000] = 0
    recogniser.start(1, 0.0, "en")
    for start in range(0, len(sound), SECOND):
        before = len(notes.said)
        recogniser.feed(sound[start : start + SECOND])
        await notes.until(said=before + 1)
    recogniser.finish(60.0)
    await notes.until(finals=1)
    assert max(len(samples) for samples in engine.given) <= LONGEST + SECOND
    pieces = [
        engine.given[n] for n, text in enumerate(engine.before[1:]) if text != engine.before[n]
    ]
    pieces.append(engine.given[-1])
    assert np.array_equal(np.concatenate(pieces), sound)
    cuts = np.cumsum([len(piece) for piece in pieces[:-1]]) / SECOND
    assert cuts == pytest.approx(np.array(pauses) + 0.125, abs=0.13)
    confirmed = [count for _, _, count, _ in notes.said]
    assert confirmed == sorted(confirmed)


async def test_an_engine_that_cannot_even_keep_up_with_the_finals_drops_the_oldest(
    engine, notes, recogniser
):
    engine.gate.clear()
    for number in range(1, 8):
        recogniser.start(number, float(number), "en")
        recogniser.feed(ramp(1.5))
        recogniser.finish(1.3)
    assert [segment for segment, _ in notes.errors] == [2, 3, 4]
    assert notes.finals == {2: "", 3: "", 4: ""}
    engine.gate.set()
    await notes.until(finals=7)
    assert notes.finals[7] == "w0"


async def test_a_closed_session_hears_no_more(engine, notes, recogniser):
    engine.gate.clear()
    recogniser.start(1, 0.0, "en")
    recogniser.feed(ramp(1.5))
    await engine.until(at_once=1)
    recogniser.close()
    engine.gate.set()
    await engine.until(at_once=0)
    await asyncio.sleep(0)
    assert notes.said == []


async def test_real_speech_reaches_the_engine_unchanged(engine, notes, recogniser):
    samples, _ = speech(LIBRI, 16000)
    recogniser.start(1, 0.0, "en")
    for start in range(0, len(samples), 512):
        recogniser.feed(samples[start : start + 512])
    recogniser.finish(8.73)
    await notes.until(finals=1)
    assert np.array_equal(engine.given[-1], samples)
