import asyncio

import pytest

from audio_io.clips import Clip, Clips
from audio_io.tts.openai import OpenAIEngine
from audio_io.tts.protocol import TtsFailed
from audio_io.tts.tone import ToneEngine
from tests.audio_io.speech_server import Reply, speech, speech_server


def clip(size: int) -> Clip:
    return Clip(bytes(size), ())


def test_the_least_used_line_makes_room():
    clips = Clips(ToneEngine(), max_bytes=100)
    for name in ("a", "b"):
        clips.put(name, "", "en", clip(40))
    assert clips.get("a", "", "en")
    clips.put("c", "", "en", clip(40))
    assert clips.get("b", "", "en") is None
    assert clips.get("a", "", "en")
    assert clips.get("c", "", "en")
    assert clips.bytes_held == 80


def test_a_line_that_is_put_again_is_counted_once():
    clips = Clips(ToneEngine(), max_bytes=100)
    for _ in range(5):
        clips.put("a", "", "en", clip(40))
    assert clips.bytes_held == 40


def test_a_line_larger_than_the_cache_is_not_kept():
    clips = Clips(ToneEngine(), max_bytes=100)
    clips.put("a", "", "en", clip(101))
    assert clips.get("a", "", "en") is None
    assert clips.bytes_held == 0


def test_another_voice_or_language_is_another_line():
    clips = Clips(ToneEngine())
    clips.put("a", "anna", "de", clip(2))
    assert clips.get("a", "", "de") is None
    assert clips.get("a", "anna", "en") is None
    assert clips.get(" a ", "anna", "de")


async def test_sessions_that_warm_the_same_lines_make_them_once():
    async with speech_server(Reply([speech(0.1)])) as server:
        engine = OpenAIEngine(base_url=server.url)
        clips = Clips(engine)
        lines = ["Hold on.", "Really? No!", "..."]
        await asyncio.gather(*(clips.warm(lines, "", "en") for _ in range(10)))
        await engine.close()
    assert sorted(request["input"] for request in server.requests) == ["Hold on.", "No!", "Really?"]
    assert clips.bytes_held == 3 * len(speech(0.1))


async def test_warming_tells_when_it_cannot():
    async with speech_server(Reply(["die"])) as server:
        engine = OpenAIEngine(base_url=server.url)
        clips = Clips(engine)
        with pytest.raises(TtsFailed):
            await clips.warm(["Hold on."], "", "en")
        await engine.close()
    assert clips.bytes_held == 0
