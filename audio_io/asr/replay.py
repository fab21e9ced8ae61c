"""`replay`: the known words of a recording, exactly when they end; a perfect recogniser for tests.

Nothing tells it what is played: it compares the sound of each segment with its recordings, so it
works over any client, at any rate, with several recordings one after the other. A sound that it
does not know has no words, and the log says so.
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audio_io.asr.protocol import AsrOptions, Listener
from audio_io.asr.recordings import Library, Match, Recording, Sound, load_recordings, low
from audio_io.pcm import EAR_RATE, Samples
from graph.errors import BadInput, Unavailable
from graph.state import join_words

log = logging.getLogger(__name__)

_FIRST_TRY = 0.35
_NEXT_TRY = 0.25
_LAST_TRY = 2.0


class _Segment:
    """One segment, from its start to its final words."""

    def __init__(self, number: int, at: float) -> None:
        self.number = number
        self.at = at
        self.sound: list[Samples] = []
        self.length = 0
        self.tried = 0.0
        self.over = False
        self.match: Match | None = None
        self.words: list[str] = []

    @property
    def seconds(self) -> float:
        return self.length / EAR_RATE

    @property
    def due(self) -> bool:
        """Whether there is enough new sound to search for, or it is the last chance."""
        if self.match is not None or self.tried >= _LAST_TRY:
            return False
        if self.over:
            return self.seconds > self.tried
        return self.seconds >= (self.tried + _NEXT_TRY if self.tried else _FIRST_TRY)

    def needle(self) -> Sound:
        """The beginning of the sound, as it is compared."""
        return low(np.concatenate(self.sound)[: int(_LAST_TRY * EAR_RATE)])


class ReplayRecogniser:
    """One session's place in the recordings. All its words are confirmed."""

    def __init__(self, library: Library, listener: Listener) -> None:
        self._library = library
        self._listener = listener
        self._segments: list[_Segment] = []
        self._match: Match | None = None
        self._next = 0
        self._searching = False
        self._closed = False

    def start(self, segment: int, at: float, language: str) -> None:
        """A segment begins."""
        self._segments.append(_Segment(segment, at))

    def feed(self, samples: Samples) -> None:
        """More of the newest segment."""
        segment = self._segments[-1]
        segment.length += len(samples)
        if segment.match is None and segment.tried < _LAST_TRY:
            segment.sound.append(samples)
        self._go_on()

    def finish(self, spoken: float) -> None:
        """The newest segment is over."""
        self._segments[-1].over = True
        self._go_on()

    def close(self) -> None:
        """Forgets everything."""
        self._closed = True
        self._segments.clear()

    def _go_on(self) -> None:
        while self._segments and not self._searching:
            segment = self._segments[0]
            if segment.match is not None:
                self._say(segment)
            elif segment.due:
                self._search(segment)
                continue
            if not segment.over:
                return
            self._segments.pop(0)
            if segment.match is None:
                log.warning("replay knows no recording that sounds like segment %d", segment.number)
            text = join_words(segment.words)
            self._listener.heard(segment.number, text, len(text), final=True)

    def _search(self, segment: _Segment) -> None:
        needle, at = segment.needle(), segment.at
        segment.tried = segment.seconds
        if self._match is not None and self._library.still(needle, at, self._match):
            self._found(segment, self._match)
            return
        self._searching = True
        job = asyncio.get_running_loop().run_in_executor(None, self._library.find, needle)
        job.add_done_callback(lambda done: self._searched(segment, done))

    def _searched(self, segment: _Segment, done: "asyncio.Future[Match | None]") -> None:
        self._searching = False
        if self._closed or done.cancelled():
            return
        if (error := done.exception()) is not None:
            self._listener.failed(segment.number, RuntimeError(f"replay's search failed: {error}"))
        elif (match := done.result()) is not None:
            self._found(segment, match.moved(segment.at))
        self._go_on()

    def _found(self, segment: _Segment, match: Match) -> None:
        known = self._match
        goes_on = (
            known is not None
            and known.recording is match.recording
            and abs(known.shift - match.shift) < 0.1
        )
        if not goes_on:
            log.info("replay: segment %d is %s", segment.number, match.recording.name)
            self._match = match
            self._next = 0
        segment.match = self._match
        segment.sound.clear()
        words = match.recording.words
        begin = segment.at - match.shift
        while self._next < len(words) and words[self._next].end <= begin:
            self._next += 1

    def _say(self, segment: _Segment) -> None:
        """The words that have ended by now; of a segment that is over, those that have begun."""
        assert segment.match is not None
        words = segment.match.recording.words
        now = segment.at + segment.seconds - segment.match.shift
        before = len(segment.words)
        while self._next < len(words):
            word = words[self._next]
            if now < ((word.start + word.end) / 2 if segment.over else word.end):
                break
            segment.words.append(word.text)
            self._next += 1
        if len(segment.words) > before and not segment.over:
            text = join_words(segment.words)
            self._listener.heard(segment.number, text, len(text), final=False)


class ReplayEngine:
    """The recordings, shared by all sessions."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._library = Library(recordings)

    def open(self, listener: Listener) -> ReplayRecogniser:
        """A session's recogniser."""
        return ReplayRecogniser(self._library, listener)

    def describe(self) -> str:
        """One line."""
        return f"replay: the words of {len(self._library.recordings)} known recordings"

    def close(self) -> None:
        """Holds nothing."""


def build(options: AsrOptions) -> ReplayEngine:
    """The engine over `options.replay`, else over the data folder (`CLEANS2S_DATA`).

    Raises `BadInput` for a path without recordings, `Unavailable` where there is no data folder.
    """
    if options.replay is not None:
        return ReplayEngine(load_recordings(options.replay))
    data = Path(os.environ.get("CLEANS2S_DATA", "../shared/data")) / "speech"
    if not data.is_dir():
        raise Unavailable(f"replay has no recordings: set asr.replay, or CLEANS2S_DATA ({data})")
    try:
        return ReplayEngine(load_recordings(data))
    except BadInput as error:
        raise Unavailable(f"the data folder has no recordings with words: {error}") from error
