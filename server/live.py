"""A session with a client at its end: the client's messages in, the dialogue's out."""

import time
from collections.abc import Callable

from audio_io.asr.client import ClientEngine
from audio_io.voice import Voice
from graph.errors import BadInput
from graph.events import (
    Cancelled,
    Committed,
    Configured,
    Event,
    Joined,
    Left,
    Partial,
    Respond,
    SpeechStarted,
    SpeechStopped,
    TextTyped,
    ToolReturned,
)
from graph.state import Config, Dialogue, DialogueState, Restriction
from server.client_speech import ClientSpeech, words
from server.hearing import Hearing
from server.hub import Hub, OpenSession
from server.outbox import Outbox
from server.protocol import client_messages as given
from server.protocol import server_messages as out
from server.refusal import Refused, refused
from server.session import Session, Step
from server.session import Voice as SessionVoice
from server.story import blocked, history_of, messages_of
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
        self._segment = 0
        self._hearing = self._make_hearing() if hello.rate else None
        self._speech: ClientSpeech | None = None
        if hello.recognition == "client" and not self._hearing:
            self._speech = ClientSpeech(self._session.now, self._session.post, self._onset)
        self._configured(self._config)

    @property
    def state(self) -> DialogueState:
        """The dialogue."""
        return self._session.state

    def join(self) -> None:
        """Welcomes the client."""
        self._welcome()
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
        if self._hearing:
            self._hearing.close()
        self._session.post(Left(at=self._session.now()))

    async def hear(self, pcm: bytes) -> None:
        """A piece of the user's sound; raises `Refused` for what is not PCM16, or not expected."""
        if self._hearing is None:
            raise Refused("bad_audio", "rate: hello said 0, so no sound is expected", "rate")
        try:
            await self._hearing.feed(pcm)
        except BadInput as error:
            raise refused("bad_audio", error) from error

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
                self._take_words(message)
            case given.SpeechStarted():
                self._own_speech.started(message)
            case given.SpeechStopped():
                self._own_speech.stopped(message)
            case given.Played():
                if isinstance(self._voice, Voice):
                    self._voice.played(message.utterance, message.ms)
            case given.Respond():
                self._session.post(Respond(at=now))
            case given.Commit():
                self._flush_speech()
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

    def _make_hearing(self) -> Hearing:
        engine = self._hub.engines.asr
        if self._hello.recognition == "client":
            engine = ClientEngine()
        if engine is None:
            raise Refused("unavailable", "rate: this server has no ear; say rate 0", "rate")
        return Hearing(
            engine,
            rate=self._hello.rate,
            language=self._config.language,
            now=self._session.now,
            emit=self._heard,
            on_onset=self._onset,
        )

    @property
    def _config(self) -> Config:
        return Config().patched(self.state.get("config", {}))

    @property
    def _own_speech(self) -> ClientSpeech:
        """Where the client alone knows when speech starts and stops."""
        if self._speech:
            return self._speech
        if self._hello.recognition == "server":
            raise Refused("bad_state", "hello said recognition 'server': the words come from there")
        raise Refused("bad_state", "the server hears when speech starts and stops (rate is set)")

    def _take_words(self, message: given.Partial) -> None:
        if self._hello.recognition == "server" or self._hearing is None:
            self._own_speech.partial(message)
        elif not self._segment - 1 <= message.segment <= self._segment:
            raise BadInput("segment", message.segment, f"the newest is {self._segment}")
        else:
            self._session.post(words(message, self._session.now()))

    def _flush_speech(self) -> None:
        if self._hearing:
            self._hearing.flush()
        if self._speech:
            self._speech.flush()

    def _onset(self) -> None:
        """The reflex: the agent pauses at a voice, unless it has just cut in on purpose."""
        utterance = self.state.get("utterance")
        if not utterance or utterance["behaviour"] != "interrupt":
            self._voice.pause()

    def _heard(self, event: Event) -> None:
        """An event of the ear: for the dialogue, and at once for the client."""
        self._session.post(event)
        match event:
            case SpeechStarted(segment=segment):
                self._segment = segment
                self._outbox.send(out.SpeechStarted(at=event.at, segment=segment))
            case SpeechStopped(segment=segment):
                self._outbox.send(out.SpeechStopped(at=event.at, segment=segment))
            case Partial(segment=segment, text=text, confirmed=confirmed, final=final):
                self._outbox.send(
                    out.Partial(
                        at=event.at, segment=segment, text=text, confirmed=confirmed, final=final
                    )
                )

    def _welcome(self) -> None:
        personas = self._hub.services.personas
        dialogue = Dialogue.load(self.state)
        self._outbox.send(
            out.Welcome(
                session=self._id,
                identity=self._user.token,
                resume=self._resumed,
                audio=isinstance(self._voice, Voice),
                recognition=self._hello.recognition,
                personas=tuple(
                    out.PersonaInfo(id=name, name=persona.name, languages=persona.languages)
                    for name, persona in ((name, personas.get(name)) for name in personas.names)
                ),
                config=dialogue.config,
                history=history_of(dialogue),
            )
        )
        if self._hello.resume and not self._resumed:
            missing = Refused(
                "resume_not_found",
                f"resume: no session {self._hello.resume!r} of this user; a new one has begun",
                "resume",
            )
            self._outbox.send(missing.error(fatal=False))
        if self._restriction:
            self._outbox.send(blocked(self._restriction))

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
        if self._hearing:
            self._hearing.speak(config.language)
        self._hub.warm(config)

    def _saw(self, step: Step) -> None:
        for message in messages_of(step, self._hub.services.personas.get, self._output.number_of):
            self._outbox.send(message)
            if isinstance(message, out.ConfigSet):
                self._configured(message.config)

    def _troubled(self, event: Event, error: Exception) -> None:
        """An event whose run failed: the dialogue stands as it was, so the reflex is undone."""
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
