"""The microphone of one connection: its PCM into the ear, what it hears in the session's time."""

from collections.abc import Callable
from dataclasses import replace

from audio_io.asr.protocol import AsrEngine
from audio_io.ear import Ear
from graph.events import Event
from server.audio_clock import AudioClock


class Hearing:
    """Hears one client. `emit` and `on_onset` are those of `Ear`, in the session's time."""

    def __init__(
        self,
        engine: AsrEngine,
        *,
        rate: int,
        language: str,
        now: Callable[[], float],
        emit: Callable[[Event], None],
        on_onset: Callable[[], None],
    ) -> None:
        """`now`: the session's clock. Raises `BadInput`, `Unavailable` as `Ear` does."""
        self._rate = rate
        self._now = now
        self._emit = emit
        self._clock = AudioClock()
        self._ear = Ear(engine, rate=rate, emit=self._heard, on_onset=on_onset, language=language)

    async def feed(self, pcm: bytes) -> None:
        """Hears a piece.

        Raises `BadInput` for half a sample, and for sound that comes much faster than speech; then
        nothing of the piece is heard.
        """
        if len(pcm) % 2 == 0:
            self._clock.take(len(pcm) / 2 / self._rate, self._now())
        await self._ear.feed(pcm)

    def speak(self, language: str) -> None:
        """The language that is spoken from the next segment on (BCP 47)."""
        self._ear.language = language

    def flush(self) -> None:
        """Ends the segment that is being spoken."""
        self._ear.flush()

    def close(self) -> None:
        """No event from now on."""
        self._ear.close()

    def _heard(self, event: Event) -> None:
        self._emit(replace(event, at=min(self._now(), self._clock.session_time(event.at))))
