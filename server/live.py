"""A session with a client at its end: the client's messages in, the dialogue's out."""

import time
from collections.abc import Callable

from audio_io.voice import Voice
from graph.errors import BadInput
from graph.events import (
    Cancelled,
    Committed,
    Configured,
    Event,
    Joined,
    Left,
    Respond,
    SpeechStarted,
    TextTyped,
    ToolReturned,
)
from graph.state import Config, Dialogue, DialogueState, Restriction
from server.greeting import greeting
from server.hub import Hub, OpenSession
from server.listening import Listening
from server.outbox import Outbox
from server.protocol import client_messages as given
from server.protocol import server_messages as out
from server.refusal import Refused, refused
from server.session import Session, Step
from server.session import Voice as SessionVoice
from server.story import messages_of
from server.wire_output import WireOutput, written_voice

MESSAGES_AHEAD = 32
"""Messages of a client that may wait for the dialogue."""


class Live:
    """One client's session with its ear and voice.

    In this order: `join`, then `run` beside `take` and `hear`, then `leave`.
    """

    def __init__(
        self,
        hub: Hub,
        connection: OpenSession,
        outbox: Outbox,
        hello: given.Hello,
        session: str,
        state: DialogueState | None,
        restriction: Restriction | None,
    ) -> None:
        """`state`: of a session that goes on. Raises `Unavailable` where the ear cannot work."""
        self._hub, self._outbox, self._hello = hub, outbox, hello
        self._connection = connection
        self._user, self._id, self._resumed = connection.user, session, state is not None
        self._restriction = restriction
        self._session = Session(
            hub.graph,
            self._make_voice,
            state=state,
            keeper=hub.checkpoints,
            restrict=lambda one: hub.restrict(connection.user, one, by=connection),
        )
        self._session.watch(self._saw)
        self._session.on_trouble(self._troubled)
        self._taken = 0
        self._listening = Listening(
            hello,
            hub.engines.asr,
            outbox,
            language=self._config.language,
            now=self._session.now,
            post=self._session.post,
            on_onset=self._onset,
        )
        self._configured(hub.named(self._config))

    @property
    def state(self) -> DialogueState:
        """The dialogue."""
        return self._session.state

    def join(self) -> None:
        """Welcomes the client."""
        for message in greeting(
            self._hub,
            self._hello,
            self._user,
            session=self._id,
            dialogue=Dialogue.load(self.state),
            resumed=self._resumed,
            restriction=self._restriction,
            audio=isinstance(self._voice, Voice),
        ):
            self._outbox.send(message)
        self._session.post(
            Joined(
                user=self._user.id,
                session=self._id,
                started=time.time() - self._session.now(),
                resumed=self._resumed,
                restriction=self._restriction,
            )
        )
        if self._hello.name and not self._resumed:
            self._post_config({"instructions": ""})

    async def run(self) -> None:
        """Runs the session until the user has left and what must be kept is kept."""
        await self._session.run()

    def leave(self) -> None:
        """The user has gone; `run` ends when what must be kept is kept."""
        self._listening.close()
        self._session.post(Left(at=self._session.now()))

    async def hear(self, pcm: bytes) -> None:
        """A piece of the user's sound; raises `Refused` for what is not PCM16, or not expected."""
        await self._listening.hear(pcm)

    async def take(self, message: given.FromClient) -> None:
        """A message of the client; raises `Refused` or `BadInput` for one that makes no sense.

        A client that sends them faster than the dialogue can follow is kept waiting.
        """
        self._take(message)
        self._taken += 1
        if self._taken % MESSAGES_AHEAD == 0:
            await self._session.settled()

    def _take(self, message: given.FromClient) -> None:
        now = self._session.now()
        match message:
            case given.Text():
                self._session.post(TextTyped(at=now, text=message.text))
            case given.Partial():
                self._listening.partial(message)
            case given.SpeechStarted():
                self._listening.started(message)
            case given.SpeechStopped():
                self._listening.stopped(message)
            case given.Played():
                if isinstance(self._voice, Voice):
                    self._voice.played(message.utterance, message.ms)
            case given.Respond():
                self._session.post(Respond(at=now))
            case given.Commit():
                self._listening.flush()
                self._session.post(Committed(at=now))
            case given.Stop():
                self._session.post(Cancelled(at=now))
            case given.Configure():
                self._configure(message)
            case given.ToolResult():
                self._session.post(ToolReturned(at=now, call=message.call, output=message.output))
            case given.Hello():
                raise Refused("hello_twice", "hello: the session is open already", "type")
            case given.Bye():
                pass

    def _make_voice(self, now: Callable[[], float], post: Callable[[Event], None]) -> SessionVoice:
        self._output = WireOutput(self._outbox, now)
        clips, options = self._hub.engines.clips, self._hub.options
        self._voice: SessionVoice
        if clips is None or not self._hello.audio:
            self._voice = written_voice(now, post, self._output, self._trouble_line)
        else:
            self._voice = Voice(
                now,
                post,
                clips,
                self._output,
                trouble=self._trouble_line,
                on_trouble=self._voice_failed,
                lead_seconds=options.lead_seconds,
                first_audio_seconds=options.first_audio_seconds,
            )
        return self._voice

    @property
    def _config(self) -> Config:
        return Config().patched(self.state.get("config", {}))

    def _onset(self) -> None:
        """The reflex: the agent pauses at a voice, unless it has just cut in on purpose."""
        utterance = self.state.get("utterance")
        if not utterance or utterance["behaviour"] != "interrupt":
            self._voice.pause()

    def _configure(self, message: given.Configure) -> None:
        try:
            self._hub.services.personas.get(message.persona or "")  # there is one of that name
        except BadInput as error:
            raise refused("bad_config", error) from error
        self._post_config(message.patch)

    def _post_config(self, patch: dict[str, object]) -> None:
        """The name is one of the instructions, whatever else they are."""
        if "instructions" in patch and self._hello.name:
            called = f'The user gives their name as "{self._hello.name}".'
            patch["instructions"] = f"{called}\n\n{patch['instructions']}".strip()
        self._session.post(Configured(at=self._session.now(), patch=patch))

    def _configured(self, config: Config) -> None:
        """Ear and voice follow the configuration."""
        if isinstance(self._voice, Voice):
            self._voice.speak_as(*self._hub.voice_of(config))
        self._listening.speak(config.language)
        self._hub.warm(config)

    def _saw(self, step: Step) -> None:
        for message in messages_of(step, self._hub.services.personas.get, self._output.number_of):
            if isinstance(message, out.ConfigSet):
                message = out.ConfigSet(at=message.at, config=self._hub.named(message.config))
                self._configured(message.config)
            self._outbox.send(message)

    def _troubled(self, event: Event, error: Exception) -> None:
        """An event whose run failed: the dialogue stands as it was, so the reflex is undone."""
        if isinstance(event, Joined):  # nobody knows who speaks: what follows must not be kept
            self._connection.end(
                Refused("internal", "the session could not begin", close=1011).closing()
            )
        if isinstance(event, SpeechStarted):
            self._voice.resume()
        if isinstance(error, BadInput):
            self._outbox.send(refused("event_failed", error).error(fatal=False))
        else:
            problem = f"{event.type} failed in the server; the dialogue stands as it was"
            self._outbox.send(Refused("event_failed", problem).error(fatal=False))

    def _voice_failed(self, code: str, message: str) -> None:
        self._outbox.send(
            out.Error.model_validate(
                {"code": code, "field": None, "message": message, "fatal": False}
            )
        )

    def _trouble_line(self) -> str:
        state = self.state
        messages = state.get("messages", [])
        persona = self._hub.services.personas.get(state.get("config", {}).get("persona", ""))
        return persona.trouble_line(messages, str(len(messages)))
