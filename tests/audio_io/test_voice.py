import asyncio

import pytest

from audio_io.playback import LOOKAHEAD
from audio_io.sentences import cut
from audio_io.tts.protocol import RATE
from audio_io.tts.tone import ToneEngine
from evals.virtual_time import run_virtual
from graph.events import ToolCalled
from graph.state import ToolRequest
from tests.audio_io.voice_rig import MS, Stage, expected, on_stage, saying, utterance

TEXT = "The train leaves at noon today. It goes by the river, past the old mill. You will like it."
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
    made: list[str] = []

    class Watched(ToneEngine):
        async def synthesise(self, text: str, voice: str, language: str):
            made.append(text)
            async for audio in super().synthesise(text, voice, language):
                yield audio

    async def scene():
        async with on_stage(Watched()) as stage:
            stage.voice.say(utterance("u1"), saying(LONG))
            await asyncio.sleep(0.01)
            at_once = len(made)
            await stage.end("u1")
            return at_once, stage.player.tracks[1].starved

    at_once, starved = run_virtual(scene())
    sentence = len(cut(LONG)[0]) / 15
    assert at_once <= LOOKAHEAD / sentence + 2
    assert len(made) == 8
    assert starved == 0


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


def test_a_lagging_client_still_lags_when_the_word_is_said_again():
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
            await asyncio.sleep((end - begin) / RATE + 0.1)
            stage.voice.hush()
            return wanted, before, stage

    wanted, before, stage = run_virtual(scene())
    begin, _, _ = wanted.words[5]
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


def test_a_held_utterance_is_prepared_without_a_sound_and_let_go():
    made: list[str] = []

    class Watched(ToneEngine):
        async def synthesise(self, text: str, voice: str, language: str):
            made.append(text)
            async for audio in super().synthesise(text, voice, language):
                yield audio

    async def scene():
        async with on_stage(Watched()) as stage:
            stage.voice.say(utterance("u1", "held"), saying(*(word + " " for word in TEXT.split())))
            await asyncio.sleep(2)
            silent = not stage.player.log and not stage.events
            prepared = list(made)
            stage.voice.pause()
            stage.voice.say(utterance("u1"), saying("Something else."))
            now = asyncio.get_running_loop().time()
            at_once = ("audio", 1) in stage.player.log
            end = await stage.end("u1")
            return silent, prepared, at_once, now, end, stage.player

    silent, prepared, at_once, now, end, player = run_virtual(scene())
    assert silent
    assert prepared == [cut(TEXT)[0].strip()]
    assert at_once
    assert now == 2
    assert end.heard == TEXT
    assert player.said[1].strip() == TEXT


@pytest.mark.parametrize("how", ["hush", "another"])
def test_a_held_utterance_is_discarded_without_a_trace(how: str):
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(utterance("u1", "held"), saying(TEXT))
            await asyncio.sleep(1)
            if how == "hush":
                stage.voice.hush()
            else:
                stage.voice.say(utterance("u2", "held"), saying(TEXT))
            stage.voice.say(utterance("u3"), saying("This one."))
            await stage.end("u3")
            return stage

    stage = run_virtual(scene())
    assert stage.player.utterances == ["u3"]
    assert [event.utterance for event in stage.ends()] == ["u3"]


CALL: ToolRequest = {"id": "c1", "name": "weather", "arguments": '{"city": "Oslo"}'}


def test_a_tool_is_called_and_the_utterance_ends_after_the_words_before_it():
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying("Let me look that up.", CALL))
            end = await stage.end("u1")
            return stage, end

    stage, end = run_virtual(scene())
    assert (end.reason, end.heard) == ("tool", "Let me look that up.")
    assert stage.kinds() == ["utterance_started", "tool_called", "utterance_ended"]
    called = next(event for event in stage.events if isinstance(event, ToolCalled))
    assert (called.utterance, called.call, called.name) == ("u1", "c1", "weather")
    assert called.arguments == CALL["arguments"]
    assert called.at < end.at


def test_a_tool_without_a_word_makes_no_sound():
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(utterance("u1"), saying(CALL))
            await stage.end("u1")
            return stage

    stage = run_virtual(scene())
    assert stage.kinds() == ["tool_called", "utterance_ended"]
    assert stage.player.told(1) == ["begin", "end"]


def test_a_tool_never_runs_from_a_held_utterance():
    async def scene():
        async with on_stage() as stage:
            stage.voice.say(utterance("u1", "held"), saying(CALL))
            await asyncio.sleep(5)
            before = list(stage.kinds())
            stage.voice.say(utterance("u1"), saying(CALL))
            await stage.end("u1")
            return before, stage.kinds()

    assert run_virtual(scene()) == ([], ["tool_called", "utterance_ended"])


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
    made: list[str] = []

    class Watched(ToneEngine):
        async def synthesise(self, text: str, voice: str, language: str):
            made.append(text)
            async for audio in super().synthesise(text, voice, language):
                yield audio

    async def scene():
        async with on_stage(Watched()) as stage:
            for name in ("u1", "u2"):
                stage.voice.say(utterance(name, opening="Wait!"), saying("Wait! ", "And so on."))
                await stage.end(name)

    run_virtual(scene())
    assert made == ["Wait!", "And so on.", "And so on."]


def test_voice_and_language_are_those_chosen_when_it_is_said():
    asked: list[tuple[str, str]] = []

    class Watched(ToneEngine):
        async def synthesise(self, text: str, voice: str, language: str):
            asked.append((voice, language))
            async for audio in super().synthesise(text, voice, language):
                yield audio

    async def scene():
        async with on_stage(Watched()) as stage:
            await play(stage, "u1", "Hello.")
            stage.voice.speak_as("anna", "de")
            await play(stage, "u2", "Hello.")

    run_virtual(scene())
    assert asked == [("", "en"), ("anna", "de")]


def test_text_and_audio_share_no_state_of_the_caller():
    import contextvars

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
