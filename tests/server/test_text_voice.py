"""The voice without sound keeps the contract of the real one."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import pytest

from evals.virtual_time import run_virtual
from graph.events import Event, ToolCalled, UtteranceEnded, UtteranceStarted
from graph.mind import TextStream
from graph.state import ToolRequest, Utterance
from server.text_voice import TextVoice

Piece = str | ToolRequest | Exception | float
HELD = Utterance(id="u1", behaviour="reply", status="held")
U1, U2 = Utterance(id="u1", behaviour="reply"), Utterance(id="u2", behaviour="reply")


class Booth:
    """A voice, what it put out, what it reported."""

    def __init__(self, pace: float | None = 2.0, trouble: str = "") -> None:
        self.loop = asyncio.get_running_loop()
        self.posted: list[Event] = []
        self.shown: list[tuple[float, str]] = []
        self.open = 0
        self.voice = TextVoice(
            self.loop.time,
            self.posted.append,
            show=lambda utterance, text: self.shown.append((self.loop.time(), text)),
            trouble=lambda: trouble,
            words_per_second=pace,
        )

    @contextlib.asynccontextmanager
    async def on(self) -> AsyncIterator[TextVoice]:
        running = asyncio.create_task(self.voice.run())
        yield self.voice
        running.cancel()
        await asyncio.wait({running})
        assert self.open == 0, "a stream was left open"

    def text(self, *pieces: Piece) -> TextStream:
        async def stream() -> AsyncGenerator[str | ToolRequest]:
            self.open += 1
            try:
                for piece in pieces:
                    if isinstance(piece, Exception):
                        raise piece
                    if isinstance(piece, float):
                        await asyncio.sleep(piece)
                    else:
                        yield piece
            finally:
                self.open -= 1

        return stream

    @property
    def heard(self) -> list[tuple[str, str, str]]:
        ends = [event for event in self.posted if isinstance(event, UtteranceEnded)]
        return [(end.utterance, end.heard, end.reason) for end in ends]


def test_words_come_at_their_pace_and_the_end_after_the_last() -> None:
    async def run() -> None:
        booth = Booth()
        async with booth.on() as voice:
            voice.say(U1, booth.text("one two ", "three"))
            await asyncio.sleep(5)
        assert booth.shown == [(0.0, "one "), (0.5, "two "), (1.0, "three")]
        assert booth.posted == [
            UtteranceStarted(at=0.0, utterance="u1"),
            UtteranceEnded(at=1.5, utterance="u1", heard="one two three", reason="finished"),
        ]

    run_virtual(run())


def test_without_a_pace_everything_is_put_out_at_once() -> None:
    async def run() -> None:
        booth = Booth(pace=None)
        async with booth.on() as voice:
            voice.say(U1, booth.text("one two ", "", "three"))
            await asyncio.sleep(1)
        assert booth.shown == [(0.0, "one two "), (0.0, "three")]
        assert booth.heard == [("u1", "one two three", "finished")]
        assert sum(isinstance(event, UtteranceStarted) for event in booth.posted) == 1

    run_virtual(run())


def test_a_pause_holds_the_words_back_until_it_is_over() -> None:
    async def run() -> None:
        booth = Booth()
        async with booth.on() as voice:
            voice.say(U1, booth.text("one two three"))
            await asyncio.sleep(0.6)
            voice.pause()
            await asyncio.sleep(4)
            assert len(booth.shown) == 2
            voice.resume()
            await asyncio.sleep(4)
        assert booth.shown[2] == (4.6, "three")
        assert booth.heard == [("u1", "one two three", "finished")]

    run_virtual(run())


@pytest.mark.parametrize(
    ("seconds", "heard"), [(0.2, ""), (0.6, "one"), (1.4, "one two"), (1.6, "one two three")]
)
def test_hush_cuts_the_history_to_the_words_that_were_said(seconds: float, heard: str) -> None:
    async def run() -> None:
        booth = Booth()
        async with booth.on() as voice:
            voice.say(U1, booth.text("one two three four"))
            await asyncio.sleep(seconds)
            voice.hush()
            await asyncio.sleep(3)
        assert booth.heard == [("u1", heard, "cut")]

    run_virtual(run())


def test_hush_before_the_first_word_still_ends_the_utterance() -> None:
    async def run() -> None:
        for wait in (0, 1, 2, 3, 4):
            booth = Booth()
            async with booth.on() as voice:
                voice.say(U1, booth.text(1.0, "one"))
                for _ in range(wait):
                    await asyncio.sleep(0)
                voice.hush()
                await asyncio.sleep(3)
            assert booth.heard == [("u1", "", "cut")]
            assert booth.shown == []

    run_virtual(run())


def test_a_paused_voice_that_is_hushed_can_speak_again() -> None:
    async def run() -> None:
        booth = Booth()
        async with booth.on() as voice:
            voice.say(U1, booth.text("one two"))
            await asyncio.sleep(0.2)
            voice.pause()
            voice.hush()
            voice.say(U2, booth.text("three"))
            await asyncio.sleep(3)
        assert booth.heard == [("u1", "", "cut"), ("u2", "three", "finished")]

    run_virtual(run())


def test_a_new_utterance_takes_the_place_of_the_old_one() -> None:
    async def run() -> None:
        booth = Booth()
        async with booth.on() as voice:
            voice.say(U1, booth.text("one two three"))
            await asyncio.sleep(0.7)
            voice.say(U2, booth.text("four"))
            await asyncio.sleep(3)
        assert booth.heard == [("u1", "one", "cut"), ("u2", "four", "finished")]
        assert [text for _, text in booth.shown] == ["one ", "two ", "four"]

    run_virtual(run())


def test_of_utterances_that_come_in_one_instant_only_the_last_is_said() -> None:
    async def run() -> None:
        booth = Booth()
        async with booth.on() as voice:
            for number in range(4):
                utterance = Utterance(id=f"u{number}", behaviour="reply")
                voice.say(utterance, booth.text(f"text {number}"))
            await asyncio.sleep(3)
        assert booth.heard[-1] == ("u3", "text 3", "finished")
        assert sorted(booth.heard[:-1]) == [(f"u{n}", "", "cut") for n in range(3)]

    run_virtual(run())


def test_a_held_utterance_is_composed_and_kept_still() -> None:
    async def run() -> None:
        booth = Booth()
        async with booth.on() as voice:
            voice.say(HELD, booth.text(1.0, "one two"))
            await asyncio.sleep(2)
            assert (booth.shown, booth.posted) == ([], [])
            voice.say(U1, booth.text("another stream"))
            await asyncio.sleep(3)
        assert booth.shown[0] == (2.0, "one "), "no second of composing is left"
        assert booth.heard == [("u1", "one two", "finished")]

    run_virtual(run())


def test_a_held_utterance_let_go_while_it_is_composed_comes_when_it_is_ready() -> None:
    async def run() -> None:
        booth = Booth()
        async with booth.on() as voice:
            voice.say(HELD, booth.text("one ", 1.0, "two"))
            await asyncio.sleep(0.25)
            voice.say(U1, booth.text("another stream"))
            await asyncio.sleep(3)
        assert booth.shown == [(0.25, "one "), (1.0, "two")]

    run_virtual(run())


def test_a_held_utterance_that_is_hushed_leaves_no_trace() -> None:
    async def run() -> None:
        booth = Booth()
        async with booth.on() as voice:
            voice.say(HELD, booth.text("one ", 10.0, "two"))
            await asyncio.sleep(0.5)
            voice.hush()
            await asyncio.sleep(0.1)
            assert (booth.shown, booth.posted, booth.open) == ([], [], 0)
            voice.say(U1, booth.text("three"))
            await asyncio.sleep(3)
        assert booth.heard == [("u1", "three", "finished")]

    run_virtual(run())


def test_another_utterance_discards_the_held_one() -> None:
    async def run() -> None:
        booth = Booth()
        async with booth.on() as voice:
            voice.say(HELD, booth.text("one ", 10.0))
            await asyncio.sleep(0.5)
            voice.say(U2, booth.text("three"))
            await asyncio.sleep(3)
            assert booth.open == 0
        assert booth.heard == [("u2", "three", "finished")]

    run_virtual(run())


def test_a_held_utterance_that_fails_fails_when_it_is_let_go() -> None:
    async def run() -> None:
        booth = Booth(trouble="Sorry.")
        async with booth.on() as voice:
            voice.say(HELD, booth.text(OSError("no model")))
            await asyncio.sleep(0.5)
            assert booth.posted == []
            voice.say(U1, booth.text("another stream"))
            await asyncio.sleep(3)
        assert booth.heard == [("u1", "Sorry.", "failed")]

    run_virtual(run())


def test_no_line_for_trouble_once_a_word_was_heard() -> None:
    async def run() -> None:
        booth = Booth(trouble="Sorry.")
        async with booth.on() as voice:
            voice.say(U1, booth.text("one ", OSError("no model")))
            await asyncio.sleep(3)
        assert booth.heard == [("u1", "one", "failed")]

    run_virtual(run())


def test_a_line_for_trouble_that_cannot_be_made_is_no_second_trouble() -> None:
    def broken() -> str:
        raise KeyError("no persona")

    async def run() -> None:
        posted: list[Event] = []
        voice = TextVoice(asyncio.get_running_loop().time, posted.append, trouble=broken)
        running = asyncio.create_task(voice.run())
        booth = Booth()
        voice.say(U1, booth.text(OSError("no model")))
        await asyncio.sleep(1)
        voice.say(U2, booth.text("two"))
        await asyncio.sleep(1)
        running.cancel()
        await asyncio.wait({running})
        ends = [(e.heard, e.reason) for e in posted if isinstance(e, UtteranceEnded)]
        assert ends == [("", "failed"), ("two", "finished")]

    run_virtual(run())


def test_calls_are_reported_after_the_words_and_before_the_end() -> None:
    calls: Sequence[ToolRequest] = [
        {"id": "c1", "name": "weather", "arguments": "{}"},
        {"id": "c2", "name": "time", "arguments": '{"zone": 1}'},
    ]

    async def run() -> None:
        booth = Booth(pace=None)
        async with booth.on() as voice:
            voice.say(U1, booth.text("Let me see.", *calls))
            await asyncio.sleep(1)
        assert booth.posted == [
            UtteranceStarted(utterance="u1"),
            ToolCalled(utterance="u1", call="c1", name="weather", arguments="{}"),
            ToolCalled(utterance="u1", call="c2", name="time", arguments='{"zone": 1}'),
            UtteranceEnded(utterance="u1", heard="Let me see.", reason="tool"),
        ]

    run_virtual(run())


def test_an_utterance_that_is_cut_calls_no_tool() -> None:
    async def run() -> None:
        booth = Booth()
        async with booth.on() as voice:
            call: ToolRequest = {"id": "c1", "name": "weather", "arguments": "{}"}
            voice.say(U1, booth.text(call, "one two three"))
            await asyncio.sleep(0.6)
            voice.hush()
            await asyncio.sleep(1)
        assert booth.heard == [("u1", "one", "cut")]
        assert not [event for event in booth.posted if isinstance(event, ToolCalled)]

    run_virtual(run())


def test_half_a_surrogate_pair_is_not_put_out() -> None:
    async def run() -> None:
        booth = Booth(pace=None)
        async with booth.on() as voice:
            voice.say(U1, booth.text("well \ud83d then"))
            await asyncio.sleep(1)
        assert booth.heard == [("u1", "well ? then", "finished")]
        assert booth.shown == [(0.0, "well ? then")]

    run_virtual(run())


def test_an_utterance_without_a_word_ends_too() -> None:
    async def run() -> None:
        booth = Booth()
        async with booth.on() as voice:
            voice.say(U1, booth.text())
            await asyncio.sleep(1)
        assert booth.heard == [("u1", "", "finished")]

    run_virtual(run())


def test_a_voice_that_is_stopped_says_what_was_heard_before_it_is_gone() -> None:
    async def run() -> None:
        booth = Booth()
        async with booth.on() as voice:
            voice.say(U1, booth.text("one two three"))
            await asyncio.sleep(0.7)
        assert booth.heard == [("u1", "one", "cut")]
        assert len(asyncio.all_tasks()) == 1

    run_virtual(run())


def test_what_was_to_be_said_when_the_voice_is_stopped_has_been_cut() -> None:
    async def run() -> None:
        booth = Booth()
        async with booth.on() as voice:
            await asyncio.sleep(0)
            voice.say(U1, booth.text("one"))
        assert booth.heard == [("u1", "", "cut")]

    run_virtual(run())
