"""Replays speech to real sessions, word by word on a virtual clock, and notes when the agent acts.

The session, the graph, the judge and the policy are those that serve; only what the agent says is
given: in a recorded dialogue what the other speaker said next.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from evals.interruption_set import Monologue, spread
from evals.timed_turns import TimedTurn, timed_turns
from graph.dialogue import Graph, build_dialogue
from graph.events import (
    HistoryEdited,
    Joined,
    Left,
    Partial,
    Respond,
    SpeechStarted,
)
from graph.mind import Mind, TextStream
from graph.state import Config, Dialogue, Message, ToolRequest, Turn, Utterance
from memory.summary import ExtractiveSummariser
from nodes.catalogue import Catalogue
from nodes.judgement.estimator import Estimator, view_of
from nodes.judgement.sft.talk import Talk
from server.session import Session, Step
from server.text_voice import TextVoice

STARTED = 1_700_000_000.0
"""Unix seconds at which every session begins."""

WITHIN = 3.0
"""Seconds from the marked word within which a monologue has to be cut."""

_LEAD_IN = 2.0
"""Seconds of a session before a monologue begins."""


@dataclass(frozen=True)
class Cut:
    """The agent cut in."""

    at: float
    """Seconds from the start of the turn, or of the dialogue."""
    text: str
    """The words that it had heard of the turn."""
    reason: str


@dataclass(frozen=True)
class Heard:
    """How the agent took a recorded dialogue of which it heard one speaker."""

    dialogue: str
    speech: float
    """Seconds of speech that it heard."""
    cuts: tuple[Cut, ...]
    acts: Counter[str]
    """What it did once a turn was over."""


class Stage:
    """Makes the sessions; all share one graph."""

    def __init__(self, estimator: Estimator, personas: Catalogue | None = None) -> None:
        self._estimator = estimator
        self._personas = personas or Catalogue()
        self._script = _Script()
        self._graph: Graph = build_dialogue(
            estimator=estimator,
            composer=self._script,
            summariser=ExtractiveSummariser(),
            memory=None,
            persona_of=self._personas.get,
        )

    async def monologue(self, spoken: Monologue, persona: str) -> Cut | None:
        """Speaks it to a fresh session until the agent cuts in, or to its end."""
        said = [_message(n, *line) for n, line in enumerate(spoken.before)]
        async with _Listener(self._graph, persona, said) as listener:
            start = listener.started = await listener.begin(_LEAD_IN)
            for number, moment in enumerate(spoken.times):
                await listener.hear(spoken.words[: number + 1], start + moment)
                if listener.cuts:
                    return listener.cuts[0]
        return None

    async def dialogue(self, talk: Talk, speaker: str, persona: str) -> Heard:
        """Speaks the turns of one speaker; the agent says what the other one did.

        Silences inside a turn are granted (the voice counts as going on), so that turns stay
        whole: whether the agent waits long enough in them is what `evals endpointing` measures.
        Ends early where the agent blocks the user.
        """
        turns = list(timed_turns(talk))
        async with _Listener(self._graph, persona) as listener:
            for number, turn in enumerate(turns):
                if turn.speaker != speaker:
                    if not number:
                        await listener.told(turn.text)
                    continue
                answers = [turn.text for turn in turns[number + 1 : number + 2]]
                self._script.line = answers[0] if answers else ""
                tells = await self._tells(listener.dialogue, turn, persona)
                await listener.hear_turn(turn, whole=not tells)
                if listener.acts["block"]:
                    break
        return Heard(talk.id, listener.speech, tuple(listener.cuts), listener.acts)

    async def _tells(self, dialogue: Dialogue, turn: TimedTurn, persona: str) -> bool:
        """Whether any partial of the turn would be more to the judge than plain talk.

        Nobody is cut short for plain talk, so a turn without such a partial can be heard in one
        piece: nineteen of twenty can, and a run of the graph costs more than an estimate.
        """
        opinions, words = self._personas.get(persona).opinions, [step.word for step in turn.steps]
        for number in range(1, len(words) + 1):
            partial = Turn(id="t", segments={1: " ".join(words[:number])})
            estimate = await self._estimator.estimate(view_of(dialogue, partial, opinions))
            if estimate.appraisal != "plain":
                return True
        return False


class _Script:
    """Composes what the evaluation has written down."""

    line = "I see."

    def compose(self, utterance: Utterance, dialogue: Dialogue, mind: Mind) -> TextStream:
        """See `nodes.speak.Composer`."""
        line = self.line

        async def stream() -> AsyncIterator[str | ToolRequest]:
            yield f"{utterance.opening} {'' if utterance.behaviour == 'interrupt' else line}"

        return stream


@dataclass
class _Listener:
    """One session that hears speech, and what it did."""

    graph: Graph
    persona: str
    messages: Sequence[Message] = ()
    cuts: list[Cut] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)
    speech: float = 0.0
    started: float = 0.0
    """What the times of cuts count from, in seconds of the session."""
    _segment: int = 0

    async def __aenter__(self) -> "_Listener":
        state = Dialogue(messages=list(self.messages), config=Config(persona=self.persona))
        self._session = Session(
            self.graph, lambda now, post: TextVoice(now, post), state=state.changes()
        )
        self._session.watch(self._saw)
        self._running = asyncio.create_task(self._session.run())
        self._session.post(Joined(user="evals", session="evals", started=STARTED))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._session.post(Left(at=self._session.now()))
        await self._running
        if self._session.failures:
            raise RuntimeError(f"{self._session.failures} events failed: see the log")

    def _saw(self, step: Step) -> None:
        judgement = step.after.get("judgement")
        if judgement is None:
            return
        if judgement["action"] == "interrupt":
            cut = Cut(judgement["at"] - self.started, judgement["text"], judgement["reason"])
            self.cuts.append(cut)
        elif isinstance(step.event, Respond):
            self.acts[judgement["action"]] += 1

    async def begin(self, at: float) -> float:
        """A turn begins at that second, or now if it has passed; returns when it did."""
        await self._until(at)
        self._segment += 1
        now = self._session.now()
        self._session.post(SpeechStarted(at=now, segment=self._segment))
        return now

    async def hear(self, words: Sequence[str], at: float, final: bool = False) -> None:
        """The words of the turn so far, at that second."""
        await self._until(at)
        now, text = self._session.now(), " ".join(words)
        self._session.post(Partial(at=now, segment=self._segment, text=text, final=final))
        await self._session.settled()

    @property
    def dialogue(self) -> Dialogue:
        """What the session knows."""
        return Dialogue.load(self._session.state)

    async def hear_turn(self, turn: TimedTurn, whole: bool) -> None:
        """A turn at its own time, word by word or as a whole, then the agent's answer."""
        await self.begin(turn.stretches[0].start)
        words: list[str] = []
        for stretch in turn.stretches:
            self.speech += stretch.end - stretch.start
            ends = spread(stretch.words, stretch.end - stretch.start)
            for word, end in zip(stretch.words, ends, strict=True):
                words.append(word)
                if not whole:
                    await self.hear(words, stretch.start + end)
        await self.hear(words, turn.stretches[-1].end, final=True)
        self._session.post(Respond(at=self._session.now()))
        await self._session.settled()

    async def told(self, text: str) -> None:
        """The agent has said something before the first turn."""
        said = _message(0, "agent", text)
        self._session.post(
            HistoryEdited(at=self._session.now(), op="add", item=said["id"], message=said)
        )
        await self._session.settled()

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self._session.now()))


def _message(number: int, speaker: str, text: str) -> Message:
    return {
        "id": f"before{number}",
        "role": "user" if speaker == "user" else "assistant",
        "content": text,
        "at": STARTED,
    }
