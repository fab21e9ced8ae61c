"""Every failure of the text and of the speech engine, before, in the middle of, and at the end."""

import asyncio
import logging

import pytest

from audio_io.tts.openai import OpenAIEngine
from audio_io.tts.tone import ToneEngine
from evals.virtual_time import run_virtual
from graph.errors import CleanS2SError
from graph.events import UtteranceEnded
from tests.audio_io.speech_server import Part, Reply, SpeechServer, speech, speech_server
from tests.audio_io.voice_rig import Stage, on_stage, saying, utterance

TROUBLE = "Sorry, I lost my thread."


class ModelGone(CleanS2SError):
    """Stands for any error that a text stream raises on purpose."""


def fail_text(*pieces: str | float | BaseException, trouble: str = TROUBLE, warm: bool = True):
    """Says a text that fails, on the virtual clock; the end, and what was seen of it."""

    async def scene() -> tuple[UtteranceEnded, Stage]:
        async with on_stage(trouble=trouble) as stage:
            if warm:
                await stage.clips.warm([trouble], "", "en")
            stage.voice.say(utterance("u1"), saying(*pieces))
            return await stage.end("u1"), stage

    return run_virtual(scene())


@pytest.mark.parametrize("error", [ModelGone("no answer"), ValueError("a bug")])
@pytest.mark.parametrize("warm", [True, False])
def test_the_text_fails_before_its_first_word(error: Exception, warm: bool):
    end, stage = fail_text(error, warm=warm)
    assert (end.reason, end.heard) == ("failed", TROUBLE)
    assert stage.player.said[1] == TROUBLE
    assert stage.kinds() == ["utterance_started", "utterance_ended"]
    assert stage.troubles == []


def test_the_text_fails_in_its_first_words_and_the_torn_ones_are_not_spoken():
    end, _ = fail_text("I think ", "that", ModelGone("died"))
    assert (end.reason, end.heard) == ("failed", TROUBLE)


def test_the_text_fails_in_the_middle_and_the_sentence_is_finished():
    end, stage = fail_text("This is whole. ", "So is this. ", "But th", ModelGone("died"))
    assert (end.reason, end.heard) == ("failed", "This is whole. So is this.")
    assert len(stage.player.tracks[1].sound) == len(stage.player.tracks[1].pcm)


def test_the_text_fails_while_its_first_sentence_is_being_played():
    end, _ = fail_text("This is whole. ", "But", 0.5, ModelGone("stalled"))
    assert (end.reason, end.heard) == ("failed", "This is whole.")


def test_the_text_fails_at_its_very_end_and_all_of_it_is_spoken():
    end, _ = fail_text("This is whole. ", "And this, too.", ModelGone("died"))
    assert (end.reason, end.heard) == ("failed", "This is whole. And this, too.")


def test_a_text_stream_that_cannot_even_be_opened():
    async def scene():
        def broken():
            raise ModelGone("no such model")

        async with on_stage(trouble=TROUBLE) as stage:
            stage.voice.say(utterance("u1"), broken)
            return await stage.end("u1")

    end = run_virtual(scene())
    assert (end.reason, end.heard) == ("failed", TROUBLE)


def test_the_opening_is_finished_when_the_text_fails_behind_it():
    async def scene():
        async with on_stage(trouble=TROUBLE) as stage:
            stage.voice.say(
                utterance("u1", opening="Hold on."), saying("Hold on.", ModelGone("gone"))
            )
            return await stage.end("u1")

    end = run_virtual(scene())
    assert (end.reason, end.heard) == ("failed", "Hold on.")


def test_nothing_is_known_to_say_in_trouble():
    end, stage = fail_text(ModelGone("gone"), trouble="")
    assert (end.reason, end.heard) == ("failed", "")
    assert stage.kinds() == ["utterance_ended"]


def test_a_held_utterance_that_fails_says_so_only_when_it_is_let_go():
    async def scene():
        async with on_stage(trouble=TROUBLE) as stage:
            stage.voice.say(utterance("u1", "held"), saying(ModelGone("gone")))
            await asyncio.sleep(5)
            still = not stage.events and not stage.player.log
            stage.voice.say(utterance("u1"), saying("unused"))
            return still, await stage.end("u1")

    still, end = run_virtual(scene())
    assert still
    assert (end.reason, end.heard) == ("failed", TROUBLE)


def test_the_user_interrupts_the_line_for_trouble():
    async def scene():
        async with on_stage(trouble=TROUBLE) as stage:
            stage.voice.say(utterance("u1"), saying(ModelGone("gone")))
            await stage.started("u1")
            await asyncio.sleep(0.5)
            stage.voice.hush()
            return stage.ends()

    [end] = run_virtual(scene())
    assert end.reason == "cut"
    assert TROUBLE.startswith(end.heard)


def test_two_failures_in_a_row_are_told_and_a_success_forgets_them():
    async def scene():
        async with on_stage() as stage:
            said: list[list[tuple[str, str]]] = []
            texts: list[str | Exception] = [
                ModelGone("a"),
                "Fine.",
                ModelGone("b"),
                ModelGone("c"),
                "Fine.",
            ]
            for number, piece in enumerate(texts):
                stage.voice.say(utterance(f"u{number}"), saying(piece))
                await stage.end(f"u{number}")
                said.append(list(stage.troubles))
            return said

    said = run_virtual(scene())
    assert said[:3] == [[], [], []]
    assert [code for code, _ in said[3]] == ["text_failed"]
    assert said[4] == said[3]


def test_held_utterances_that_fail_and_are_discarded_trouble_nobody():
    async def scene():
        async with on_stage(trouble=TROUBLE) as stage:
            for name in ("u1", "u2", "u3"):
                stage.voice.say(utterance(name, "held"), saying(ModelGone("gone")))
                await asyncio.sleep(1)
            stage.voice.hush()
            return stage

    stage = run_virtual(scene())
    assert (stage.events, stage.troubles, stage.player.log) == ([], [], [])


def test_a_failure_is_logged_and_a_bug_with_its_traceback(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        fail_text(ModelGone("the model is gone"))
        fail_text(ValueError("a bug"))
    ours, bug = caplog.records
    assert "the model is gone" in ours.getMessage()
    assert ours.exc_info is None
    assert bug.exc_info is not None


def test_an_output_that_breaks_ends_the_utterance_and_not_the_session():
    async def scene():
        async with on_stage() as stage:
            stage.player.audio = lambda *_: 1 / 0  # type: ignore[method-assign, assignment]
            stage.voice.say(utterance("u1"), saying("Hello."))
            first = await stage.end("u1")
            del stage.player.audio
            stage.voice.say(utterance("u2"), saying("Hello."))
            return first, await stage.end("u2")

    first, second = run_virtual(scene())
    assert (first.reason, first.heard) == ("failed", "")
    assert (second.reason, second.heard) == ("finished", "Hello.")


def test_an_engine_that_hangs_before_its_first_audio_is_given_three_seconds():
    class Hanging(ToneEngine):
        async def synthesise(self, text: str, voice: str, language: str):
            if text != TROUBLE:
                await asyncio.Event().wait()
            async for audio in super().synthesise(text, voice, language):
                yield audio

    async def scene():
        async with on_stage(Hanging(), trouble=TROUBLE) as stage:
            await stage.clips.warm([TROUBLE], "", "en")
            stage.voice.say(utterance("u1"), saying("Hello."))
            started = await stage.started("u1")
            return started.at, await stage.end("u1")

    at, end = run_virtual(scene())
    assert at == 3.0
    assert (end.reason, end.heard) == ("failed", TROUBLE)


# The speech engine fails for real: `OpenAIEngine` against a server, in real time.

SENTENCE = speech(0.5)


async def fail_speech(
    replies: list[Reply], text: str = "Hello there. How are you?", warm: bool = True
) -> tuple[UtteranceEnded, Stage, SpeechServer]:
    line = [Reply([speech(0.2)])] if warm else []
    async with speech_server(*line, *replies) as server:
        engine = OpenAIEngine(base_url=server.url, stall_seconds=0.15)
        async with on_stage(engine, TROUBLE, first_audio_seconds=0.3) as stage:
            if warm:
                await stage.clips.warm([TROUBLE], "", "en")
            stage.voice.say(utterance("u1"), saying(text))
            end = await stage.end("u1")
        await engine.close()
    return end, stage, server


FAULTS: dict[str, tuple[Part, ...]] = {"stalls": ("stall",), "dies": ("die",), "odd": (b"x",)}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(["stall"]),
        Reply(["die"]),
        Reply([b"no"], 401, "text/plain"),
        Reply([b"busy"], 429, "text/plain"),
        Reply([]),
        Reply([b"{}"], 200, "application/json"),
    ],
)
async def test_speech_fails_before_its_first_audio(reply: Reply):
    end, stage, server = await fail_speech([reply])
    assert (end.reason, end.heard) == ("failed", TROUBLE)
    assert len(server.requests) == 2, "no retry"
    assert stage.kinds() == ["utterance_started", "utterance_ended"]


async def test_speech_fails_and_the_line_for_trouble_was_never_made():
    end, stage, server = await fail_speech([Reply(["die"])], warm=False)
    assert (end.reason, end.heard) == ("failed", "")
    assert stage.kinds() == ["utterance_ended"]
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", FAULTS)
async def test_speech_fails_in_the_middle_of_its_first_sentence(fault: str):
    text = "Hello there my dear old friend. How are you?"
    end, stage, server = await fail_speech([Reply([SENTENCE, *FAULTS[fault]])], text)
    assert end.reason == "failed"
    assert text.startswith(end.heard)
    assert 0 < len(end.heard) < len("Hello there my dear old friend.")
    assert len(stage.player.tracks[1].sound) == len(SENTENCE) // 48 * 48
    assert len(server.requests) == 2


@pytest.mark.parametrize("fault", FAULTS)
async def test_speech_fails_before_its_second_sentence(fault: str):
    end, stage, _ = await fail_speech([Reply([SENTENCE]), Reply(FAULTS[fault])])
    assert (end.reason, end.heard) == ("failed", "Hello there.")
    assert bytes(stage.player.tracks[1].sound) == SENTENCE


@pytest.mark.parametrize("fault", FAULTS)
async def test_speech_fails_in_the_middle_of_its_second_sentence(fault: str):
    replies = [Reply([speech(1.0)]), Reply([SENTENCE[:4800], *FAULTS[fault]])]
    end, stage, _ = await fail_speech(replies)
    assert (end.reason, end.heard) == ("failed", "Hello there.")
    assert bytes(stage.player.tracks[1].sound) == speech(1.0)


@pytest.mark.parametrize("fault", FAULTS)
async def test_speech_fails_at_the_end_of_its_last_sentence(fault: str):
    end, stage, _ = await fail_speech([Reply([SENTENCE, *FAULTS[fault]])], "Hello.")
    assert (end.reason, end.heard) == ("failed", "Hello.")
    assert bytes(stage.player.tracks[1].sound) == SENTENCE


async def test_text_and_speech_fail_in_the_same_utterance():
    async with speech_server(Reply(["die"])) as server:
        engine = OpenAIEngine(base_url=server.url, stall_seconds=0.15)
        async with on_stage(engine, TROUBLE) as stage:
            stage.voice.say(utterance("u1"), saying(ModelGone("gone")))
            end = await stage.end("u1")
            stage.voice.say(utterance("u2"), saying("Hello."))
            await stage.end("u2")
        await engine.close()
    assert (end.reason, end.heard) == ("failed", "")
    assert [code for code, _ in stage.troubles] == ["tts_failed"]
    assert server.url not in stage.troubles[0][1]


async def test_a_cached_line_needs_no_server():
    end, _, server = await fail_speech([Reply(["die"])], TROUBLE)
    assert (end.reason, end.heard) == ("finished", TROUBLE)
    assert len(server.requests) == 1
