"""`pocketsphinx`: embedded, incremental, English; it runs anywhere and understands little."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from audio_io.asr.protocol import AsrOptions, Listener
from audio_io.asr.sphinx_pool import SphinxPool, SphinxProcess
from audio_io.pcm import EAR_RATE, Samples

log = logging.getLogger(__name__)

_STEP = EAR_RATE // 10
_BACKLOG = 10 * EAR_RATE
"""Samples of a segment that may wait for a decoder; beyond, the oldest are lost."""


@dataclass
class _Segment:
    number: int
    waiting: list[Samples] = field(default_factory=list)
    size: int = 0
    process: SphinxProcess | None = None
    begun: bool = False
    over: bool = False
    failed: bool = False
    text: str = ""

    def take(self) -> bytes:
        """The samples that wait, as bytes."""
        taken, self.waiting, self.size = self.waiting, [], 0
        return b"".join(samples.tobytes() for samples in taken)


class PocketsphinxRecogniser:
    """Decodes a segment while it is spoken, in steps of 0.1 s. All its words may still change.

    A session keeps the mean of its channel (CMN) from segment to segment.
    """

    def __init__(self, pool: SphinxPool, listener: Listener) -> None:
        self._pool = pool
        self._listener = listener
        self._segments: deque[_Segment] = deque()
        self._mean = ""
        self._running = False
        self._closed = False

    def start(self, segment: int, at: float, language: str) -> None:
        """A segment begins."""
        _warn_of(language)
        self._segments.append(_Segment(segment))

    def feed(self, samples: Samples) -> None:
        """More of the newest segment."""
        segment = self._segments[-1]
        segment.waiting.append(samples)
        segment.size += len(samples)
        if segment.size > _BACKLOG:
            self._drop_oldest(segment)
        if segment.size >= _STEP:
            self._go_on()

    def finish(self, spoken: float) -> None:
        """The newest segment is over."""
        self._segments[-1].over = True
        self._go_on()

    def close(self) -> None:
        """Gives its decoder back."""
        self._closed = True
        if not self._running:
            self._release_all()

    def _drop_oldest(self, segment: _Segment) -> None:
        sound = np.concatenate(segment.waiting)[-_BACKLOG // 2 :]
        segment.waiting, segment.size = [sound], len(sound)
        self._listener.failed(segment.number, TimeoutError("pocketsphinx cannot keep up"))

    def _go_on(self) -> None:
        if self._running or self._closed or not self._segments:
            return
        segment = self._segments[0]
        if segment.failed:
            self._skip(segment)
            return
        if not (segment.over or segment.size >= _STEP):
            return
        segment.process = segment.process or self._pool.borrow(self._go_on)
        if segment.process is None:
            return
        job = asyncio.get_running_loop().run_in_executor(
            self._pool.executor,
            _decode,
            segment.process,
            None if segment.begun else self._mean,
            segment.take(),
            segment.over,
        )
        self._running = True
        ends = segment.over
        segment.begun = True
        job.add_done_callback(lambda done: self._done(segment, ends, done))

    def _skip(self, segment: _Segment) -> None:
        """The decoder of this segment has died: it ends with the words that are known."""
        segment.take()
        if segment.over:
            self._end(segment)
            self._go_on()

    def _done(
        self, segment: _Segment, ended: bool, done: "asyncio.Future[tuple[str, str]]"
    ) -> None:
        self._running = False
        error = None if done.cancelled() else done.exception()
        if done.cancelled() or error is not None:
            self._release(segment, healthy=False)
            segment.failed = True
        if self._closed:
            self._release_all()
            return
        if isinstance(error, Exception):
            self._listener.failed(segment.number, error)
        elif not segment.failed:
            segment.text, self._mean = done.result()[0], done.result()[1] or self._mean
            if ended:
                self._release(segment)
                self._end(segment)
            else:
                self._listener.heard(segment.number, segment.text, 0, final=False)
        self._go_on()

    def _end(self, segment: _Segment) -> None:
        self._segments.remove(segment)
        self._listener.heard(segment.number, segment.text, len(segment.text), final=True)

    def _release(self, segment: _Segment, healthy: bool = True) -> None:
        process, segment.process = segment.process, None
        if process is not None:
            self._pool.give_back(process, healthy)

    def _release_all(self) -> None:
        for segment in self._segments:
            self._release(segment)
        self._segments.clear()


def _decode(process: SphinxProcess, mean: str | None, sound: bytes, ends: bool) -> tuple[str, str]:
    """Runs in a thread: the hypothesis, and the channel's mean once the segment ends."""
    if mean is not None:
        process.ask(b"S", mean.encode())
    text = process.ask(b"F", sound) if sound else ""
    if not ends:
        return text, ""
    mean, _, text = process.ask(b"E").partition("\n")
    return text, mean


@lru_cache
def _warn_of(language: str) -> None:
    """Says once for each language that it will not be understood."""
    if language.split("-")[0].lower() != "en":
        log.warning("pocketsphinx knows English only, not %s: set asr.engine", language)


class PocketsphinxEngine:
    """A pool of decoder processes for all sessions; a session that is silent holds none."""

    def __init__(self, options: AsrOptions) -> None:
        self._pool = SphinxPool(options.processes)

    def open(self, listener: Listener) -> PocketsphinxRecogniser:
        """A session's recogniser."""
        return PocketsphinxRecogniser(self._pool, listener)

    def describe(self) -> str:
        """One line."""
        return f"pocketsphinx: embedded, English, up to {self._pool.size} speakers at once"

    def close(self) -> None:
        """Ends the processes."""
        self._pool.close()


def build(options: AsrOptions) -> PocketsphinxEngine:
    """The engine; starts the first decoder, which takes half a second."""
    return PocketsphinxEngine(options)
