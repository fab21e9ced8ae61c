import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_io.heard import estimate, heard_text, spoken_seconds, word_start, words_of
from audio_io.tts.openai import OpenAIEngine
from audio_io.tts.protocol import Word
from tests.audio_io.speech_server import Reply, speech, speech_server
from tests.audio_io.voice_rig import on_stage, saying, utterance

TEXTS = st.text(alphabet=st.sampled_from(list("ab ,.!?-\n\"'(1你好，。“”🙂")), max_size=60)


@given(TEXTS)
def test_words_are_in_order_and_leave_out_only_whitespace(text: str):
    spans = list(words_of(text))
    for first, last, weight in spans:
        assert first < last
        assert weight > 1
    gaps = [0] + [edge for first, last, _ in spans for edge in (first, last)] + [len(text)]
    assert gaps == sorted(gaps)
    if spans:
        between = [text[gaps[i] : gaps[i + 1]] for i in range(0, len(gaps), 2)]
        assert "".join(between).strip() == ""


def test_punctuation_belongs_to_its_word():
    text = "“Well,” she said — no."
    assert [text[a:b] for a, b, _ in words_of(text)] == ["“Well,”", "she", "said —", "no."]
    assert [text[a:b] for a, b, _ in words_of("你好，我 OK。") for text in ["你好，我 OK。"]] == [
        "你",
        "好，",
        "我",
        "OK。",
    ]


@given(TEXTS, st.floats(0.1, 60))
def test_estimated_words_fill_the_audio(text: str, seconds: float):
    words = estimate(text, seconds)
    if words:
        assert words[0].start == 0
        assert words[-1].end == pytest.approx(seconds)
        assert heard_text(text, words, seconds * 1.001) == text
    for left, right in itertools.pairwise(words):
        assert left.end == right.start


@given(TEXTS, st.floats(0, 10), st.floats(0, 10))
def test_more_is_heard_as_time_goes_on(text: str, early: float, late: float):
    words = estimate(text, 10)
    early, late = sorted((early, late))
    first, second = heard_text(text, words, early), heard_text(text, words, late)
    assert second.startswith(first)
    assert text.startswith(second)


def test_a_word_is_heard_when_it_has_sounded_to_its_end():
    words = (Word(0, 3, 0.0, 0.5), Word(4, 8, 0.6, 1.0))
    assert heard_text("Oh, yes.", words, 0.49) == ""
    assert heard_text("Oh, yes.", words, 0.5) == "Oh,"
    assert heard_text("Oh, yes.", words, 0.99) == "Oh,"
    assert heard_text("Oh, yes. ", words, 1.0) == "Oh, yes. "
    assert heard_text("Oh, yes. And", words, 1.0, complete=False) == "Oh, yes."


def test_a_word_begins_where_it_begins_and_a_gap_is_no_word():
    words = (Word(0, 3, 0.0, 0.5), Word(4, 8, 0.6, 1.0))
    assert word_start(words, 0.3) == 0.0
    assert word_start(words, 0.55) == 0.55
    assert word_start(words, 0.6) == 0.6
    assert word_start(words, 0.99) == 0.6


def test_a_long_word_takes_longer_and_chinese_is_slower():
    assert spoken_seconds("extraordinary") > spoken_seconds("a")
    assert spoken_seconds("好" * 10) > spoken_seconds("a" * 10)


async def test_without_word_times_what_was_heard_is_in_proportion():
    text = "one two three four five six seven eight nine ten."
    async with speech_server(Reply([speech(2.0)])) as server:
        engine = OpenAIEngine(base_url=server.url)
        async with on_stage(engine) as stage:
            stage.voice.say(utterance("u1"), saying(text))
            await stage.started("u1")
            stage.voice.played(1, 0)
            await asyncio.sleep(0.3)
            stage.voice.pause()
            stage.voice.played(1, 200)
            stage.voice.hush()
        await engine.close()
    assert stage.ends()[0].heard == "one"


async def test_without_word_times_a_word_is_said_again_from_the_silence_before_it():
    word, silence = speech(0.33), bytes(2 * 24 * 60)
    text = "alpha bravo carol delta"
    async with speech_server(Reply([(word + silence) * 4])) as server:
        engine = OpenAIEngine(base_url=server.url)
        async with on_stage(engine) as stage:
            stage.voice.say(utterance("u1"), saying(text))
            await stage.started("u1")
            await asyncio.sleep(0.75)
            stage.voice.pause()
            stage.voice.played(1, 650)
            await asyncio.sleep(0.45)
            stage.voice.resume()
            stage.voice.hush()
        await engine.close()
    [(_, from_ms)] = stage.player.resumes
    assert 330 <= from_ms < 390


async def test_while_the_engine_still_speaks_the_length_is_a_guess_at_ordinary_speed():
    text = "one two three four five six seven eight nine ten."
    async with speech_server(Reply([speech(1.0), "stall"])) as server:
        engine = OpenAIEngine(base_url=server.url)
        async with on_stage(engine) as stage:
            stage.voice.say(utterance("u1"), saying(text))
            await stage.started("u1")
            await asyncio.sleep(0.35)
            stage.voice.pause()
            stage.voice.played(1, 300)
            stage.voice.hush()
        await engine.close()
    assert stage.ends()[0].heard == "one"
