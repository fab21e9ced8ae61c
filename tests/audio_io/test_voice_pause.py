import asyncio

import pytest

from audio_io.tts.protocol import RATE
from audio_io.tts.tone import ToneEngine
from evals.virtual_time import run_virtual
from tests.audio_io.voice_rig import (
    MS,
    TEXT,
    expected,
    on_stage,
    saying,
    utterance,
)


def test_user_coughs_and_playback_resumes_at_the_exact_sample():
    async def scene():
        wanted = await expected(TEXT)
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(TEXT))
            await asyncio.sleep(1.2345)
            stage.voice.pause()
            await asyncio.sleep(0.39)
            stage.voice.resume()
            end = await stage.end("u1")
            return wanted, end, stage.player

    wanted, end, player = run_virtual(scene())
    assert bytes(player.tracks[1].sound) == wanted.pcm
    assert player.resumes == [(1, 1234)]
    assert end.heard == TEXT
    assert end.at == pytest.approx(len(wanted.pcm) / 2 / RATE + 0.39, abs=0.002)


def test_after_a_long_pause_playback_goes_back_to_the_start_of_the_word():
    async def scene():
        wanted = await expected(TEXT)
        begin, end, _ = wanted.words[5]
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(TEXT))
            await asyncio.sleep((begin + end) / 2 / RATE)
            stage.voice.pause()
            await asyncio.sleep(0.41)
            stage.voice.resume()
            ended = await stage.end("u1")
            return wanted, ended, stage.player

    wanted, ended, player = run_virtual(scene())
    begin, end, _ = wanted.words[5]
    [(_, from_ms)] = player.resumes
    assert from_ms == begin // MS
    assert player.tracks[1].spans == [
        (0, (begin + end) // 2),
        (from_ms * MS, len(wanted.pcm) // 2),
    ]
    assert player.tracks[1].starved == 0
    assert ended.heard == TEXT


def test_a_pause_between_two_words_goes_on_where_it_was_however_long():
    async def scene():
        wanted = await expected(TEXT)
        gap = (wanted.words[3][1] + 10) / RATE
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(TEXT))
            await asyncio.sleep(gap)
            stage.voice.pause()
            await asyncio.sleep(3)
            stage.voice.resume()
            await stage.end("u1")
            return wanted, stage.player.tracks[1]

    wanted, track = run_virtual(scene())
    assert bytes(track.sound) == wanted.pcm


def test_nothing_sounds_while_paused():
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(TEXT))
            await asyncio.sleep(0.5)
            stage.voice.pause()
            stage.voice.pause()
            told = len(stage.player.log)
            await asyncio.sleep(60)
            assert len(stage.player.log) == told
            assert not stage.ends()
            stage.voice.resume()
            stage.voice.resume()
            return (await stage.end("u1")).heard, stage.player.told(1)

    heard, told = run_virtual(scene())
    assert heard == TEXT
    assert told == ["begin", "audio", "pause", "resume", "audio", "end"]


def test_paused_before_its_first_sound_it_waits():
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(0.1, TEXT))
            stage.voice.pause()
            await asyncio.sleep(5)
            assert not stage.player.tracks[1].pcm
            stage.voice.resume()
            end = await stage.end("u1")
            return end.heard, stage.player

    heard, player = run_virtual(scene())
    assert heard == TEXT
    assert player.resumes == [(1, 0)]


def test_user_interrupts_and_history_holds_what_was_heard_and_no_more():
    async def scene():
        wanted = await expected(TEXT)
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(TEXT))
            await asyncio.sleep(1.5)
            stage.voice.hush()
            end = stage.ends()[0]
            told = len(stage.player.log)
            await asyncio.sleep(10)
            assert len(stage.player.log) == told
            return wanted, end, stage.player

    wanted, end, player = run_virtual(scene())
    assert end.reason == "cut"
    assert end.heard == wanted.heard_at(round(1.5 * RATE))
    assert TEXT.startswith(end.heard)
    assert 0 < len(end.heard) < len(TEXT)
    assert player.told(1)[-2:] == ["flush", "end"]


def test_words_that_the_engine_has_not_made_yet_were_not_heard():
    class Stuck(ToneEngine):
        async def synthesise(self, text: str, voice: str, language: str):
            async for audio in super().synthesise(text, voice, language):
                yield audio
                if text[: audio.words[0].last].endswith("leaves"):
                    await asyncio.Event().wait()

    async def scene():
        async with on_stage(Stuck()) as stage:
            stage.voice.say(utterance("u1"), saying(TEXT))
            await asyncio.sleep(2.5)
            stage.voice.hush()
            return stage.ends()[0]

    assert run_virtual(scene()).heard == "The train leaves"


def test_client_reports_less_than_was_sent_and_only_that_was_heard():
    async def scene():
        wanted = await expected(TEXT)
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(TEXT))
            await asyncio.sleep(2.0)
            stage.voice.pause()
            stage.voice.played(1, 1200)
            stage.voice.hush()
            return wanted, stage.ends()[0]

    wanted, end = run_virtual(scene())
    assert end.heard == wanted.heard_at(round(1.2 * RATE))
    assert end.heard != wanted.heard_at(2 * RATE)


def test_a_lagging_client_is_waited_for_before_the_utterance_ends():
    async def scene():
        wanted = await expected("Good day to you.")
        seconds = len(wanted.pcm) / 2 / RATE
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying("Good day to you."))
            for tick in range(1, 50):
                await asyncio.sleep(0.1)
                stage.voice.played(1, max(0, tick * 100 - 300))
                if stage.ends():
                    break
            return seconds, stage.ends()[0]

    seconds, end = run_virtual(scene())
    assert end.at == pytest.approx(seconds + 0.3, abs=0.002)
    assert end.heard == "Good day to you."


@pytest.mark.parametrize("later", [0.02, 0.4])
def test_a_lagging_client_still_lags_when_the_word_is_said_again(later: float):
    async def scene():
        wanted = await expected(TEXT)
        begin, end, before = wanted.words[5]
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(TEXT))
            await asyncio.sleep((begin + end) / 2 / RATE + 0.15)
            stage.voice.pause()
            stage.voice.played(1, (begin + end) // 2 // MS)
            await asyncio.sleep(1)
            stage.voice.resume()
            await asyncio.sleep(later)
            stage.voice.hush()
            return wanted, before, stage

    wanted, before, stage = run_virtual(scene())
    begin, end, _ = wanted.words[5]
    assert 0.4 > (end - begin) / RATE > 0.4 - 0.15
    assert stage.player.resumes == [(1, begin // MS)]
    assert stage.ends()[0].heard == wanted.words[4][2] != before


def test_a_lagging_client_catches_up_while_the_text_makes_it_wait():
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying("I am here. ", "And", 4.0, " there is more."))
            await asyncio.sleep(0.5)
            stage.voice.played(1, 300)
            await asyncio.sleep(3.55)
            stage.voice.hush()
            return stage.ends()[0].heard

    assert run_virtual(scene()) == "I am here."


def test_a_client_that_stands_still_holds_nothing_up_and_has_not_heard_the_rest():
    async def scene():
        wanted = await expected(TEXT)
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(TEXT))
            while not stage.ends():
                await asyncio.sleep(0.1)
                stage.voice.played(1, 500)
            return wanted, stage.ends()[0]

    wanted, end = run_virtual(scene())
    assert end.reason == "finished"
    assert end.heard in (wanted.heard_at(RATE * 5 // 10), wanted.heard_at(RATE * 6 // 10))
    assert end.at <= len(wanted.pcm) / 2 / RATE + 1.2


def test_a_report_beyond_what_was_sent_or_below_nothing_changes_no_more_than_it_can():
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(TEXT))
            await asyncio.sleep(0.3)
            stage.voice.played(1, 10**9)
            stage.voice.played(7, 10)
            stage.voice.pause()
            beyond = stage.player.log[-1]
            stage.voice.played(1, -5)
            stage.voice.hush()
            return beyond, stage.ends()[0].heard

    assert run_virtual(scene()) == (("pause", 1), "")
