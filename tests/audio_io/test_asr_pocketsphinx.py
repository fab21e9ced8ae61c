"""Real pocketsphinx decoders, in their processes, on real speech."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from audio_io.asr.pocketsphinx import PocketsphinxEngine, build
from audio_io.asr.protocol import AsrOptions
from evals.virtual_time import run_virtual
from tests.audio_io.hearing import DASHWOOD, Heard, Notes, hear, speech

DISPOSED = "pocketsphinx/librivox/sense_and_sensibility_01_austen_64kb-0880.wav"
SAID = "he was not an ill disposed young man"


@pytest.fixture
def engine() -> Iterator[PocketsphinxEngine]:
    asr = build(AsrOptions(processes=2))
    yield asr
    asr.close()


@pytest.fixture
def lone() -> Iterator[PocketsphinxEngine]:
    """An engine with one decoder."""
    asr = build(AsrOptions(processes=1))
    yield asr
    asr.close()


def decoders() -> list[int]:
    """The decoder processes of this one."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
            command = (folder / "cmdline").read_text()
        except OSError:
            continue
        if int(parent) == os.getpid() and "sphinx_process" in command:
            found.append(int(folder.name))
    return found


def kill_decoders() -> None:
    for process in decoders():
        os.kill(process, signal.SIGKILL)


def common(a: str, b: str) -> float:
    """The share of the words of `b` that `a` has in the same order."""
    one, two = a.split(), b.split()
    table = np.zeros((len(one) + 1, len(two) + 1), dtype=int)
    for i, first in enumerate(one):
        for j, second in enumerate(two):
            table[i + 1, j + 1] = (
                table[i, j] + 1 if first == second else max(table[i, j + 1], table[i + 1, j])
            )
    return float(table[-1, -1]) / len(two)


def test_a_read_sentence_is_understood_while_it_is_spoken(engine):
    heard = run_virtual(hear(engine, *speech(DISPOSED)))
    assert common(heard.finals[0], SAID) >= 0.6
    assert len(heard.partials) >= 6
    assert all(event.confirmed == 0 for event in heard.partials if not event.final)
    assert heard.partials[-1].confirmed == len(heard.finals[0])
    assert heard.failures == 0


def test_two_sessions_speak_at_once_and_each_hears_its_own(engine):
    async def situation() -> tuple[Heard, Heard]:
        one = hear(engine, *speech(DISPOSED))
        return await asyncio.gather(one, hear(engine, *speech(DASHWOOD)))

    one, other = run_virtual(situation())
    assert common(one.finals[0], SAID) >= 0.6
    assert "john dashwood" in other.finals[0]
    assert len(decoders()) == 2


def test_with_one_decoder_the_second_speaker_waits_and_is_understood(lone):
    async def situation() -> list[Heard]:
        return await asyncio.gather(*(hear(lone, *speech(DISPOSED), wait=5) for _ in range(2)))

    for heard in run_virtual(situation()):
        assert common(heard.finals[0], SAID) >= 0.6
        assert heard.failures == 0
    assert len(decoders()) == 1


async def test_a_speaker_who_waits_too_long_loses_the_oldest_words_and_it_is_counted(lone):
    talking, waiting = Notes(), Notes()
    first, second = lone.open(talking), lone.open(waiting)
    samples, _ = speech(DISPOSED, 16000)
    first.start(1, 0.0, "en")
    first.feed(samples[:8000])
    second.start(1, 0.0, "en")
    for _ in range(4):
        second.feed(np.zeros(3 * 16000, dtype=np.int16))
    assert [str(error) for _, error in waiting.errors] == ["pocketsphinx cannot keep up"]
    second.feed(samples)
    second.finish(5.0)
    first.close()
    await waiting.until(finals=1)
    assert common(waiting.finals[1], SAID) >= 0.6
    second.close()


def test_a_session_that_leaves_in_mid_word_gives_its_decoder_to_the_next(lone):
    samples, rate = speech(DISPOSED, 16000)

    async def situation() -> Heard:
        leaving = hear(lone, samples[:20000], rate, tail=0, wait=0)
        _, staying = await asyncio.gather(leaving, hear(lone, samples, rate))
        return staying

    assert common(run_virtual(situation()).finals[0], SAID) >= 0.6


def test_a_decoder_that_is_killed_costs_one_segment(engine, caplog):
    async def situation() -> Heard:
        asyncio.get_running_loop().call_later(1.2, kill_decoders)
        return await hear(engine, *speech(DISPOSED))

    heard = run_virtual(situation())
    assert heard.failures == 1
    assert len(heard.finals) == len(heard.stopped) == 1
    assert "pocketsphinx process" in caplog.text
    again = run_virtual(hear(engine, *speech(DISPOSED)))
    assert common(again.finals[0], SAID) >= 0.6


def test_noise_is_not_decoded(engine):
    noise = np.random.default_rng(0).integers(-3000, 3000, 32000).astype(np.int16)
    assert run_virtual(hear(engine, noise, 16000)).told == []


async def test_another_language_is_refused_in_the_log_once(engine, caplog):
    samples, rate = speech(DISPOSED, 16000)
    for _ in range(2):
        ear = Heard().ear(engine, rate)
        ear.language = "sw-KE"
        await ear.feed(samples[:16000].tobytes())
        ear.close()
    assert caplog.text.count("knows English only, not sw-KE") == 1


def test_the_engine_leaves_no_process():
    others = set(decoders())  # of a test before that is still ending
    asr = build(AsrOptions(processes=1))
    [ours] = set(decoders()) - others
    asr.close()
    assert ours not in decoders()
