"""What tests of the mind share: a persona, a strict `Mind`, a conversation on its own clock.

The graph, the nodes, the policy and the rules are the real ones. Only what lies outside the mind is
played here: the voice (told by the test when it sounds and ends), the composer, and the memory.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, cast

from graph.dialogue import Graph, build_dialogue
from graph.errors import BadInput
from graph.events import (
    Due,
    Event,
    Joined,
    Partial,
    SpeechStarted,
    SpeechStopped,
    TextTyped,
    UtteranceEnded,
    UtteranceStarted,
    event_json,
)
from graph.mind import Mind, TextStream, Work
from graph.state import (
    Dialogue,
    DialogueState,
    Estimate,
    Exchange,
    Fact,
    Judgement,
    Message,
    Recollection,
    Restriction,
    ToolRequest,
    Turn,
    Utterance,
)
from nodes.judgement.estimator import Estimator, View
from nodes.judgement.rules import RulesEstimator
from nodes.persona import Gap, LineGroup, Lines, Opinion, Patience, Persona
from nodes.temper import PersonaOf

EPOCH = 1_700_000_000.0
"""Unix seconds at which the clock of every conversation here stands at 0."""


def _lines(text: str) -> tuple[LineGroup, ...]:
    return (LineGroup(say=(text,)),)


PERSONA = Persona(
    name="Tess",
    languages=("en",),
    about="A woman who is there to be tested.",
    patience=Patience(start=1.0, recovers_per_minute=0.1),
    eagerness=0.3,
    block_minutes=10,
    affronts_to_block=3,
    gap=Gap(0.2, 0.2),
    lines=Lines(
        greeting=_lines("Hello from Tess."),
        reply=_lines("I see."),
        refuse=_lines("I will not do that."),
        deflect=_lines("Let us talk of the sea."),
        interrupt=_lines("Hold it right there."),
        go_on=_lines("Go on then."),
        block=_lines("That was it, goodbye."),
        trouble=_lines("Something broke."),
    ),
    opinions=(
        Opinion(topic="pineapple pizza", stance="I love pineapple on pizza.", words=("pineapple",)),
    ),
)
"""Even-tempered: blocks at the third affront for ten minutes."""

EAGER = replace(PERSONA, name="Max", eagerness=0.95)
"""Cuts in wherever there is a reason to."""


def persona_of(name: str) -> Persona:
    """The two personas above by name; the even-tempered one by default."""
    known = {"": PERSONA, "tess": PERSONA, "max": EAGER}
    if name not in known:
        raise BadInput("config.persona", name, f"no such persona; there are {', '.join(known)}")
    return known[name]


class RecordingMind:
    """A `Mind` that notes what nodes ask for, and refuses what no session could carry out."""

    def __init__(self) -> None:
        self.said: list[tuple[Utterance, TextStream]] = []
        self.works: list[Work] = []
        self.restrictions: list[Restriction] = []
        self.wakes: dict[str, float] = {}
        self.log: list[str] = []
        self.sounding = ""
        """Id of the utterance that has not ended yet."""
        self.held = ""
        self.paused = False

    def say(self, utterance: Utterance, text: TextStream) -> None:
        assert utterance.status in ("held", "speaking"), utterance
        self.said.append((utterance, text))
        if utterance.status == "held":
            assert utterance.id != self.held, f"{utterance.id} is held already"
            self.held = utterance.id
            self.log.append(f"hold {utterance.id}")
            return
        assert not self.sounding, f"{utterance.id} begins while {self.sounding} has not ended"
        self.log.append(f"release {utterance.id}" if self.held == utterance.id else "say")
        self.held, self.sounding, self.paused = "", utterance.id, False

    def pause(self) -> None:
        assert self.sounding, "nothing to pause"
        self.paused = True
        self.log.append("pause")

    def resume(self) -> None:
        assert self.sounding, "nothing to resume"
        self.paused = False
        self.log.append("resume")

    def hush(self) -> None:
        assert self.sounding or self.held, "nothing to hush"
        self.held, self.paused = "", False
        self.log.append("hush")

    def start(self, work: Work) -> None:
        self.works.append(work)
        self.log.append(f"start {work.name}")

    async def result(self, name: str, within: float) -> Event | None:
        return None

    def wake(self, name: Literal["endpoint", "resume", "give_way"], at: float | None) -> None:
        assert name in ("endpoint", "resume", "give_way"), name
        if at is None:
            self.wakes.pop(name, None)
        else:
            self.wakes[name] = at

    def restrict(self, restriction: Restriction) -> None:
        self.restrictions.append(restriction)
        self.log.append("restrict")

    def ended(self, utterance: str) -> None:
        """The voice has told that this utterance is over."""
        if utterance == self.sounding:
            self.sounding, self.paused = "", False

    def work(self, name: str) -> Work:
        """The newest work of a name."""
        return next(work for work in reversed(self.works) if work.name == name)


_MIND: Mind = RecordingMind()
"""For mypy: the double keeps the whole protocol."""


class FixedComposer:
    """Says the opening, then always the same."""

    def __init__(self, *pieces: str | ToolRequest) -> None:
        self.pieces: tuple[str | ToolRequest, ...] = pieces or ("I hear you, friend.",)
        self.asked: list[tuple[Utterance, Dialogue]] = []
        self.error: Exception | None = None

    def compose(self, utterance: Utterance, dialogue: Dialogue, mind: Mind) -> TextStream:
        self.asked.append((utterance, dialogue))

        async def stream() -> AsyncIterator[str | ToolRequest]:
            if utterance.opening:
                yield utterance.opening + " "
            for piece in self.pieces if utterance.guidance else ():
                yield piece
            if self.error:
                raise self.error

        return stream


class Notebook:
    """A memory that keeps turns in a dict of lists, and recalls those that share a word."""

    def __init__(self) -> None:
        self.kept: dict[str, list[Exchange]] = {}
        self.queries: list[str] = []

    async def recall(self, query: str, user: str, now: float) -> Recollection:
        self.queries.append(query)
        wanted = set(query.lower().split())
        facts = tuple(
            Fact(turn.user, said_at=turn.at, turn=turn.turn)
            for turn in self.kept.get(user, [])
            if wanted & set(turn.user.lower().split())
        )
        return Recollection(facts=facts, as_of=now)

    async def remember(self, turns: Sequence[Exchange], user: str, now: float) -> None:
        kept = self.kept.setdefault(user, [])
        kept.extend(turn for turn in turns if turn.turn not in {known.turn for known in kept})


class Digest:
    """A summariser that names the turns that left."""

    async def summarise(self, previous: str, turns: Sequence[Exchange], now: float) -> str:
        return " ".join([previous, *(turn.user for turn in turns)]).strip()


class Opinionated:
    """An estimator that a test sets: what the rules would say, or what it is told to."""

    def __init__(self) -> None:
        self.says: Estimate | None = None
        self.views: list[View] = []
        self.error: Exception | None = None
        self._rules = RulesEstimator()

    async def estimate(self, view: View) -> Estimate:
        self.views.append(view)
        if self.error:
            raise self.error
        return self.says or await self._rules.estimate(view)


def dialogue_graph(
    *,
    estimator: Estimator | None = None,
    composer: FixedComposer | None = None,
    memory: Notebook | None = None,
    personas: PersonaOf = persona_of,
) -> Graph:
    """The real graph with what tests put around it."""
    return build_dialogue(
        estimator=estimator or RulesEstimator(),
        composer=composer or FixedComposer(),
        summariser=Digest(),
        memory=memory,
        persona_of=personas,
    )


class Conversation:
    """Drives the graph as a session does, on a clock that the test moves."""

    def __init__(self, graph: Graph | None = None, state: DialogueState | None = None) -> None:
        self.graph = graph or dialogue_graph()
        self.mind = RecordingMind()
        self.state: DialogueState = {**Dialogue(started=EPOCH).changes(), **(state or {})}
        self.now = 0.0
        self.actions: list[str] = []
        """Every judgement so far."""

    async def send(self, event: Event | Mapping[str, Any]) -> Dialogue:
        """One run; where it raises, the state before it stands."""
        given = dict(event) if isinstance(event, Mapping) else event_json(event)
        if isinstance(event, UtteranceEnded):
            self.mind.ended(event.utterance)
        run: DialogueState = {**self.state, "event": given}
        self.state = cast(DialogueState, await self.graph.ainvoke(run, context=self.mind))
        if judged := self.dialogue.judgement:
            self.actions.append(judged.action)
        return self.dialogue

    async def passes(self, seconds: float) -> Dialogue:
        """Lets time pass; moments that the mind asked for come as they fall due."""
        end = self.now + seconds
        while self.mind.wakes:
            name, at = min(self.mind.wakes.items(), key=lambda wake: wake[1])
            if at > end + 1e-9:
                break
            del self.mind.wakes[name]
            self.now = max(self.now, at)
            await self.send(Due(at=self.now, name=cast(Any, name)))
        self.now = end
        return self.dialogue

    async def joins(self, **fields: Any) -> Dialogue:
        return await self.send(
            Joined(at=self.now, **{"user": "u", "session": "s", "started": EPOCH, **fields})
        )

    async def voice(self, segment: int = 1) -> Dialogue:
        """The ear hears a voice; its reflex has paused the agent's."""
        if self.mind.sounding:
            self.mind.paused = True
        return await self.send(SpeechStarted(at=self.now, segment=segment))

    async def partial(self, text: str, segment: int = 1, *, final: bool = False) -> Dialogue:
        return await self.send(Partial(at=self.now, segment=segment, text=text, final=final))

    async def last_words(self, text: str, segment: int = 1) -> Dialogue:
        """Two partials: all but the last two words, and 0.4 s later all of it."""
        await self.partial(text.rsplit(" ", 2)[0], segment)
        await self.passes(0.4)
        return await self.partial(text, segment)

    async def silence(self, segment: int = 1, stopped: float | None = None) -> Dialogue:
        """The voice has stopped 0.2 s ago."""
        at = self.now - 0.2 if stopped is None else stopped
        return await self.send(SpeechStopped(at=at, segment=segment))

    async def says(self, text: str, segment: int = 1) -> Dialogue:
        """A whole stretch of speech, word by word at four words a second, up to its silence."""
        await self.voice(segment)
        spoken = ""
        for word in text.split():
            await self.passes(0.25)
            spoken = f"{spoken} {word}".strip()
            await self.partial(spoken, segment)
        await self.passes(0.2)
        await self.partial(text, segment, final=True)
        return await self.silence(segment)

    async def types(self, text: str) -> Dialogue:
        return await self.send(TextTyped(at=self.now, text=text))

    async def sounds(self) -> Dialogue:
        """The first audio of the newest utterance is played."""
        return await self.send(UtteranceStarted(at=self.now, utterance=self.utterance.id))

    async def ends(
        self,
        heard: str = "I hear you, friend.",
        reason: Literal["finished", "cut", "failed", "tool"] = "finished",
    ) -> Dialogue:
        """The newest utterance is over."""
        return await self.send(
            UtteranceEnded(at=self.now, utterance=self.utterance.id, heard=heard, reason=reason)
        )

    async def speaks(self, about: str = "tell me a story please.") -> Dialogue:
        """Gets the agent to speak: the user types, the answer sounds."""
        await self.types(about)
        return await self.sounds()

    @property
    def dialogue(self) -> Dialogue:
        return Dialogue.load(self.state)

    @property
    def messages(self) -> list[Message]:
        return self.dialogue.messages

    @property
    def heard(self) -> list[tuple[str, str]]:
        """The history as (role, content)."""
        return [(message["role"], message["content"]) for message in self.messages]

    @property
    def turn(self) -> Turn:
        turn = self.dialogue.turn
        assert turn
        return turn

    @property
    def utterance(self) -> Utterance:
        utterance = self.dialogue.utterance
        assert utterance
        return utterance

    @property
    def judgement(self) -> Judgement:
        judgement = self.dialogue.judgement
        assert judgement
        return judgement

    @property
    def action(self) -> str | None:
        """What was chosen for the last event."""
        judgement = self.dialogue.judgement
        return judgement.action if judgement else None
