"""What holds whatever happens: random but possible histories through the real graph.

A small world plays the ear, the client, the voice and the clock, and offers only what they could
do at that moment. Every word said in it is unique, so none can be lost or doubled unseen.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from graph.errors import BadInput
from graph.events import (
    Cancelled,
    Committed,
    Configured,
    Event,
    HistoryEdited,
    Left,
    Partial,
    Recalled,
    Respond,
    SpeechStarted,
    SpeechStopped,
    TextTyped,
    ToolCalled,
    ToolReturned,
    UtteranceEnded,
    UtteranceStarted,
    Verdict,
)
from graph.state import Dialogue, Estimate, Recollection
from nodes.words import words
from tests.situations import EPOCH, Conversation, dialogue_graph

GRAPH = dialogue_graph()
FLAVOURS = ("", "", "", "mhm", "wait", "you stupid idiot", "thank you", "and", "help me please")
"""What a stretch of speech begins with, beside its own words."""


@dataclass
class World:
    """Offers what could happen next, and keeps count of every word that was said."""

    talk: Conversation
    number: int = 0
    segment: int = 0
    sounding: bool = False
    """A voice, the user's."""
    spoken: dict[int, list[str]] = field(default_factory=dict)
    finals: set[int] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    """Every unique word, in the order in which it was said."""
    begun: str = ""
    calls: list[str] = field(default_factory=list)

    async def send(self, event: Event) -> None:
        await self.talk.send(event)
        check(self.talk)

    def word(self) -> str:
        self.number += 1
        self.said.append(f"w{self.number}")
        return self.said[-1]

    @property
    def now(self) -> float:
        return self.talk.now

    # --- the ear ---

    async def voice(self, choice: int) -> None:
        if self.sounding:
            return
        self.segment += 1
        self.sounding = True
        self.spoken[self.segment] = words(FLAVOURS[choice % len(FLAVOURS)])
        if self.talk.mind.sounding:
            self.talk.mind.paused = True
        await self.send(SpeechStarted(at=self.now, segment=self.segment))

    async def hears(self, choice: int) -> None:
        """More words of the newest segment; sometimes only the ones it began with."""
        if not self.sounding:
            return
        if choice % 4:
            self.spoken[self.segment].append(self.word())
        await self.partial(self.segment, final=False)

    async def partial(self, segment: int, final: bool) -> None:
        text = " ".join(self.spoken[segment]).capitalize() + ("." if final else "")
        await self.send(Partial(at=self.now, segment=segment, text=text, final=final))
        if final:
            self.finals.add(segment)

    async def stops(self, choice: int) -> None:
        """The voice stops; the final comes before it, or is still owed."""
        if not self.sounding:
            return
        self.sounding = False
        if choice % 3:
            await self.partial(self.segment, final=True)
        await self.send(SpeechStopped(at=max(0.0, self.now - 0.2), segment=self.segment))

    async def late_final(self, choice: int) -> None:
        """The final of this segment or of the one before, with a word more or without."""
        owed = [n for n in (self.segment - 1, self.segment) if n > 0 and n not in self.finals]
        owed = [n for n in owed if not (n == self.segment and self.sounding)]
        if not owed:
            return
        if choice % 2:
            self.spoken[owed[0]].append(self.word())
        await self.partial(owed[0], final=True)

    # --- the client ---

    async def types(self, choice: int) -> None:
        signs = ("", " ", "👍", "mhm")
        text = signs[choice % 12] if choice % 12 < 4 else self.word()
        if choice % 12 > 8:
            text = f"You stupid idiot {text}"
        await self.send(TextTyped(at=self.now, text=text))

    async def controls(self, choice: int) -> None:
        kinds: tuple[type[Respond] | type[Committed] | type[Cancelled], ...]
        kinds = (Respond, Committed, Cancelled)
        await self.send(kinds[choice % 3](at=self.now))

    async def configures(self, choice: int) -> None:
        patches: list[dict[str, Any]] = [
            {"turn_detection": "manual"}, {"turn_detection": "auto"}, {"persona": "max"},
            {"turn_detection": "auto"}, {"persona": "tess"}, {"tools": [{"name": "look"}]},
        ]  # fmt: skip
        await self.send(Configured(at=self.now, patch=patches[choice % len(patches)]))

    async def edits(self, choice: int) -> None:
        """Cuts an utterance, or is refused and changes nothing."""
        if choice % 2:
            before = self.talk.state
            try:
                await self.send(HistoryEdited(at=self.now, op="delete", item="nowhere"))
            except BadInput:
                assert self.talk.state is before
            return
        spoken = [m["id"] for m in self.talk.messages if m["role"] == "assistant"]
        if spoken:
            item = spoken[choice % len(spoken)]
            await self.send(HistoryEdited(at=self.now, op="truncate", item=item, heard="I"))

    async def tool_returns(self, choice: int) -> None:
        call = self.calls.pop() if self.calls and choice % 4 else "unknown"
        await self.send(ToolReturned(at=self.now, call=call, output="42"))

    async def reconnects(self, choice: int) -> None:
        if choice % 3:
            return
        if choice % 2:
            await self.send(Left(at=self.now))
        kept = json.loads(json.dumps(self.talk.state))
        started = EPOCH + self.now + 5.0 if choice % 5 else EPOCH + self.now
        self.talk = Conversation(GRAPH, kept)
        self.segment, self.sounding, self.spoken, self.finals = 0, False, {}, set()
        self.begun, self.calls = "", []
        await self.talk.joins(resumed=True, started=started)
        check(self.talk)

    # --- the voice ---

    async def begins(self, choice: int) -> None:
        current = self.talk.mind.sounding
        if current and current != self.begun and not self.talk.mind.paused:
            self.begun = current
            await self.send(UtteranceStarted(at=self.now, utterance=current))

    async def calls_tool(self, choice: int) -> None:
        current = self.talk.mind.sounding
        if current and self.talk.dialogue.config.tools:
            call = f"c{current}-{len(self.calls)}-{self.number}-{choice}"
            if call not in {m["id"] for m in self.talk.messages} | set(self.calls):
                self.calls.append(call)
                await self.send(ToolCalled(at=self.now, utterance=current, call=call, name="look"))

    async def ends(self, choice: int) -> None:
        """The utterance ends, by itself or because it was told to."""
        mind = self.talk.mind
        if not mind.sounding:
            return
        hushed = "hush" in mind.log[last_say(mind.log) :]
        if mind.paused and not hushed and choice % 5:
            return
        called = any(mind.sounding in call for call in self.calls)
        heard = "I hear you" if self.begun == mind.sounding else ""
        reason = "cut" if hushed else "failed" if choice % 7 == 0 else "finished"
        if reason == "finished" and (called or mind.sounding in str(self.talk.messages)):
            reason = "tool"
        if hushed and heard:
            heard = "I"
        await self.send(
            UtteranceEnded(at=self.now, utterance=mind.sounding, heard=heard, reason=reason)  # type: ignore[arg-type]
        )

    # --- what takes long ---

    async def verdict(self, choice: int) -> None:
        turn = self.talk.dialogue.turn
        said = turn.text.split() if turn else []
        text = " ".join(said[: max(0, len(said) - choice % 7)])
        estimate = Estimate(choice % 11 / 10, ("plain", "affront", "boring")[choice % 3], 0.9)
        name = turn.id if turn and choice % 5 else "t0"
        await self.send(Verdict(at=self.now, turn=name, text=text, estimate=estimate))

    async def recalled(self, choice: int) -> None:
        recollection = Recollection(summary="something", query="what")
        await self.send(Recalled(at=self.now, turn=f"t{choice % 5}", recollection=recollection))

    async def time(self, choice: int) -> None:
        await self.talk.passes((0.1, 0.3, 0.9, 2.5, 40.0)[choice % 5])
        check(self.talk)


def last_say(log: list[str]) -> int:
    said = [at for at, line in enumerate(log) if line == "say" or line.startswith("release")]
    return said[-1] if said else 0


def check(talk: Conversation) -> None:
    """What holds after every event."""
    json.dumps(talk.state, allow_nan=False)
    dialogue = talk.dialogue
    assert Dialogue.load(dialogue.changes()) == dialogue
    ids = [message["id"] for message in dialogue.messages]
    assert len(ids) == len(set(ids)), ids
    turn, utterance, mind = dialogue.turn, dialogue.utterance, talk.mind
    if dialogue.open_turn:
        assert dialogue.open_turn.id not in ids
    elif turn and turn.text:
        assert turn.id in ids or not dialogue.messages
    assert (dialogue.floor == "agent") <= dialogue.agent_speaks
    if utterance and utterance.holds_floor and mind.sounding:
        assert utterance.id == mind.sounding
        hushed = "hush" in mind.log[last_say(mind.log) :]
        if utterance.status == "paused" and not hushed:
            assert "resume" in mind.wakes
        assert mind.paused <= (utterance.status == "paused"), "paused, and nothing will resume it"
    if mind.sounding:
        assert dialogue.agent_speaks
    assert 0.0 <= dialogue.rapport.patience <= 1.0
    if dialogue.judgement:
        assert dialogue.judgement.reason
    for message in dialogue.messages:
        if message["role"] == "tool":
            caller = [m for m in dialogue.messages if message["id"] in str(m.get("tool_calls"))]
            assert ids.index(caller[0]["id"]) < ids.index(message["id"])


def kept(talk: Conversation) -> list[str]:
    """The unique words of the history and of the open turn."""
    said = [message["content"] for message in talk.messages if message["role"] == "user"]
    if talk.dialogue.open_turn:
        said.append(talk.dialogue.open_turn.text)
    return [word for text in said for word in words(text) if word[0] == "w" and word[1:].isdigit()]


STEPS: dict[str, int] = {
    "voice": 4, "hears": 8, "stops": 4, "late_final": 2, "types": 2, "controls": 2,
    "configures": 2, "edits": 1, "tool_returns": 2, "reconnects": 1, "begins": 4,
    "calls_tool": 2, "ends": 9, "verdict": 1, "recalled": 1, "time": 8,
}  # fmt: skip
HISTORIES = st.lists(
    st.tuples(
        st.sampled_from([name for name, weight in STEPS.items() for _ in range(weight)]),
        st.integers(0, 60),
    ),
    min_size=15,
    max_size=50,
)


@settings(max_examples=int(os.environ.get("CLEANS2S_HISTORIES", "20")), deadline=None)
@given(HISTORIES)
def test_whatever_happens(history: list[tuple[str, int]]) -> None:
    async def play() -> None:
        world = World(Conversation(GRAPH))
        await world.talk.joins()
        for name, choice in history:
            step: Callable[[int], Awaitable[None]] = getattr(world, name)
            await step(choice)
            assert sorted(kept(world.talk)) == sorted(world.said)
        if world.sounding:
            await world.stops(1)
        for _ in range(6):  # whatever was begun comes to an end
            if world.talk.mind.sounding:
                await world.begins(0)
                await world.talk.passes(1.0)
                await world.ends(5)
            await world.talk.passes(3.0)
        final = world.talk.dialogue
        if final.config.turn_detection == "auto" and world.talk.mind.sounding == "":
            assert not (final.open_turn and final.open_turn.text), "a turn is left unanswered"
            assert final.floor == "open"

    asyncio.run(play())
