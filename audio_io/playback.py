"""The audio of one utterance on its way out: paced, pausable, and known to the sample.

Timers of the event loop drive it, no task: audio is fed in as it is made, and goes to the output
in frames that are never more than the lead ahead of what has been played.
"""

import asyncio
import math
from collections.abc import Callable

from audio_io.output import Output
from audio_io.playhead import Playhead
from audio_io.timeline import MS, Timeline
from audio_io.tts.protocol import RATE, Audio

FRAME = 40 * MS
"""Samples in one piece to the output; half the lead, if that is less."""
LOOKAHEAD = 3.0
"""Seconds of audio in stock at which the next sentence is synthesised."""
SHORT_PAUSE = 0.4
"""Seconds of a pause after which speech goes on in mid-word; longer: at the word's start."""
GRACE = 1.0
"""Seconds for which the end waits for a client that lags."""

_HALF_SAMPLE = 0.5 / RATE  # less than this is no time


class Playback:
    """Plays one utterance. Held until `release`; after `stop` nothing of it ever goes out."""

    def __init__(self, output: Output, lead: float, bare: bool, sounds: Callable[[], None]) -> None:
        """`bare`: sentences need silence between them. `sounds` is called with the first audio."""
        self._output = output
        self._lead = max(2 * MS, round(lead * 1000) * MS)
        self._frame = min(FRAME, self._lead // 2 // MS * MS)
        self._bare = bare
        self._sounds = sounds
        self._loop = asyncio.get_running_loop()
        self._head = Playhead()
        self._timeline = Timeline()
        self._texts: list[str] = []
        """Text that waits for the release."""
        self._number = 0
        self._sounded = False
        self._closed = False
        self._stopped = False
        self._paused_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._broken: Exception | None = None

    @property
    def number(self) -> int:
        """Under which the output knows it; 0 while it is held."""
        return self._number

    @property
    def empty(self) -> bool:
        """Whether there is no audio at all."""
        return self._timeline.total == 0

    def release(self, number: int) -> None:
        """Lets it go out, under this number."""
        self._number = number
        for text in self._texts:
            self._output.text(number, text)
        self._texts.clear()
        self._pump()

    def show(self, text: str) -> None:
        """Text as it is composed."""
        if self._number and not self._stopped:
            self._output.text(self._number, text)
        elif not self._number:
            self._texts.append(text)

    def begin_sentence(self, text: str) -> None:
        """The audio that is fed from now on speaks this text."""
        self._timeline.begin(text)

    def feed(self, audio: Audio) -> None:
        """More audio of the sentence."""
        self._timeline.add(audio, pause=self._bare and not self._starves)
        self._pump()

    def end_sentence(self) -> None:
        """All audio of the sentence has been fed."""
        self._timeline.end()
        self._pump()

    def drop_unfinished(self) -> None:
        """Forgets the sentence that is not complete, unless part of it is out already."""
        self._timeline.drop_unfinished(self._head.sent)

    def close(self) -> None:
        """No more audio will come."""
        self._closed = True
        self._pump()

    def pause(self) -> None:
        """Stops playback for now."""
        if self._number and self._paused_at is None and not self._stopped:
            self._paused_at = self._loop.time()
            self._head.stop(self._paused_at)
            self._cancel_timer()
            self._output.pause(self._number)

    def resume(self) -> None:
        """Goes on: at the exact sample after a short pause, else at the start of the word."""
        if self._paused_at is None:
            return
        now, paused_at = self._loop.time(), self._paused_at
        at, self._paused_at = self._head.at(now), None
        if now - paused_at >= SHORT_PAUSE and (start := self._timeline.word_start(at)) < at:
            at = start
            self._head.rewind(start)
        self._head.go(now)
        self._output.resume(self._number, at // MS)
        self._pump()

    def stop(self) -> str:
        """Ends it at once; returns what was heard."""
        self._stopped = True
        self._head.stop(self._loop.time())
        self._cancel_timer()
        self._notify()
        return self.heard

    def played(self, ms: int) -> None:
        """The client has played so many milliseconds of it."""
        self._head.report(ms * MS, self._loop.time())
        self._pump()

    async def room(self) -> None:
        """Waits until it is time to synthesise the next sentence."""
        await self._until(self._has_room)

    async def released(self) -> None:
        """Waits until it may go out."""
        await self._until(lambda: self._number > 0)

    async def drained(self) -> None:
        """Waits until all of it has been played. Raises what the output raised."""
        await self._until(self._is_drained)

    @property
    def heard(self) -> str:
        """The text that has been played up to now."""
        if not self._sounded:
            return ""
        at = self._head.at(self._loop.time())
        # A part of a millisecond waits for more audio: nothing that could be played is missing.
        return self._timeline.heard(self._timeline.total if at == self._ready else at)

    @property
    def _ready(self) -> int:
        """Samples that may go out: whole milliseconds, until the end is known."""
        total = self._timeline.total
        return total if self._closed else total // MS * MS

    @property
    def _starves(self) -> bool:
        """Whether the player has fallen silent for want of audio."""
        return self._sounded and self._head.clock(self._loop.time()) >= self._ready

    def _pump(self) -> None:
        """Sends what may go out now and sets the timer for the next time."""
        self._cancel_timer()
        if not self._number or self._stopped or self._paused_at is not None:
            return
        now = self._loop.time()
        try:
            wait = self._send(now)
        except Exception as error:
            self._broken = error
            self._stopped = True
            self._notify()
            return
        left = self._timeline.forget(min(self._head.at(now), self._head.sent))
        self._head.keep_from(left)
        if self._ready == self._head.sent:
            wait = self._head.left(now, GRACE) if self._closed else None
        if wait is not None and wait > _HALF_SAMPLE:
            self._timer = self._loop.call_later(wait, self._pump)
        self._notify()

    def _send(self, now: float) -> float | None:
        """Sends frames up to the lead; returns the seconds until there is room for another."""
        while not self._stopped and (count := min(self._frame, self._ready - self._head.sent)) > 0:
            over = self._head.sent + count - self._head.clock(now) - self._lead
            if over > 0:
                return math.ceil(over) / RATE
            offset = self._head.sent
            self._head.advance(count, now)
            pcm = self._timeline.cut(offset, count)
            self._output.audio(self._number, offset // MS, pcm)
            if not self._sounded:
                self._sounded = True
                self._sounds()
        return None

    def _has_room(self) -> bool:
        if not self._number:
            return not self._timeline.sentences
        stock = self._timeline.total - self._head.at(self._loop.time())
        return self._ready == self._head.sent or stock < LOOKAHEAD * RATE

    def _is_drained(self) -> bool:
        return (
            self._closed
            and self._number > 0
            and self._paused_at is None
            and self._head.sent == self._ready
            and self._head.left(self._loop.time(), GRACE) <= _HALF_SAMPLE
        )

    async def _until(self, condition: Callable[[], bool]) -> None:
        while self._broken or not condition():
            if self._broken:
                raise self._broken
            self._waiter = self._loop.create_future()
            await self._waiter

    def _notify(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
