"""What all connections of a process share: engines, storage, who may come in, who is here."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from audio_io.asr.protocol import AsrEngine
from audio_io.clips import Clips
from audio_io.vad import shared_model
from graph.dialogue import Graph
from graph.errors import BadInput, CleanS2SError
from graph.services import Services
from graph.state import Config, Dialogue, DialogueState, Restriction
from server.access import Access, User
from server.checkpoints import Checkpoints, open_checkpoints
from server.refusal import Closing, Refused
from server.restrictions import Restrictions, open_restrictions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Engines:
    """Ear and voice of a process; without them it talks in writing."""

    asr: AsrEngine | None = None
    clips: Clips | None = None
    """The speech engine with its cache."""

    async def close(self) -> None:
        """Lets go of models, threads and clients."""
        if self.asr:
            self.asr.close()
        if self.clips:
            await self.clips.engine.close()


@dataclass(frozen=True)
class ServerOptions:
    """How the server treats its clients."""

    api_keys: tuple[str, ...] = ()
    """Whoever has none of them is refused; none set: anybody may come."""
    origins: tuple[str, ...] = ()
    """Web pages that may connect besides the server's own, as in https://example.org; "*": all."""
    max_sessions: int = 256
    """Sessions at once."""
    hello_seconds: float = 10.0
    """How long a connection may stay without saying hello."""
    send_buffer_bytes: int = 1_000_000
    """What may wait for a client that does not read: 20 s of audio. More closes the connection."""
    lead_seconds: float = 0.2
    """Audio that a client holds and has not played yet."""
    first_audio_seconds: float = 3.0
    """How long the speech engine may be silent before an utterance counts as failed."""


class OpenSession(Protocol):
    """A session with a client."""

    @property
    def user(self) -> User:
        """Whose it is."""

    @property
    def state(self) -> DialogueState:
        """Its dialogue."""

    def end(self, closing: Closing) -> None:
        """Ends the connection, and with it the session."""

    async def gone(self) -> None:
        """Waits until nothing of it is left."""


@dataclass
class Hub:
    """The shared part of a running server."""

    services: Services
    engines: Engines
    options: ServerOptions
    access: Access
    restrictions: Restrictions
    checkpoints: Checkpoints | None
    graph: Graph
    tasks: asyncio.TaskGroup
    """Of the chores; whoever opened the hub ends it."""
    sessions: dict[str, OpenSession] = field(default_factory=dict)
    """By session id."""
    connections: int = 0
    """Open sockets, those that have not said hello among them."""
    _warm: set[tuple[str, str]] = field(default_factory=set)

    async def open(
        self, wanted: str | None, user: User, live: OpenSession
    ) -> tuple[str, DialogueState | None]:
        """Registers a session: the wanted one with its state, or a new one where there is none.

        Only the user's own is given out; one that is still open elsewhere ends there. Raises
        `Refused` where there is room for no more.
        """
        state = await self._resumed(wanted, user) if wanted else None
        if len(self.sessions) >= self.options.max_sessions:
            raise Refused(
                "busy", f"the server talks to {len(self.sessions)} users: try again", close=1013
            )
        if state:
            state = self._with_known_persona(state)
        session = wanted if wanted and state else uuid.uuid4().hex
        self.sessions[session] = live
        return session, state

    def leave(self, session: str) -> None:
        """Takes a session off the register."""
        del self.sessions[session]

    async def _resumed(self, wanted: str, user: User) -> DialogueState | None:
        while True:
            if live := self.sessions.get(wanted):
                if live.user.id != user.id:
                    return None
                taken = Refused("taken_over", "the session goes on in another connection")
                live.end(taken.closing())
                await live.gone()
                state: DialogueState | None = live.state
            else:
                state = await self._kept(wanted)
            if wanted not in self.sessions:  # else somebody came in the meantime
                return state if state and state.get("user") == user.id else None

    async def _kept(self, session: str) -> DialogueState | None:
        """What was written of a session; None, said once, if nobody can read it any more."""
        try:
            state = await self.checkpoints.latest(session) if self.checkpoints else None
            Dialogue.load(state or {})
        except Exception as error:  # each saver has its own
            log.error("session %s cannot be read: %s", session, error)
            return None
        return state

    def _with_known_persona(self, state: DialogueState) -> DialogueState:
        config = state.get("config", {})
        try:
            self.services.personas.get(config.get("persona", ""))
        except BadInput as error:
            log.warning("a session goes on with the default persona: %s", error)
            return {**state, "config": {**config, "persona": ""}}
        return state

    def restrict(self, user: User, restriction: Restriction, by: OpenSession) -> None:
        """Shuts a user out: in later sessions, and in those that are open elsewhere."""
        self.restrictions.set(user.id, restriction)
        closing = Refused("blocked", f"the agent has ended the chat: {restriction.reason}")
        for live in list(self.sessions.values()):
            if live is not by and live.user.id == user.id:
                live.end(closing.closing())

    def voice_of(self, config: Config) -> tuple[str, str]:
        """The speech engine's voice and the language for a configuration."""
        if config.voice or self.engines.clips is None:
            return config.voice, config.language
        persona = self.services.personas.get(config.persona)
        return persona.voice(self.engines.clips.engine.name), config.language

    def warm_default(self) -> None:
        """The same for those who come and ask for nobody in particular."""
        self.tasks.create_task(self._chore(self.services.warm()))
        self.warm(self.named(Config()))

    def named(self, config: Config) -> Config:
        """With the name of the default persona where it names none."""
        return replace(config, persona=config.persona or self.services.settings.persona)

    def warm(self, config: Config) -> None:
        """Makes a persona's lines ready in the background: their meaning, and their sound.

        Only in its own voice and languages: clients may name any number of others.
        """
        own = config.language in self.services.personas.get(config.persona).languages
        key = config.persona, config.language
        if own and not config.voice and key not in self._warm:
            self._warm.add(key)
            self.tasks.create_task(self._chore(self._warm_up(config)))

    async def _warm_up(self, config: Config) -> None:
        await self.services.composer.warm(config.persona)
        if self.engines.clips:
            lines = self.services.personas.get(config.persona).set_phrases
            await self.engines.clips.warm(lines, *self.voice_of(config))

    async def _chore(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except CleanS2SError as error:
            log.warning("the first lines will come late: %s", error)
        except Exception:
            log.exception("the first lines will come late")


@asynccontextmanager
async def open_hub(
    services: Services, engines: Engines, options: ServerOptions, access: Access
) -> AsyncIterator[Hub]:
    """A hub with its storage open; closes everything behind it, the engines too."""
    folder = services.settings.data_dir
    async with AsyncExitStack() as stack:
        stack.push_async_callback(services.close)
        stack.push_async_callback(engines.close)
        restrictions = await stack.enter_async_context(open_restrictions(folder))
        checkpoints = await stack.enter_async_context(open_checkpoints(services))
        tasks = await stack.enter_async_context(_chores())
        if engines.asr:
            await asyncio.to_thread(shared_model)  # or the first hello would wait for it
        hub = Hub(
            services, engines, options, access, restrictions, checkpoints, services.graph(), tasks
        )
        yield hub


@asynccontextmanager
async def _chores() -> AsyncIterator[asyncio.TaskGroup]:
    """A group whose tasks are cancelled at the end."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
            raise _Over
    except* _Over:
        pass


class _Over(Exception):
    """Ends a task group."""
