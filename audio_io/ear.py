"""The ear: a session's sound in, events out. It never decides anything about the dialogue."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from audio_io.asr.protocol import AsrEngine
from audio_io.asr.scribe import Scribe
from audio_io.pcm import EAR_RATE, Inlet, Samples
from audio_io.vad import WINDOW, WINDOW_SECONDS, Change, SpeechRule, VadOptions, VoiceModel
from graph.errors import BadInput
from graph.events import Event, SpeechStarted

_SLICE_SECONDS = 0.1
_DOUBT_WINDOWS = 16
"""How much of the doubtful beginning of a faint voice is kept, besides the pre-roll."""


@dataclass(frozen=True)
class EarOptions:
    """Settings of the ear. Raises `BadInput` for values that make no sense."""

    vad: VadOptions = field(default_factory=VadOptions)
    preroll_seconds: float = 0.3
    """Sound before the voice that the recogniser gets with it: the VAD hears a word late."""
    flush_seconds: float = 0.3
    """How long `SpeechStopped` waits for the segment's final words."""
    stall_seconds: float = 1.0
    """Speech stops where no sound comes for so long: the client is muted, or the network hangs."""

    def __post_init__(self) -> None:
        for name in ("preroll_seconds", "flush_seconds", "stall_seconds"):
            if getattr(self, name) < 0:
                raise BadInput(f"ear.{name}", getattr(self, name), "should not be negative")


class Ear:
    """Hears one session: PCM16 mono at `rate` Hz.

    `emit` gets the events in order: `SpeechStarted`, `Partial`s, the segment's final `Partial`,
    `SpeechStopped`. Where the recogniser needs more than `flush_seconds`, or the next segment
    begins before, the final `Partial` comes behind `SpeechStopped`. `on_onset` is called at the
    onset of speech before anything else: the reflex that pauses the agent's voice. Both are called
    on the event loop and must neither block nor raise.

    Times are seconds of sound received, counted from `offset`. `SpeechStarted.at` is when the
    voice began, `SpeechStopped.at` when it ended, `Partial.at` how far the ear has heard. Segments
    count from 1. A recogniser's failure is logged and counted; the events go on without words.

    Raises `BadInput` for a bad rate, `Unavailable` where the VAD's model is missing.
    """

    def __init__(
        self,
        engine: AsrEngine,
        *,
        rate: int,
        emit: Callable[[Event], None],
        on_onset: Callable[[], None],
        language: str = "en",
        offset: float = 0.0,
        options: EarOptions | None = None,
    ) -> None:
        self.language = language
        """BCP 47; a change counts from the next segment."""
        self._options = options or EarOptions()
        self._emit = emit
        self._on_onset = on_onset
        self._inlet = Inlet(rate)
        self._voice = VoiceModel()
        self._rule = SpeechRule(self._options.vad)
        self._scribe = Scribe(engine, emit, lambda: self.clock, self._options.flush_seconds)
        self._segment = 0
        self._segment_at = 0.0
        self._preroll = round(self._options.preroll_seconds / WINDOW_SECONDS)
        self._recent: deque[Samples] = deque(maxlen=self._preroll + _DOUBT_WINDOWS)
        self._stall: asyncio.TimerHandle | None = None
        self._stall_after = 0.0
        self._fed_at = 0.0
        self._closed = False
        self._origin = offset
        self._windows = 0
        self._rest = np.zeros(0, dtype=np.int16)

    @property
    def clock(self) -> float:
        """How far the ear has heard, in seconds: whole windows of 32 ms."""
        return self._time(self._windows)

    @property
    def speaking(self) -> bool:
        """Whether a voice sounds."""
        return self._rule.speaking

    @property
    def failures(self) -> int:
        """How often the recogniser has failed."""
        return self._scribe.failures

    async def feed(self, pcm: bytes) -> None:
        """Hears more sound, any amount; the events are emitted before it returns.

        A long piece is heard in slices between which the loop runs. One caller at a time. Raises
        `BadInput` for an odd number of bytes, and hears nothing of them.
        """
        if len(pcm) % 2:
            raise BadInput(
                "pcm", len(pcm), "PCM16 has two bytes a sample: an odd number is cut off"
            )
        self._fed_at = asyncio.get_running_loop().time()
        seconds = len(pcm) / 2 / self._inlet.rate
        self._stall_after = max(self._options.stall_seconds, 2 * seconds)
        step = 2 * int(self._inlet.rate * _SLICE_SECONDS)
        for start in range(0, len(pcm), step):
            if start:
                await asyncio.sleep(0)
            if self._closed:
                return
            self._hear(self._inlet.feed(memoryview(pcm)[start : start + step]))

    def flush(self) -> None:
        """Ends the segment that is being spoken: the client says that there is no more of it."""
        if not self._rule.speaking:
            return
        if self._rest.size:
            self._scribe.feed(self._segment, self._rest)
            self._origin += self._rest.size / EAR_RATE
            self._rest = self._rest[:0]
        self._stopped(self._rule.stop())

    def close(self) -> None:
        """The session is over: no event from now on."""
        self._closed = True
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        self._scribe.close()

    def _time(self, window: int) -> float:
        return self._origin + window * WINDOW / EAR_RATE

    def _hear(self, samples: Samples) -> None:
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) - len(samples) % WINDOW
        self._rest = samples[whole:].copy()
        for start in range(0, whole, WINDOW):
            self._hear_window(samples[start : start + WINDOW])

    def _hear_window(self, window: Samples) -> None:
        change = self._rule.feed(self._voice.probability(window))
        self._windows += 1
        self._recent.append(window)
        if change is not None and change.kind == "started":
            self._started(change)
        elif self._rule.speaking or change is not None:
            self._scribe.feed(self._segment, window)
        if change is not None and change.kind == "stopped":
            self._stopped(change)

    def _started(self, change: Change) -> None:
        self._on_onset()
        self._scribe.release()
        self._segment += 1
        self._emit(SpeechStarted(at=self._time(change.since), segment=self._segment))
        oldest = self._windows - len(self._recent)
        first = max(oldest, change.since - self._preroll)
        self._segment_at = self._time(first)
        self._scribe.start(self._segment, self._segment_at, self.language)
        self._scribe.feed(self._segment, np.concatenate(list(self._recent)[first - oldest :]))
        if self._stall is None:
            self._watch(self._stall_after)

    def _stopped(self, change: Change) -> None:
        at = self._time(change.since)
        self._recent.clear()
        self._scribe.stop(self._segment, at, at - self._segment_at)

    def _watch(self, seconds: float) -> None:
        self._stall = asyncio.get_running_loop().call_later(seconds, self._check_stall)

    def _check_stall(self) -> None:
        self._stall = None
        left = self._fed_at + self._stall_after - asyncio.get_running_loop().time()
        if left > 0 and self._rule.speaking:
            self._watch(left)
        else:
            self.flush()
