"""One user's dialogue at run time: events in, one graph run after another, effects out.

The session is the only writer of its state. Nodes ask for effects through the `Mind` handle; they
are carried out once the run has succeeded, so a node that raises leaves nothing half done. A run
that speaks has succeeded with `say`, the last thing that its last node does: the voice begins while
LangGraph is still winding up.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal, Protocol

from langchain_core.runnables import RunnableConfig

from graph.dialogue import Graph
from graph.events import Due, Event, Left, UtteranceEnded, event_json
from graph.mind import TextStream, Work
from graph.state import Dialogue, DialogueState, Restriction, Utterance
from server.clock import Clock, Timers
from server.inbox import Inbox
from server.work import Workshop

log = logging.getLogger(__name__)

FINISH_SECONDS = 10.0
"""How long writing to memory may go on when the user has left."""


class Voice(Protocol):
    """What speaks for a session; `audio_io.voice` with sound, `server.text_voice` without."""

    def say(self, utterance: Utterance, text: TextStream) -> None:
        """As `Mind.say`."""

    def pause(self) -> None:
        """As `Mind.pause`."""

    def resume(self) -> None:
        """As `Mind.resume`."""

    def hush(self) -> None:
        """As `Mind.hush`."""

    async def run(self) -> None:
        """Speaks what it is told to, until cancelled."""


class Keeper(Protocol):
    """Where a session's state outlives the process."""

    def keep(self, session: str, before: DialogueState, after: DialogueState) -> None:
        """Takes note of a state. Returns at once; the newest one wins."""

    async def flush(self) -> None:
        """Waits until all that was noted is written."""


@dataclass(frozen=True)
class Step:
    """One run: the event, and the state before and after it."""

    event: Event
    before: DialogueState
    after: DialogueState


VoiceOf = Callable[[Callable[[], float], Callable[[Event], None]], Voice]
"""Makes the voice of a session from its clock and its inbox."""


class Session:
    """Runs the dialogue until `Left`. `post` is the only way in, `watch` the way to look on."""

    def __init__(
        self,
        graph: Graph,
        voice: VoiceOf,
        *,
        state: DialogueState | None = None,
        clock: Clock | None = None,
        keeper: Keeper | None = None,
        restrict: Callable[[Restriction], None] = lambda restriction: None,
    ) -> None:
        """`state`: of a session to go on with. `restrict` keeps a restriction for later ones."""
        self.state: DialogueState = {**Dialogue().changes(), **(state or {})}
        self.failures = 0
        """Events whose run raised; the state before them stands."""
        self._graph = graph
        self._inbox = Inbox()
        self._timers = Timers(clock or asyncio.get_running_loop(), self._wake_up)
        self._workshop = Workshop(self.post)
        self._voice = voice(self._timers.now, self.post)
        self._keeper = keeper
        self._restrict = restrict
        self._watchers: list[Callable[[Step], None]] = []
        self._troubled: list[Callable[[Event, Exception], None]] = []
        self._settled = asyncio.Event()
        self._settled.set()

    def now(self) -> float:
        """Seconds of the session's clock."""
        return self._timers.now()

    def post(self, event: Event) -> None:
        """Adds an event to those that wait for their run."""
        self._settled.clear()
        self._inbox.put(event)

    def watch(self, watcher: Callable[[Step], None]) -> None:
        """Calls `watcher` after every run."""
        self._watchers.append(watcher)

    def on_trouble(self, handler: Callable[[Event, Exception], None]) -> None:
        """Calls `handler` with every event whose run raised."""
        self._troubled.append(handler)

    async def settled(self) -> None:
        """Waits until every event posted so far has had its run."""
        await self._settled.wait()

    @property
    def coalesced(self) -> int:
        """Partials that were never judged because a newer one came."""
        return self._inbox.coalesced

    @property
    def pending_timers(self) -> frozenset[str]:
        """What the mind has asked to be woken for."""
        return self._timers.pending

    @property
    def mind_failures(self) -> int:
        """Works (recall, writing, verdicts) that raised."""
        return self._workshop.failures

    async def run(self) -> None:
        """Runs events one at a time until the user has left and what must be kept is kept."""
        voice = asyncio.create_task(self._voice.run(), context=contextvars.Context())
        voice.add_done_callback(_log_failure)
        try:
            async with self._workshop:
                while not isinstance(await self._next(), Left):
                    pass
                await _stopped(voice)
                await self._wind_up(self.now() + FINISH_SECONDS)
        finally:
            self._timers.clear()
            await _stopped(voice)
        if self._keeper:
            await self._keeper.flush()

    async def _wind_up(self, until: float) -> None:
        """Folds what the voice and the work that is to be kept have brought since the user left."""
        self._timers.clear()
        await self._workshop.finish(until - self.now())
        while len(self._inbox):
            await self._next()
            await self._workshop.finish(until - self.now())

    async def _next(self) -> Event:
        event = await self._inbox.get()
        await self._step(event)
        if not len(self._inbox):
            self._settled.set()
        return event

    async def _step(self, event: Event) -> None:
        run = _Run(event, self.state, {**self.state, "event": event_json(event)})
        try:
            await self._through_the_graph(run)
        except Exception as error:
            self.failures += 1
            stands = "what it has led to" if run.counts else "the dialogue as it was"
            log.exception("%s failed; %s stands", event.type, stands)
            for handler in () if run.counts else self._troubled:
                _guarded(event, handler, event, error)
            return
        self._count(run)

    async def _through_the_graph(self, run: "_Run") -> None:
        # by updates: collecting the whole state after every node costs a tenth of a run
        updates = self._graph.astream(
            run.after, _CONFIG, context=_RunMind(self, run), stream_mode="updates"
        )
        async with aclosing(updates):  # type: ignore[type-var]
            async for update in updates:
                for changes in update.values():
                    if changes:
                        run.after = {**run.after, **changes}

    def _count(self, run: "_Run") -> None:
        """The run has succeeded: its state is the session's, and what it asked for is done."""
        first, run.counts, self.state = not run.counts, True, run.after
        if first and self._keeper and _worth_keeping(run.event, run.before, run.after):
            _guarded(run.event, self._keep, run.before)
        effects, run.effects = run.effects, []
        for effect in effects:
            _guarded(run.event, effect)
        step = Step(run.event, run.before, run.after)
        for watcher in self._watchers if first else ():
            _guarded(run.event, watcher, step)

    def _keep(self, before: DialogueState) -> None:
        if self._keeper:
            self._keeper.keep(self.state.get("session", ""), before, self.state)

    def _wake(self, name: str, at: float | None) -> None:
        self._inbox.drop_due(name)
        self._timers.set(name, at)

    def _wake_up(self, name: str) -> None:
        self.post(Due(at=self.now(), name=name))  # type: ignore[arg-type]


_CONFIG: RunnableConfig = {"run_name": "dialogue"}


@dataclass
class _Run:
    """A run on its way through the graph."""

    event: Event
    before: DialogueState
    after: DialogueState
    """With the changes of the nodes that have returned."""
    effects: list[Callable[[], None]] = field(default_factory=list)
    """What its nodes have asked for and nobody has done yet."""
    counts: bool = False
    """It has succeeded, whatever comes."""


class _RunMind:
    """The `Mind` of one run: notes effects, which the session carries out when it has succeeded."""

    def __init__(self, session: Session, run: _Run) -> None:
        self._session, self._run = session, run

    def say(self, utterance: Utterance, text: TextStream) -> None:
        self._run.effects.append(lambda: self._session._voice.say(utterance, text))
        # not in the context of a node, or what follows would be traced as part of this run
        contextvars.Context().run(self._session._count, self._run)

    def pause(self) -> None:
        self._run.effects.append(self._session._voice.pause)

    def resume(self) -> None:
        self._run.effects.append(self._session._voice.resume)

    def hush(self) -> None:
        self._run.effects.append(self._session._voice.hush)

    def start(self, work: Work) -> None:
        self._run.effects.append(lambda: self._session._workshop.start(work))

    async def result(self, name: str, within: float) -> Event | None:
        return await self._session._workshop.result(name, within)

    def wake(self, name: Literal["endpoint", "resume", "give_way"], at: float | None) -> None:
        self._run.effects.append(lambda: self._session._wake(name, at))

    def restrict(self, restriction: Restriction) -> None:
        self._run.effects.append(lambda: self._session._restrict(restriction))


def _guarded(event: Event, call: Callable[..., None], *given: object) -> None:
    """What others do with a run's outcome cannot end the session."""
    try:
        call(*given)
    except Exception:
        log.exception("%s had its run, but what follows from it failed", event.type)


def _log_failure(voice: asyncio.Task[None]) -> None:
    if not voice.cancelled() and (error := voice.exception()):
        log.error("the voice has failed; the session goes on without it", exc_info=error)


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _worth_keeping(event: Event, before: DialogueState, after: DialogueState) -> bool:
    """Whether a turn closed, an utterance ended, or a restriction changed."""
    return (
        before.get("messages") is not after.get("messages")
        or before.get("restriction") != after.get("restriction")
        or before.get("remembered_upto") != after.get("remembered_upto")
        or before.get("config") != after.get("config")
        or isinstance(event, UtteranceEnded | Left)
    )
