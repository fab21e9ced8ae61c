"""Between the ear and its recogniser: keeps the events' order, whatever the recogniser does."""

import asyncio
import logging
from collections.abc import Callable

from audio_io.asr.protocol import AsrEngine
from audio_io.pcm import Samples
from graph.events import Event, Partial, SpeechStopped

log = logging.getLogger(__name__)


class Scribe:
    """Writes down one session's segments: `Partial` and `SpeechStopped` events to `emit`.

    It is the `Listener` of the session's recogniser. `now` gives the ear's clock in seconds.
    """

    def __init__(
        self,
        engine: AsrEngine,
        emit: Callable[[Event], None],
        now: Callable[[], float],
        flush_seconds: float,
    ) -> None:
        self.failures = 0
        self._emit = emit
        self._now = now
        self._flush_seconds = flush_seconds
        self._said: dict[int, tuple[str, int]] = {}
        self._stopped: SpeechStopped | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._recogniser = engine.open(self)

    def start(self, segment: int, at: float, language: str) -> None:
        """A segment begins."""
        if self._recogniser is None:
            return
        self._said[segment] = ("", 0)
        try:
            self._recogniser.start(segment, at, language)
        except Exception as error:
            self._give_up(segment, error)

    def feed(self, segment: int, samples: Samples) -> None:
        """More of the segment, unless its recogniser has given up."""
        if self._recogniser is None or segment not in self._said:
            return
        try:
            self._recogniser.feed(samples)
        except Exception as error:
            self._give_up(segment, error)

    def stop(self, segment: int, at: float, spoken: float) -> None:
        """The voice stopped at `at` of the ear's clock, `spoken` seconds into the segment."""
        self.release()
        self._stopped = SpeechStopped(at=at, segment=segment)
        if self._recogniser is None or segment not in self._said:
            self.release()
            return
        try:
            self._recogniser.finish(spoken)
        except Exception as error:
            self._give_up(segment, error)
        if self._stopped is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._flush_seconds, self.release)

    def release(self) -> None:
        """Lets a `SpeechStopped` go that waits for the final words."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        stopped, self._stopped = self._stopped, None
        if stopped is not None:
            self._emit(stopped)

    def heard(self, segment: int, text: str, confirmed: int, final: bool) -> None:
        """A result of the recogniser."""
        known = self._said.get(segment)
        if self._closed or known is None or (known == (text, confirmed) and not final):
            return
        if final:
            del self._said[segment]
        else:
            self._said[segment] = (text, confirmed)
        self._emit(
            Partial(at=self._now(), segment=segment, text=text, confirmed=confirmed, final=final)
        )
        if final and self._stopped is not None and self._stopped.segment == segment:
            self.release()

    def failed(self, segment: int, error: Exception) -> None:
        """The recogniser has trouble: said once a session, then only counted."""
        if self._closed:
            return
        self.failures += 1
        if self.failures == 1:
            log.warning("speech recognition failed in segment %d: %s", segment, error)

    def close(self) -> None:
        """No event from now on."""
        self._closed = True
        self._stopped = None
        self.release()
        if self._recogniser is not None:
            self._recogniser.close()

    def _give_up(self, segment: int, error: Exception) -> None:
        """The recogniser broke its contract; the segment ends with what was understood."""
        self.failed(segment, error)
        text, _ = self._said.get(segment, ("", 0))
        self.heard(segment, text, len(text), final=True)
