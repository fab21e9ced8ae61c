"""Streaming out of a recogniser that is not: the segment so far is transcribed again and again."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from audio_io.asr.agreement import Agreement
from audio_io.asr.protocol import Listener
from audio_io.pcm import EAR_RATE, Samples

log = logging.getLogger(__name__)

Transcribe: TypeAlias = Callable[[Samples, str, str], str]
"""16 kHz samples, language, the words before them: to text. Blocks; raises on failure."""

LONGEST = 20 * EAR_RATE
"""Samples in one transcription: Whisper's window is 30 s. Longer speech is cut into pieces."""
_CUT_WITHIN = 4 * EAR_RATE
_FRAME = EAR_RATE // 10
_WAITING = 4
"""Finished segments that wait for their final transcription, at most."""
_ENOUGH = EAR_RATE // 20
"""A voice's last samples that may stay untranscribed: the VAD lets go of it a little late."""


@dataclass
class _Segment:
    number: int
    language: str
    sound: list[Samples] = field(default_factory=list)
    agreement: Agreement = field(default_factory=Agreement)
    length: int = 0
    cut: int = 0
    """Samples that belong to settled pieces and are gone from `sound`."""
    decoded: int = 0
    """Samples that the newest hypothesis has heard."""
    voiced: int | None = None
    """Where the voice stopped; None while it sounds."""

    def pending(self) -> Samples:
        """The sound behind the settled pieces."""
        joined = np.concatenate(self.sound) if self.sound else np.zeros(0, dtype=np.int16)
        self.sound = [joined]
        return joined


class RollingRecogniser:
    """Transcribes the open segment whenever there are `interval_seconds` more of it.

    One transcription a session at a time, in `executor`; sound that comes meanwhile is part of the
    next one, so slow engines give fewer partials and never a queue. A final transcription is left
    out where the newest one has heard all of the voice already. Where even the finals cannot keep
    up, the oldest of more than 4 waiting segments ends with the words that it has.
    """

    def __init__(
        self,
        transcribe: Transcribe,
        listener: Listener,
        executor: Executor,
        interval_seconds: float,
    ) -> None:
        self._transcribe = transcribe
        self._listener = listener
        self._executor = executor
        self._interval = int(interval_seconds * EAR_RATE)
        self._segments: deque[_Segment] = deque()
        self._running: asyncio.Future[str] | None = None
        self._closed = False

    def start(self, segment: int, at: float, language: str) -> None:
        """A segment begins."""
        self._segments.append(_Segment(segment, language))

    def feed(self, samples: Samples) -> None:
        """More of the newest segment."""
        segment = self._segments[-1]
        segment.sound.append(samples)
        segment.length += len(samples)
        self._go_on()

    def finish(self, spoken: float) -> None:
        """The newest segment is over."""
        self._segments[-1].voiced = int(spoken * EAR_RATE)
        self._go_on()
        waiting = [segment for segment in self._segments if segment.voiced is not None]
        if len(waiting) > _WAITING:
            late = waiting[1 if self._running else 0]
            self._segments.remove(late)
            self._listener.failed(late.number, TimeoutError("the engine cannot keep up"))
            self._end(late)

    def close(self) -> None:
        """Drops everything; a transcription that runs goes on in its thread, unheard."""
        self._closed = True
        self._segments.clear()

    def _go_on(self) -> None:
        """Starts the next transcription, if none runs and there is something to transcribe."""
        while self._segments and self._running is None:
            segment = self._segments[0]
            over = segment.voiced is not None
            new = segment.length - segment.decoded
            if over and (new == 0 or segment.decoded + _ENOUGH >= (segment.voiced or 0)):
                self._segments.popleft()
                self._end(segment)
            elif over or new >= self._interval:
                self._launch(segment)
            else:
                return

    def _launch(self, segment: _Segment) -> None:
        sound = segment.pending()
        piece = len(sound) > LONGEST
        if piece:
            sound = sound[: _quietest(sound, LONGEST - _CUT_WITHIN, LONGEST)]
        self._running = asyncio.get_running_loop().run_in_executor(
            self._executor, self._transcribe, sound, segment.language, segment.agreement.settled
        )
        self._running.add_done_callback(lambda done: self._done(segment, len(sound), piece, done))

    def _done(
        self, segment: _Segment, samples: int, piece: bool, done: "asyncio.Future[str]"
    ) -> None:
        self._running = None
        error = None if done.cancelled() else done.exception()
        if self._closed or done.cancelled():
            return
        segment.decoded = segment.cut + samples
        if isinstance(error, Exception):
            self._listener.failed(segment.number, error)
        elif not piece:
            segment.agreement.update(done.result())
        if piece:
            segment.agreement.settle(None if error else done.result())
            segment.sound = [segment.pending()[samples:]]
            segment.cut = segment.decoded
        if segment in self._segments:
            said = segment.agreement
            self._listener.heard(segment.number, said.text, said.confirmed, final=False)
        self._go_on()

    def _end(self, segment: _Segment) -> None:
        text = segment.agreement.text
        self._listener.heard(segment.number, text, len(text), final=True)


def _quietest(sound: Samples, first: int, last: int) -> int:
    """The middle of the quietest 0.1 s between two positions."""
    starts = range(first, last - _FRAME, _FRAME // 2)
    loudness = [np.square(sound[s : s + _FRAME], dtype=np.float64).sum() for s in starts]
    return starts[int(np.argmin(loudness))] + _FRAME // 2
