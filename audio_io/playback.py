"""The audio of one utterance on its way out: paced, pausable, and known to the sample.

Timers of the event loop drive it, no task: audio is fed in as it is made, and goes to the output
in frames that are never more than the lead ahead of what has been played.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from audio_io.heard import estimate, heard_text, spoken_seconds, word_start
from audio_io.output import Output
from audio_io.playhead import Playhead
from audio_io.sentences import pause_after
from audio_io.tts.protocol import RATE, Audio, Word

MS = RATE // 1000
FRAME = 40 * MS
"""Samples in one piece to the output; half the lead, if that is less."""
LOOKAHEAD = 3.0
"""Seconds of audio in stock at which the next sentence is synthesised."""
SHORT_PAUSE = 0.4
"""Seconds of a pause after which speech goes on in mid-word; longer: at the word's start."""
GRACE = 1.0
"""Seconds for which the end waits for a client that lags."""

_HALF_SAMPLE = 0.5 / RATE  # less than this is no time


@dataclass
class _Sentence:
    text: str
    start: int
    end: int | None = None
    """First sample behind it; None while it grows."""
    words: list[Word] = field(default_factory=list)


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
        self._pcm = bytearray()
        self._base = 0
        """Sample at which `_pcm` begins: what was played is dropped, sentence by sentence."""
        self._sentences: list[_Sentence] = []
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
    def sounded(self) -> bool:
        """Whether any audio of it has gone out."""
        return self._sounded

    @property
    def empty(self) -> bool:
        """Whether there is no audio at all."""
        return self._total == 0

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
        self._sentences.append(_Sentence(text, self._total))

    def feed(self, audio: Audio) -> None:
        """More audio of the sentence."""
        sentence = self._sentences[-1]
        if audio.pcm and self._total == sentence.start and self._bare:
            self._pcm += bytes(2 * self._gap())
            sentence.start = self._total
        self._pcm += audio.pcm
        sentence.words += audio.words
        self._pump()

    def end_sentence(self) -> None:
        """All audio of the sentence has been fed."""
        self._sentences[-1].end = self._total
        self._pump()

    def drop_unfinished(self) -> None:
        """Forgets the sentence that is not complete, unless part of it is out already."""
        unfinished = self._sentences[-1:]
        if unfinished and unfinished[0].end is None and self._head.sent <= unfinished[0].start:
            self._sentences.pop()
            before = self._sentences[-1].end or 0 if self._sentences else 0
            del self._pcm[2 * (max(before, self._head.sent) - self._base) :]

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
        if now - paused_at >= SHORT_PAUSE and (start := self._word_start(at)) < at:
            at = start
            self._head.rewind(start)
        self._head.go(now)
        self._output.resume(self._number, at // MS)
        self._pump()

    def stop(self) -> str:
        """Ends it at once; returns what was heard. Only the first call counts."""
        self._stopped = True
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
        at, text = self._head.at(self._loop.time()), ""
        if at == self._ready:
            at = self._total  # a part of a millisecond waits for more audio
        for sentence in self._sentences:
            if sentence.end is not None and at >= sentence.end:
                text += sentence.text
            elif at > sentence.start:
                return (text + self._heard_of(sentence, (at - sentence.start) / RATE)).strip()
        return text.strip()

    @property
    def _total(self) -> int:
        return self._base + len(self._pcm) // 2

    @property
    def _ready(self) -> int:
        """Samples that may go out: whole milliseconds, until the end is known."""
        return self._total if self._closed else self._total // MS * MS

    def _gap(self) -> int:
        """Silence in front of a sentence; none where playback has already fallen silent."""
        if len(self._sentences) < 2 or not self._total:
            return 0
        if self._sounded and self._head.clock(self._loop.time()) >= self._total // MS * MS:
            return 0
        return round(pause_after(self._sentences[-2].text) * RATE)

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
        self._forget(now)
        if self._ready == self._head.sent:
            wait = self._head.left(now, GRACE) if self._closed else None
        if wait is not None and wait > _HALF_SAMPLE:
            self._timer = self._loop.call_later(wait, self._pump)
        self._notify()

    def _send(self, now: float) -> float | None:
        """Sends frames up to the lead; returns the seconds until there is room for another."""
        while (count := min(self._frame, self._ready - self._head.sent)) > 0:
            over = self._head.sent + count - self._head.clock(now) - self._lead
            if over > 0:
                return math.ceil(over) / RATE
            offset = self._head.sent
            start = 2 * (offset - self._base)
            self._head.advance(count, now)
            pcm = bytes(self._pcm[start : start + 2 * count])
            self._output.audio(self._number, offset // MS, pcm)
            if not self._sounded:
                self._sounded = True
                self._sounds()
        return None

    def _forget(self, now: float) -> None:
        """Drops the audio of the sentences that have been played."""
        at, keep = self._head.at(now), self._base
        for sentence in self._sentences:
            if sentence.start <= at:
                keep = max(keep, sentence.start)
        keep = min(keep, self._head.sent) // MS * MS
        if keep > self._base:
            del self._pcm[: 2 * (keep - self._base)]
            self._base = keep
            self._head.keep_from(keep)

    def _word_start(self, at: int) -> int:
        """Where the word that sounds at a sample begins, down to a whole millisecond."""
        for sentence in reversed(self._sentences):
            if sentence.start <= at:
                seconds = (at - sentence.start) / RATE
                start = word_start(self._words(sentence), seconds)
                if start == seconds:
                    return at
                return max(self._base, (sentence.start + round(start * RATE)) // MS * MS)
        return at

    def _heard_of(self, sentence: _Sentence, seconds: float) -> str:
        complete = sentence.end is not None or not sentence.words
        return heard_text(sentence.text, self._words(sentence), seconds, complete)

    def _words(self, sentence: _Sentence) -> tuple[Word, ...]:
        """Its words and times: as the engine told them, else in proportion."""
        if sentence.words:
            indent = len(sentence.text) - len(sentence.text.lstrip())
            return tuple(
                Word(word.first + indent, word.last + indent, word.start, word.end)
                for word in sentence.words
            )
        so_far = ((self._total if sentence.end is None else sentence.end) - sentence.start) / RATE
        if sentence.end is None:
            so_far = max(so_far, spoken_seconds(sentence.text))
        return estimate(sentence.text, so_far)

    def _has_room(self) -> bool:
        if not self._number:
            return not self._sentences
        stock = self._total - self._head.at(self._loop.time())
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
