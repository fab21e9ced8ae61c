"""The user's side of a connection: sound, words of a client that recognises speech, or neither."""

from collections.abc import Callable

from audio_io.asr.client import ClientEngine
from audio_io.asr.protocol import AsrEngine
from graph.errors import BadInput
from graph.events import Event, Partial, SpeechStarted, SpeechStopped
from server.client_speech import ClientSpeech, words
from server.hearing import Hearing
from server.outbox import Outbox
from server.protocol import client_messages as given
from server.protocol import server_messages as out
from server.refusal import Refused, refused


class Listening:
    """Makes events of what the client sends, in the way that its hello chose."""

    def __init__(
        self,
        hello: given.Hello,
        engine: AsrEngine | None,
        outbox: Outbox,
        *,
        language: str,
        now: Callable[[], float],
        post: Callable[[Event], None],
        on_onset: Callable[[], None],
    ) -> None:
        """`on_onset` is called at the first sound of a voice, before any event is posted.

        Raises `Refused` where the server has no ear, `Unavailable` where it cannot work.
        """
        self._by_client = hello.recognition == "client"
        self._outbox, self._now, self._post = outbox, now, post
        self._segment = 0
        """The newest that the ear has begun."""
        self._hearing: Hearing | None = None
        self._speech: ClientSpeech | None = None
        if hello.rate:
            engine = ClientEngine() if self._by_client else engine
            if engine is None:
                raise Refused("unavailable", "rate: this server has no ear; say rate 0", "rate")
            self._hearing = Hearing(
                engine,
                rate=hello.rate,
                language=language,
                now=now,
                emit=self._heard,
                on_onset=on_onset,
            )
        elif self._by_client:
            self._speech = ClientSpeech(now, post, on_onset)

    async def hear(self, pcm: bytes) -> None:
        """A piece of sound; raises `Refused` for what is not PCM16, or not expected."""
        if self._hearing is None:
            raise Refused("bad_audio", "rate: hello said 0, so no sound is expected", "rate")
        try:
            await self._hearing.feed(pcm)
        except BadInput as error:
            raise refused("bad_audio", error) from error

    def partial(self, message: given.Partial) -> None:
        """Words; raises `Refused` or `BadInput` for those that cannot be meant."""
        if not self._by_client or self._hearing is None:
            self._client_speech.partial(message)
        elif not self._segment - 1 <= message.segment <= self._segment:
            raise BadInput("segment", message.segment, f"the newest is {self._segment}")
        else:
            self._post(words(message, self._now()))

    def started(self, message: given.SpeechStarted) -> None:
        """The client hears a voice."""
        self._client_speech.started(message)

    def stopped(self, message: given.SpeechStopped) -> None:
        """The client hears it fall silent."""
        self._client_speech.stopped(message)

    def flush(self) -> None:
        """The client says that the user has finished."""
        if self._hearing:
            self._hearing.flush()
        if self._speech:
            self._speech.flush()

    def speak(self, language: str) -> None:
        """The language from the next segment on (BCP 47)."""
        if self._hearing:
            self._hearing.speak(language)

    def close(self) -> None:
        """No event from now on."""
        if self._hearing:
            self._hearing.close()

    @property
    def _client_speech(self) -> ClientSpeech:
        """Where the client alone knows when speech starts and stops."""
        if self._speech:
            return self._speech
        if not self._by_client:
            raise Refused("bad_state", "hello said recognition 'server': the words come from there")
        raise Refused("bad_state", "the server hears when speech starts and stops (rate is set)")

    def _heard(self, event: Event) -> None:
        """An event of the ear: for the dialogue, and at once for the client."""
        self._post(event)
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
