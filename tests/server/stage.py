"""Whole sessions for tests: the real graph, judge and personas, with a text that the test wrote."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from graph.dialogue import Graph, build_dialogue
from graph.events import (
    Event,
    Joined,
    Left,
    Partial,
    SpeechStarted,
    SpeechStopped,
    TextTyped,
    UtteranceEnded,
    UtteranceStarted,
)
from graph.mind import Mind, TextStream
from graph.state import Dialogue, DialogueState, ToolRequest, Utterance
from memory.summary import ExtractiveSummariser
from nodes.catalogue import Catalogue
from nodes.judgement.rules import RulesEstimator
from nodes.remember import Memory, Summariser
from nodes.speak import Composer
from server.session import Keeper, Session, Step
from server.text_voice import TextVoice

STARTED = 1_700_000_000.0
"""Unix seconds at which every session of these tests begins."""
ANSWER = "One two three four five six seven eight nine ten eleven twelve."

Piece = str | ToolRequest | Exception | float
"""What a composer gives: text, a call, a failure, or so many seconds of thought."""


@cache
def catalogue() -> Catalogue:
    return Catalogue()


class Written:
    """A composer whose utterances the test wrote; the last one again and again."""

    def __init__(self, *utterances: Sequence[Piece]) -> None:
        self._utterances = list(utterances or ((ANSWER,),))
        self.asked: list[Utterance] = []
        self.closed = 0

    def compose(self, utterance: Utterance, dialogue: Dialogue, mind: Mind) -> TextStream:
        async def stream() -> AsyncGenerator[str | ToolRequest]:
            self.asked.append(utterance)
            pieces = self._utterances.pop(0) if len(self._utterances) > 1 else self._utterances[0]
            try:
                if utterance.opening:
                    yield utterance.opening + " "
                for piece in pieces:
                    if isinstance(piece, Exception):
                        raise piece
                    if isinstance(piece, float):
                        await asyncio.sleep(piece)
                    else:
                        yield piece
            finally:
                self.closed += 1

        return stream


def graph_of(
    composer: Composer | None = None,
    memory: Memory | None = None,
    checkpointer: Any = None,
    summariser: Summariser | None = None,
) -> Graph:
    return build_dialogue(
        estimator=RulesEstimator(),
        composer=composer or Written(),
        summariser=summariser or ExtractiveSummariser(),
        memory=memory,
        persona_of=catalogue().get,
        checkpointer=checkpointer,
    )


class Scene:
    """One session with a voice of words, and a user who speaks as an ear reports it."""

    def __init__(
        self,
        composer: Composer | None = None,
        *,
        graph: Graph | None = None,
        memory: Memory | None = None,
        pace: float | None = 3.0,
        keeper: Keeper | None = None,
        state: DialogueState | None = None,
        trouble: str = "",
        name: str = "s1",
        user: str = "u1",
    ) -> None:
        self.shown: list[tuple[float, str]] = []
        self.steps: list[Step] = []
        self.trouble: list[tuple[Event, Exception]] = []
        self._join = Joined(user=user, session=name, started=STARTED, resumed=state is not None)
        self._segment = 0
        self.session = Session(
            graph or graph_of(composer, memory),
            lambda now, post: TextVoice(
                now,
                post,
                show=lambda utterance, text: self.shown.append((round(now(), 3), text)),
                trouble=lambda: trouble,
                words_per_second=pace,
            ),
            state=state,
            keeper=keeper,
        )
        self.session.watch(self.steps.append)
        self.session.on_trouble(lambda event, error: self.trouble.append((event, error)))

    @asynccontextmanager
    async def played(self) -> AsyncIterator["Scene"]:
        """The session runs inside, and is left behind."""
        self.session.post(self._join)
        running = asyncio.create_task(self.session.run())
        try:
            yield self
        finally:
            self.post(Left(at=self.now))
            await running

    @property
    def now(self) -> float:
        return self.session.now()

    @property
    def state(self) -> DialogueState:
        return self.session.state

    @property
    def history(self) -> list[tuple[str, str]]:
        """(role, content) of the messages."""
        return [(m["role"], m["content"]) for m in self.state["messages"]]

    @property
    def said(self) -> str:
        """All text that the voice has put out."""
        return "".join(text for _, text in self.shown)

    @property
    def log(self) -> list[str]:
        """One line a run: when, what, and what was judged."""
        return [_line(step) for step in self.steps]

    def post(self, event: Event) -> None:
        self.session.post(event)

    def type(self, text: str) -> None:
        self.post(TextTyped(at=self.now, text=text))

    async def voice(self) -> int:
        """A voice sounds; returns its segment."""
        self._segment += 1
        self.post(SpeechStarted(at=self.now, segment=self._segment))
        return self._segment

    async def talk(self, text: str, rate: float = 4.0, segment: int = 0) -> int:
        """Words come at a rate; the voice goes on sounding."""
        segment = segment or await self.voice()
        heard = ""
        for word in text.split():
            await asyncio.sleep(1 / rate)
            heard = f"{heard} {word}".strip()
            self.post(Partial(at=self.now, segment=segment, text=heard))
        return segment

    async def say(self, text: str, rate: float = 4.0) -> float:
        """Speaks and stops, as the ear tells it 0.2 s later; returns when the voice stopped."""
        segment = await self.talk(text, rate)
        return await self.fall_silent(segment, text)

    async def fall_silent(self, segment: int, text: str) -> float:
        stopped = self.now
        await asyncio.sleep(0.2)
        if text:
            self.post(Partial(at=self.now, segment=segment, text=text, final=True))
        self.post(SpeechStopped(at=stopped, segment=segment))
        await self.session.settled()
        return stopped

    async def cough(self, seconds: float) -> None:
        segment = await self.voice()
        await asyncio.sleep(seconds)
        await self.fall_silent(segment, "")

    def starts(self) -> list[float]:
        """When utterances first sounded."""
        return [s.event.at for s in self.steps if isinstance(s.event, UtteranceStarted)]

    def ends(self) -> list[UtteranceEnded]:
        return [step.event for step in self.steps if isinstance(step.event, UtteranceEnded)]

    def actions(self) -> list[str]:
        """What was judged, run by run, repetitions left out."""
        chosen = [(step.after.get("judgement") or {}).get("action", "") for step in self.steps]
        return [a for i, a in enumerate(chosen) if a and (i == 0 or a != chosen[i - 1])]


def _line(step: Step) -> str:
    event, judgement = step.event, step.after.get("judgement") or {}
    detail = getattr(event, "text", "") or getattr(event, "heard", "") or getattr(event, "name", "")
    action, reason = judgement.get("action", "-"), judgement.get("reason", "")
    return f"{event.at:.3f} {event.type} {detail!r} {action} {reason!r} {step.after['floor']}"


class Notes:
    """A keeper that only notes; for sessions whose persistence is not the question."""

    def __init__(self) -> None:
        self.kept: list[DialogueState] = []
        self.flushed = 0

    def keep(self, session: str, before: DialogueState, after: DialogueState) -> None:
        self.kept.append(after)

    async def flush(self) -> None:
        self.flushed += 1


async def until(condition: Callable[[], bool], rounds: int = 5000) -> None:
    """Lets the other tasks run until something is so; fails if it never is."""
    for _ in range(rounds):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came about")
