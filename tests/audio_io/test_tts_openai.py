import asyncio

import numpy as np
import pytest

from audio_io.tts.openai import OpenAIEngine
from audio_io.tts.protocol import RATE, TtsFailed
from graph.errors import BadInput
from tests.audio_io.speech_server import Reply, speech, speech_server

TONE = speech(0.5)


async def made(engine: OpenAIEngine, text: str = "Hello.", voice: str = "") -> bytes:
    return b"".join([audio.pcm async for audio in engine.synthesise(text, voice, "en")])


async def answer(*replies: Reply, rate: int = RATE) -> bytes:
    async with speech_server(*replies) as server:
        engine = OpenAIEngine(base_url=server.url, stall_seconds=1.0, rate=rate)
        try:
            return await made(engine)
        finally:
            await engine.close()


async def failure(*parts: bytes | str, status: int = 200, kind: str = "audio/pcm") -> TtsFailed:
    with pytest.raises(TtsFailed) as caught:
        await answer(Reply(parts, status, kind))  # type: ignore[arg-type]
    assert "http://127.0.0.1" in str(caught.value)
    return caught.value


async def test_speech_arrives_as_the_server_made_it():
    async with speech_server(Reply([TONE])) as server:
        engine = OpenAIEngine(base_url=server.url, model="kokoro", key="k-1")
        assert await made(engine, "Hello there.", "nova") == TONE
        assert server.requests == [
            {
                "model": "kokoro",
                "voice": "nova",
                "input": "Hello there.",
                "response_format": "pcm",
            }
        ]
        assert server.headers[0]["authorization"] == "Bearer k-1"
        await engine.close()


async def test_without_a_key_none_is_sent():
    async with speech_server(Reply([TONE])) as server:
        engine = OpenAIEngine(base_url=server.url)
        await made(engine)
        assert "authorization" not in server.headers[0]
        await engine.close()


async def test_the_first_piece_is_there_while_the_server_still_speaks():
    async with speech_server(Reply([TONE, "stall"])) as server:
        engine = OpenAIEngine(base_url=server.url, stall_seconds=5)
        stream = engine.synthesise("Hello.", "", "en")
        assert (await anext(stream)).pcm == TONE
        await stream.aclose()
        await engine.close()


async def test_chunks_that_split_samples_are_put_together():
    pieces = [TONE[i : i + 777] for i in range(0, len(TONE), 777)]
    assert await answer(Reply(pieces)) == TONE
    assert await answer(Reply([TONE[:1], TONE[1:2], TONE[2:3], TONE[3:]])) == TONE


@pytest.mark.parametrize(
    ("rate", "kind"), [(22_050, "audio/pcm"), (24_000, "audio/pcm;rate=44100")]
)
async def test_a_server_with_another_rate_is_resampled(rate: int, kind: str):
    source = 44_100 if "44100" in kind else rate
    pcm = await answer(Reply([speech(1.0, source)], kind=kind), rate=rate)
    samples, wanted = (np.frombuffer(x, "<i2").astype(float) for x in (pcm, speech(1.0)))
    assert len(samples) == len(wanted) == RATE
    assert np.corrcoef(samples, wanted)[0, 1] > 0.999


async def test_one_connection_serves_sentence_after_sentence_and_many_at_once():
    async with speech_server(Reply([TONE])) as server:
        engine = OpenAIEngine(base_url=server.url)
        assert set(await asyncio.gather(*(made(engine) for _ in range(20)))) == {TONE}
        assert len(server.requests) == 20
        await engine.close()


async def test_the_server_is_not_running():
    async with speech_server(Reply([TONE])) as server:
        url = server.url
    engine = OpenAIEngine(base_url=url)
    with pytest.raises(TtsFailed, match="is the server running") as caught:
        await made(engine)
    assert caught.value.fault == "unreachable"
    await engine.close()


async def test_the_key_is_refused_and_not_shown():
    async with speech_server(Reply([b'{"error": "bad key"}'], 401, "application/json")) as server:
        engine = OpenAIEngine(base_url=server.url, key="secret-key")
        with pytest.raises(TtsFailed) as caught:
            await made(engine)
        assert caught.value.fault == "unauthorised"
        assert "bad key" in str(caught.value)
        assert "secret-key" not in str(caught.value)
        await engine.close()


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_the_server_refuses_and_says_why(status: int):
    error = await failure(b"no voice\nof that name", status=status, kind="text/plain")
    assert error.fault == "rejected"
    assert f"status {status}: no voice of that name" in str(error)


@pytest.mark.parametrize("parts", [["stall"], [TONE, "stall"]])
async def test_the_server_stalls(parts: list[bytes | str]):
    assert (await failure(*parts)).fault == "stalled"


@pytest.mark.parametrize("parts", [["die"], [TONE[:100], "die"], [TONE, "die"]])
async def test_the_server_dies(parts: list[bytes | str]):
    assert (await failure(*parts)).fault == "died"


@pytest.mark.parametrize(
    ("parts", "kind", "says"),
    [
        ([TONE, b"x"], "audio/pcm", "in the middle of a sample"),
        ([b"x"], "audio/pcm", "in the middle of a sample"),
        ([], "audio/pcm", "no audio"),
        ([b"RIFF....WAVEfmt "], "audio/wav", "audio file"),
        ([b"R", b"IF", b"F....WAVEfmt "], "audio/wav", "audio file"),
        ([b"\xff\xfb\x90"], "audio/mpeg", "audio/mpeg"),
        ([b'{"detail": "x"}'], "application/json; charset=utf-8", "application/json"),
    ],
)
async def test_what_comes_is_no_pcm(parts: list[bytes | str], kind: str, says: str):
    error = await failure(*parts, kind=kind)
    assert error.fault == "malformed"
    assert says in str(error)


def test_a_base_url_that_is_none_is_named():
    with pytest.raises(BadInput, match=r"tts.base_url.*localhost:8000"):
        OpenAIEngine(base_url="localhost:8000")
