"""Speech that the client recognises itself: its messages as the ear's events."""

from collections.abc import Callable

from graph.errors import BadInput
from graph.events import Event, Partial, SpeechStarted, SpeechStopped
from server.protocol import client_messages as given


class ClientSpeech:
    """Keeps the order of the ear's events, whatever the client sends.

    Every method raises `BadInput` for a segment that cannot be meant.
    """

    def __init__(
        self, now: Callable[[], float], emit: Callable[[Event], None], on_onset: Callable[[], None]
    ) -> None:
        """As of the ear; `now` is the session's clock."""
        self._now, self._emit, self._on_onset = now, emit, on_onset
        self._segment = 0
        self._sounds = False
        self._implied = False
        """The segment began with its first words."""

    def started(self, message: given.SpeechStarted) -> None:
        """A voice sounds."""
        if message.segment <= self._segment:
            raise BadInput("segment", message.segment, "has begun already")
        self._start(message.segment)

    def partial(self, message: given.Partial) -> None:
        """Words of the newest segment, or late ones of the segment before."""
        number = message.segment
        if number < self._segment - 1:
            raise BadInput("segment", number, f"is over; the newest is {self._segment}")
        if number > self._segment:
            self._start(number)
            self._implied = True
        self._emit(words(message, self._now()))
        if message.final and self._implied and number == self._segment:
            self._stop(self._now())

    def stopped(self, message: given.SpeechStopped) -> None:
        """The voice has fallen silent."""
        if message.segment != self._segment or not self._sounds:
            raise BadInput("segment", message.segment, "does not sound")
        self._stop(max(0.0, self._now() - message.silent_ms / 1000))

    def flush(self) -> None:
        """The client says that the segment is over."""
        if self._sounds:
            self._stop(self._now())

    def _start(self, segment: int) -> None:
        self.flush()
        self._segment, self._sounds, self._implied = segment, True, False
        self._on_onset()
        self._emit(SpeechStarted(at=self._now(), segment=segment))

    def _stop(self, at: float) -> None:
        if self._sounds:
            self._sounds = False
            self._emit(SpeechStopped(at=at, segment=self._segment))


def words(message: given.Partial, at: float) -> Partial:
    """The message as an event; raises `BadInput` where it confirms more than it holds."""
    if message.confirmed > len(message.text):
        raise BadInput("confirmed", message.confirmed, f"the text has {len(message.text)}")
    return Partial(
        at=at,
        segment=message.segment,
        text=message.text,
        confirmed=message.confirmed,
        final=message.final,
    )
