import asyncio

import pytest

from audio_io.sentences import cut
from evals.virtual_time import run_virtual
from graph.events import ToolCalled
from graph.state import ToolRequest
from tests.audio_io.voice_rig import (
    TEXT,
    WatchedEngine,
    on_stage,
    saying,
    utterance,
)


def test_a_held_utterance_is_prepared_without_a_sound_and_let_go():
    engine = WatchedEngine()

    async def scene():
        async with on_stage(engine) as stage:
            stage.voice.say(utterance("u1", "held"), saying(*(word + " " for word in TEXT.split())))
            await asyncio.sleep(2)
            silent = not stage.player.log and not stage.events
            prepared = [text for text, _, _ in engine.asked]
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
