import asyncio
import contextvars

import pytest

from audio_io.playback import LOOKAHEAD
from audio_io.sentences import cut
from audio_io.tts.espeak import EspeakEngine
from audio_io.tts.protocol import RATE
from audio_io.tts.tone import ToneEngine
from evals.virtual_time import run_virtual
from tests.audio_io.voice_rig import (
    MS,
    TEXT,
    Stage,
    WatchedEngine,
    expected,
    on_stage,
    saying,
    utterance,
)

LONG = "One two three four five six seven eight nine ten. " * 8


def test_agent_answers_and_all_of_it_is_played():
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(*(word + " " for word in TEXT.split())))
            end = await stage.end("u1")
            return stage, end, asyncio.get_running_loop().time()

    stage, end, took = run_virtual(scene())
    assert (end.reason, end.heard) == ("finished", TEXT)
    assert stage.kinds() == ["utterance_started", "utterance_ended"]
    assert stage.player.said[1].strip() == TEXT
    assert stage.player.ends == [(1, end.heard, "finished")]
    assert end.at == pytest.approx(took)


async def play(stage: Stage, name: str, text: str):
    stage.voice.say(utterance(name), saying(text))
    return await stage.end(name)


def test_what_is_played_is_what_the_engine_made_to_the_sample():
    async def scene():
        wanted = await expected(TEXT)
        async with on_stage() as stage:
            end = await play(stage, "u1", TEXT)
            return wanted, end, stage.player.tracks[1]

    wanted, end, track = run_virtual(scene())
    assert end.heard == TEXT
    assert bytes(track.sound) == wanted.pcm
    assert track.spans == [(0, len(wanted.pcm) // 2)]
    assert track.starved == 0


def test_the_first_sound_leaves_before_an_engine_that_never_waits_makes_more():
    class Tireless(ToneEngine):
        made = 0

        async def synthesise(self, text, voice, language):
            async for audio in super().synthesise(text, voice, language):
                self.made += 1
                yield audio

    async def scene():
        engine = Tireless()
        async with on_stage(engine) as stage:
            stage.voice.say(utterance("u1"), saying(TEXT))
            await stage.started("u1")  # as the writer is woken that sends the sound
            return engine.made

    assert run_virtual(scene()) == 1


def test_it_ends_when_the_last_sample_has_been_played():
    async def scene():
        wanted = await expected(TEXT)
        async with on_stage() as stage:
            end = await play(stage, "u1", TEXT)
            return len(wanted.pcm) / 2 / RATE, end.at

    seconds, at = run_virtual(scene())
    assert at == pytest.approx(seconds, abs=0.002)


@pytest.mark.parametrize("lead", [0.02, 0.2, 1.0])
def test_the_player_never_holds_more_than_the_lead(lead: float):
    async def scene():
        async with on_stage(lead_seconds=lead) as stage:
            await play(stage, "u1", TEXT)
            return stage.player.tracks[1]

    track = run_virtual(scene())
    assert 0 < track.lead <= lead * RATE
    assert track.starved == 0


def test_the_first_sentence_sounds_while_the_second_is_still_being_composed():
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(
                utterance("u1"), saying("I am here. ", "And", 1.0, " now there is more.")
            )
            started = await stage.started("u1")
            end = await stage.end("u1")
            return started, end, stage.player

    started, end, player = run_virtual(scene())
    assert started.at == 0.0
    assert end.heard == "I am here. And now there is more."
    assert player.said[1] == end.heard


def test_after_a_wait_for_the_text_the_next_sentence_comes_without_another_pause():
    async def scene():
        first, second = await expected("I am here. "), await expected("And more.")
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying("I am here. ", "And", 3.0, " more."))
            await stage.end("u1")
            return first.pcm + second.pcm, stage.player.tracks[1]

    wanted, track = run_virtual(scene())
    assert bytes(track.pcm) == wanted
    assert track.lead <= 0.2 * RATE


def test_the_next_sentence_is_made_only_when_it_is_soon_needed():
    engine = WatchedEngine()

    async def scene():
        async with on_stage(engine) as stage:
            stage.voice.say(utterance("u1"), saying(LONG))
            await asyncio.sleep(0.01)
            at_once = len(engine.asked)
            await stage.end("u1")
            return at_once, stage.player.tracks[1].starved

    at_once, starved = run_virtual(scene())
    sentence = len(cut(LONG)[0]) / 15
    assert at_once <= LOOKAHEAD / sentence + 2
    assert len(engine.asked) == 8
    assert starved == 0


def test_a_new_utterance_replaces_the_one_that_sounds():
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(TEXT))
            await asyncio.sleep(0.7)
            stage.voice.say(utterance("u2"), saying("Now this."))
            end = await stage.end("u2")
            return stage, end

    stage, end = run_virtual(scene())
    assert [(e.utterance, e.reason) for e in stage.ends()] == [("u1", "cut"), ("u2", "finished")]
    assert end.heard == "Now this."
    assert stage.player.told(1) == ["begin", "audio", "flush", "end"]


def test_a_text_that_comes_too_late_never_sounds():
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(0.5, "Too late."))
            await asyncio.sleep(0.2)
            stage.voice.hush()
            await asyncio.sleep(2)
            return stage

    stage = run_virtual(scene())
    assert stage.player.told(1) == ["begin", "flush", "end"]
    assert [(e.heard, e.reason) for e in stage.ends()] == [("", "cut")]
    assert "utterance_started" not in stage.kinds()


def test_the_text_stream_is_closed_when_the_user_interrupts():
    closed = asyncio.Event()

    async def scene():
        async def endless():
            try:
                while True:
                    yield "And another one. "
            finally:
                closed.set()

        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), endless)
            await asyncio.sleep(1)
            stage.voice.hush()
            await asyncio.wait_for(closed.wait(), 1)

    run_virtual(scene())


def test_an_utterance_without_words_ends_at_once():
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying())
            first = await stage.end("u1")
            stage.voice.say(utterance("u2"), saying("... ", "!"))
            return first, await stage.end("u2"), stage

    first, second, stage = run_virtual(scene())
    assert (first.reason, first.heard) == ("finished", "")
    assert (second.reason, second.heard) == ("finished", "")
    assert "utterance_started" not in stage.kinds()


def test_the_user_leaves_in_mid_word_and_what_was_heard_is_kept():
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(TEXT))
            await asyncio.sleep(1.5)
        return stage

    stage = run_virtual(scene())
    assert stage.ends()[0].reason == "cut"
    assert stage.ends()[0].heard


def test_what_is_said_before_the_voice_runs_is_spoken_when_it_does():
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying("Hello."))
            await stage.end("u1")
            return stage.ends()[0].heard

    assert run_virtual(scene()) == "Hello."


@pytest.mark.parametrize(
    "opening", ["Hold on, let me stop you there. I disagree!", "Hold on for a moment, dear friend"]
)
def test_the_opening_sounds_from_the_cache_while_the_model_still_thinks(opening: str):
    class Silent(ToneEngine):
        async def synthesise(self, text: str, voice: str, language: str):
            raise AssertionError("the engine was asked")
            yield

    async def scene():
        wanted = await expected(opening)
        async with on_stage() as stage:
            await stage.clips.warm([opening], "", "en")
            stage.clips.engine.synthesise = Silent().synthesise  # type: ignore[method-assign]
            stage.voice.say(utterance("u1", opening=opening), saying(opening, 9.0, ""))
            started = await stage.started("u1")
            await asyncio.sleep(8)
            stage.voice.hush()
            return wanted, started.at, stage.ends()[0].heard, stage.player.tracks[1]

    wanted, started, heard, track = run_virtual(scene())
    assert started == 0
    assert heard == opening
    assert bytes(track.sound) == wanted.pcm[: len(wanted.pcm) // (2 * MS) * 2 * MS]


def test_an_opening_that_was_not_cached_is_the_next_time():
    engine = WatchedEngine()

    async def scene():
        async with on_stage(engine) as stage:
            for name in ("u1", "u2"):
                stage.voice.say(utterance(name, opening="Wait!"), saying("Wait! ", "And so on."))
                await stage.end(name)

    run_virtual(scene())
    assert [text for text, _, _ in engine.asked] == ["Wait!", "And so on.", "And so on."]


def test_voice_and_language_are_those_chosen_when_it_is_said():
    engine = WatchedEngine()

    async def scene():
        async with on_stage(engine) as stage:
            await play(stage, "u1", "Hello.")
            stage.voice.speak_as("anna", "de")
            await play(stage, "u2", "Hello.")

    run_virtual(scene())
    assert engine.asked == [("Hello.", "", "en"), ("Hello.", "anna", "de")]


def test_the_embedded_engine_speaks_is_interrupted_and_goes_back_to_a_word():
    async def scene():
        async with on_stage(EspeakEngine()) as stage:
            stage.voice.say(utterance("u1"), saying(*(word + " " for word in TEXT.split())))
            await asyncio.sleep(1.0)
            stage.voice.pause()
            await asyncio.sleep(0.8)
            stage.voice.resume()
            await asyncio.sleep(1.0)
            stage.voice.pause()
            await asyncio.sleep(0.2)
            stage.voice.resume()
            first = await stage.end("u1")
            stage.voice.say(utterance("u2"), saying(TEXT))
            await asyncio.sleep(1.5)
            stage.voice.hush()
            return first, stage

    first, stage = run_virtual(scene())
    track, cut_off = stage.player.tracks[1], stage.ends()[1]
    assert first.heard == TEXT
    assert (track.starved, track.lead <= 0.2 * RATE) == (0, True)
    assert len(track.spans) == 2
    assert 0 < track.spans[0][1] - track.spans[1][0] < 0.6 * RATE
    assert TEXT.startswith(cut_off.heard)
    assert 3 <= len(cut_off.heard.split()) <= 6


def test_text_and_audio_share_no_state_of_the_caller():
    tracing = contextvars.ContextVar("tracing", default="nothing")
    seen: list[str] = []

    async def scene():
        async def text():
            seen.append(tracing.get())
            yield "Hello."

        async with on_stage() as stage:
            await asyncio.sleep(0)
            tracing.set("a graph run")
            stage.voice.say(utterance("u1"), text)
            await stage.end("u1")

    run_virtual(scene())
    assert seen == ["nothing"]
