"""Real speech over a real websocket: real voice detection, real dialogue, a real player's sound."""

import asyncio

import pytest
import pytest_asyncio

from audio_io.asr.client import ClientEngine
from audio_io.asr.recordings import load_recordings
from audio_io.asr.replay import ReplayEngine
from audio_io.clips import Clips
from audio_io.pcm import read_audio
from audio_io.tts.tone import ToneEngine
from server.hub import Engines
from tests.llm_server import llm_server, says
from tests.server.serving import Client, client, services_in, serving, speech, until

SPEECH = {"type": "hello", "version": 1, "rate": 16000}
LONG = "This answer goes on and on, one word behind the other, so that somebody can cut in. " * 3
SHORT = "One two three four five six."


@pytest.fixture(scope="module")
def card() -> bytes:
    """ "eight of ... hearts", 3.3 s of speech at 16 kHz."""
    samples, rate = read_audio(speech("pocketsphinx/cards/005.wav"))
    assert rate == 16000
    return samples.tobytes()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(tmp_path_factory):
    """A server that understands the cards and answers at length, in tones."""
    engine = ReplayEngine(load_recordings(speech("word_times.json").parent))
    engines = Engines(asr=engine, clips=Clips(ToneEngine()))
    with llm_server(lambda request: says(LONG)) as server:
        services = services_in(
            tmp_path_factory.mktemp("data"), llm={"model": "test", "base_url": server.url}
        )
        async with serving(services, engines) as running:
            yield running


@pytest_asyncio.fixture(loop_scope="module")
async def caller(served):
    async with client(served, SPEECH) as one:
        await one.next("welcome")
        yield one
    await until(lambda: not served.hub.sessions)


one_server = pytest.mark.asyncio(loop_scope="module")


async def stream(one: Client, pcm: bytes, rate: int = 16000) -> None:
    """Sends sound in pieces of 20 ms, as it is recorded."""
    step = 2 * rate // 50
    loop = asyncio.get_running_loop()
    due = loop.time()
    for start in range(0, len(pcm), step):
        await one.sound(pcm[start : start + step])
        due += 0.02
        await asyncio.sleep(max(0.0, due - loop.time()))


@one_server
async def test_the_user_cuts_in_and_the_agent_falls_silent(served, caller, card):
    await caller.send("text", text="tell me a story")
    number = (await caller.next("utterance"))["id"]
    await caller.audio(1000)
    speaking = asyncio.create_task(stream(caller, card))
    assert (await caller.next("pause"))["id"] == number
    await caller.next("speech_started")
    await caller.next("partial")
    assert (await caller.next("flush"))["id"] == number
    end = await caller.next("utterance_end")
    assert (end["id"], end["reason"]) == (number, "cut")
    assert end["heard"]
    assert LONG.startswith(end["heard"])
    assert len(end["heard"]) < len(LONG) / 2
    caller.frames.clear()
    await caller.send("commit")
    await caller.next("turn")
    assert not [frame for frame in caller.frames if frame.utterance == number]
    speaking.cancel()


@one_server
async def test_a_voice_without_words_only_pauses_the_agent(tmp_path, card):
    engines = Engines(asr=ClientEngine(), clips=Clips(ToneEngine()))
    with llm_server([says(SHORT)]) as server:
        services = services_in(tmp_path, llm={"model": "test", "base_url": server.url})
        async with serving(services, engines) as served, client(served, SPEECH) as one:
            await one.send("text", text="count to ten")
            await one.audio(600)
            cough = asyncio.create_task(stream(one, card[:24_000] + bytes(64_000)))
            paused = await one.next("pause")
            resumed = await one.next("resume")
            assert resumed["at"] - paused["at"] == pytest.approx(0.8, abs=0.3)
            end = await one.next("utterance_end")
            assert (end["reason"], end["heard"]) == (
                "finished",
                SHORT,
            )
            cough.cancel()
            assert max(frame.offset_ms for frame in one.frames) > resumed["from_ms"]


@one_server
async def test_the_position_that_the_client_reports_decides_what_was_heard(served, caller):
    await caller.send("text", text="tell me a story")
    number = (await caller.next("utterance"))["id"]
    await caller.audio(1500)
    await caller.send("played", utterance=number, ms=300)
    await caller.send("stop")
    end = await caller.next("utterance_end")
    assert end["reason"] == "cut"
    assert len(end["heard"].split()) <= 2


@one_server
async def test_half_a_sample_is_refused_and_the_next_piece_heard(served, caller, card):
    await caller.sound(card[:321])
    error = await caller.next("error")
    assert (error["code"], error["field"], error["fatal"]) == ("bad_audio", "pcm", False)
    speaking = asyncio.create_task(stream(caller, card))
    await caller.next("speech_started")
    speaking.cancel()


@one_server
async def test_the_times_of_speech_are_those_of_the_session(served, card):
    async with client(served, SPEECH) as one:
        await one.next("welcome")
        await asyncio.sleep(1.0)
        speaking = asyncio.create_task(stream(one, card[: 2 * 16_000] + bytes(16_000)))
        started = await one.next("speech_started")
        await one.next("partial", final=True)
        stopped = await one.next("speech_stopped")
        await speaking
    assert started["at"] == pytest.approx(1.15, abs=0.25)
    assert 0.5 < stopped["at"] - started["at"] < 1.1


@one_server
async def test_a_client_with_its_own_recogniser_lets_the_server_hear_the_voice(served, card):
    async with client(served, {**SPEECH, "recognition": "client"}) as one:
        speaking = asyncio.create_task(stream(one, card))
        segment = (await one.next("speech_started"))["segment"]
        await one.send("partial", segment=segment, text="eight of hearts")
        assert (await one.next("judgement"))["text"] == "eight of hearts"
        await one.send("partial", segment=segment + 1, text="too early")
        assert (await one.next("error"))["field"] == "segment"
        await one.send("speech_stopped", segment=segment)
        assert (await one.next("error"))["code"] == "bad_state"
        speaking.cancel()


@one_server
async def test_a_client_that_vanishes_in_mid_word_leaves_nothing(served, card):
    before = len(asyncio.all_tasks())
    async with client(served, SPEECH) as one:
        await stream(one, card[: 2 * 12_000])
        one.socket.transport.abort()
    await until(lambda: not served.hub.sessions)
    await until(lambda: len(asyncio.all_tasks()) <= before)


@one_server
async def test_push_to_talk_is_answered_when_the_key_is_let_go(served, caller, card):
    await caller.send("configure", turn_detection="manual")
    await stream(caller, card[: 2 * 16_000])
    await caller.send("commit")
    await caller.send("respond")
    assert (await caller.next("judgement", action="reply"))["reason"]
    await caller.audio(100)
