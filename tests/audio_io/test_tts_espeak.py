import asyncio
import itertools
import logging

import numpy as np
import pytest

from audio_io.tts import espeak
from audio_io.tts.espeak import EspeakEngine
from audio_io.tts.protocol import RATE, Audio, Word

SENTENCE = "Well, the weather in Hamburg is rather fine today, isn't it?"


@pytest.fixture(scope="module")
def engine() -> EspeakEngine:
    return EspeakEngine()


async def spoken(
    engine: EspeakEngine, text: str, voice: str = "", language: str = "en"
) -> tuple[np.ndarray, list[Word]]:
    pieces = [audio async for audio in engine.synthesise(text, voice, language)]
    assert all(len(piece.pcm) % 2 == 0 for piece in pieces)
    pcm = b"".join(piece.pcm for piece in pieces)
    return np.frombuffer(pcm, "<i2"), [word for piece in pieces for word in piece.words]


def loudness(samples: np.ndarray, start: float, end: float) -> float:
    part = samples[round(start * RATE) : round(end * RATE)].astype(float)
    return float(np.sqrt(np.mean(part**2)))


async def test_a_sentence_sounds_as_long_as_it_takes_to_say(engine: EspeakEngine):
    samples, _ = await spoken(engine, SENTENCE)
    assert 2.0 < len(samples) / RATE < 5.0
    assert 500 < loudness(samples, 0, len(samples) / RATE) < 12_000


async def test_its_audio_has_no_silence_at_the_edges(engine: EspeakEngine):
    samples, _ = await spoken(engine, SENTENCE)
    loud = np.flatnonzero(np.abs(samples) > 100)
    assert loud[0] < 0.08 * RATE
    assert len(samples) - loud[-1] < 0.08 * RATE


async def test_every_word_has_its_time(engine: EspeakEngine):
    samples, words = await spoken(engine, SENTENCE)
    assert [SENTENCE[word.first : word.last] for word in words] == SENTENCE.split()
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert times[-1] <= len(samples) / RATE + 0.01
    assert all(word.end - word.start > 0.05 for word in words)


async def test_between_two_clauses_no_word_sounds(engine: EspeakEngine):
    samples, words = await spoken(engine, SENTENCE)
    pause = words[0].end, words[1].start
    assert pause[1] - pause[0] > 0.08
    assert loudness(samples, *pause) < 0.2 * loudness(samples, words[1].start, words[1].end)


@pytest.mark.parametrize(
    "text",
    [
        "It costs $4.50 at 10:30 a.m.; the U.S. e-mail is joe@x.org!",
        "(Let us go out of the house.) 🙂 Yes… “quite” — no?",
        "1984",
        "a",
        "Ünïcödé e\u0301 naïve",
    ],
)
async def test_words_cover_the_text_whatever_is_in_it(engine: EspeakEngine, text: str):
    samples, words = await spoken(engine, text)
    assert len(samples)
    assert words[0].first == 0
    assert words[-1].last == len(text)
    for left, right in itertools.pairwise(words):
        assert text[left.last : right.first].strip() == ""
        assert left.end <= right.start


async def test_chinese_is_spoken_character_by_character(engine: EspeakEngine):
    text = "你好，我是你的助手。"
    samples, words = await spoken(engine, text, language="zh-CN")
    assert len(samples) > RATE
    assert len(words) >= 6
    assert "".join(text[word.first : word.last] for word in words) == text


async def test_the_first_piece_is_short_and_the_whole_is_gapless(engine: EspeakEngine):
    pieces = [audio async for audio in engine.synthesise(SENTENCE, "", "en")]
    assert len(pieces[0].pcm) // 2 < 0.1 * RATE
    samples = np.frombuffer(b"".join(piece.pcm for piece in pieces), "<i2").astype(int)
    assert np.abs(np.diff(samples)).max() < 12_000


async def test_a_language_and_a_variant_change_the_voice(engine: EspeakEngine):
    english, _ = await spoken(engine, "Guten Tag, wie geht es?")
    german, _ = await spoken(engine, "Guten Tag, wie geht es?", language="de-DE")
    woman, _ = await spoken(engine, "Guten Tag, wie geht es?", "+f3", "de")
    assert abs(len(german) - len(english)) > 0.03 * RATE
    assert pitch(woman) > 1.2 * pitch(german)


def pitch(samples: np.ndarray) -> float:
    """Hz of the voice: the median over frames of 50 ms, by autocorrelation."""
    size, shortest, longest = RATE // 20, RATE // 300, RATE // 70
    found = []
    for frame in np.array_split(samples.astype(float), len(samples) // size):
        power = np.correlate(frame, frame, "full")[len(frame) - 1 :]
        period = shortest + int(np.argmax(power[shortest:longest]))
        if power[period] > 0.5 * power[0] > 0:
            found.append(RATE / period)
    return float(np.median(found))


@pytest.mark.parametrize(("voice", "language"), [("nova", "en"), ("en+nobody", "en"), ("", "tlh")])
async def test_a_voice_that_espeak_lacks_is_replaced_and_it_says_so_once(
    engine: EspeakEngine, voice: str, language: str, caplog: pytest.LogCaptureFixture
):
    espeak._espeak_name.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            samples, _ = await spoken(engine, "Hello.", voice, language)
            assert len(samples)
    assert len(caplog.records) == 1
    assert (voice or language) in caplog.text


async def test_many_sessions_speak_at_the_same_time_and_get_their_own_words():
    engines = [EspeakEngine() for _ in range(3)]
    texts = [f"This is sentence number {number}." for number in range(24)]
    alone = [len((await spoken(engines[0], text))[0]) for text in texts]
    together = await asyncio.gather(*(spoken(engines[i % 3], text) for i, text in enumerate(texts)))
    for (samples, words), length, text in zip(together, alone, texts, strict=True):
        assert abs(len(samples) - length) < 0.1 * RATE
        assert "".join(text[word.first : word.last] for word in words) == text.replace(" ", "")


async def test_who_stops_listening_stops_the_engine(engine: EspeakEngine):
    stream = engine.synthesise("and then another word " * 2000, "", "en")
    first = await anext(stream)
    assert isinstance(first, Audio)
    await stream.aclose()
    async with asyncio.timeout(0.5):
        samples, _ = await spoken(engine, "Next.")
    assert len(samples) < RATE


async def test_a_sentence_that_nobody_waits_for_any_more_is_not_made(engine: EspeakEngine):
    streams = [engine.synthesise("word " * 3000, "", "en") for _ in range(5)]
    tasks = [asyncio.ensure_future(anext(stream)) for stream in streams]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(0.5):
        await spoken(engine, "Next.")


@pytest.mark.parametrize("text", ["a\0b", "\udcff", " ", "...", "\n"])
async def test_odd_text_does_no_harm(engine: EspeakEngine, text: str):
    await spoken(engine, text)
    samples, _ = await spoken(engine, "Still here.")
    assert len(samples) > RATE // 2
