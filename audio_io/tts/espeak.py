"""The embedded engine: espeak-ng, no model, no network. It sounds like a machine and never waits.

espeak-ng is licensed under GPL-3.0; this project loads it at run time from the wheel
`espeakng-loader` and ships none of it. It never opens an audio device.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np

from audio_io.heard import words_of
from audio_io.tts.espeak_library import EspeakLibrary, Mark
from audio_io.tts.protocol import RATE, Audio, TtsFailed, TtsOptions, Word
from graph.errors import Unavailable

log = logging.getLogger(__name__)

PIECE_SECONDS = 0.2
"""Length of the pieces after the first, which comes as soon as there is any sound."""

_ALIASES = {"zh": "cmn", "zh-hk": "yue", "zh-mo": "yue", "no": "nb", "en": "en-us"}


def build(options: TtsOptions) -> "EspeakEngine":
    """For the entry point; raises `Unavailable` where the library cannot be loaded."""
    return EspeakEngine()


class EspeakEngine:
    """Speech by espeak-ng. All engines of a process share one thread, for espeak has one state.

    Voices are espeak's: a language (`de`), a language and a variant (`en-gb+f3`), or a variant
    alone (`+f3`) for the language of the session.
    """

    name = "espeak"
    bare = True

    def __init__(self) -> None:
        """Loads the library; raises `Unavailable` where that fails."""
        self._rate = _thread().submit(_first_words).result()

    async def synthesise(self, text: str, voice: str, language: str) -> AsyncGenerator[Audio, None]:
        """As `TtsEngine.synthesise`, with word times. Raises `TtsFailed`."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[Audio | None] = asyncio.Queue()
        job = _Job(text, self._rate, lambda piece: _post(loop, pieces, piece))
        work = loop.run_in_executor(_thread(), job.run, voice, language)
        work.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            while piece := await pieces.get():
                yield piece
            await work
        except Unavailable as error:
            raise TtsFailed("died", str(error)) from error
        finally:
            job.stop()
            work.cancel()

    def describe(self) -> str:
        """One line."""
        return "espeak (espeak-ng, embedded; for a natural voice name a speech server)"

    async def close(self) -> None:
        """The thread is the process's; nothing is held here."""


class _Job:
    """One synthesis, in espeak's thread: makes 24 kHz pieces with word times."""

    def __init__(self, text: str, rate: int, put: Callable[[Audio], bool]) -> None:
        self._text, self._rate, self._put = text, rate, put
        self._stopped = threading.Event()
        self._timer = WordTimer(text, rate)
        self._waiting = bytearray()
        self._first = True

    def stop(self) -> None:
        """From any thread: no more of it is wanted."""
        self._stopped.set()

    def run(self, voice: str, language: str) -> None:
        if self._stopped.is_set():
            return
        import soxr

        _library().select(_espeak_name(voice, language))
        self._resampler = soxr.ResampleStream(self._rate, RATE, 1, dtype="int16", quality="MQ")
        _library().synthesise(self._text, self._take)
        if not self._stopped.is_set():
            self._send(last=True)

    def _take(self, pcm: bytes, marks: list[Mark]) -> bool:
        if self._stopped.is_set():
            return False
        self._waiting += pcm
        self._timer.add(len(pcm) // 2, marks)
        if self._first or len(self._waiting) >= 2 * PIECE_SECONDS * self._rate:
            return self._send()
        return True

    def _send(self, last: bool = False) -> bool:
        samples = np.frombuffer(bytes(self._waiting), dtype="<i2").astype(np.int16, copy=False)
        self._waiting.clear()
        made = self._resampler.resample_chunk(samples, last=last)
        words = tuple(self._timer.take(last))
        if not len(made) and not words:
            return True
        self._first = self._first and not len(made)
        return self._put(Audio(made.astype("<i2", copy=False).tobytes(), words))


class WordTimer:
    """Word times from espeak's marks: it reports parts of words, and the silences between."""

    def __init__(self, text: str, rate: int) -> None:
        self._rate = rate
        self._spans = [(first, last) for first, last, _ in words_of(text)]
        self._next = 0
        """The word after the one that is open."""
        self._open: tuple[int, int] | None = None
        """Of the open word: first character and first sample."""
        self._quiet: int | None = None
        """Where a silence began in the open word."""
        self._samples = 0
        self._done: list[Word] = []

    def add(self, count: int, marks: list[Mark]) -> None:
        """So many more samples, and what they were marked with."""
        for mark in marks:
            if mark.char is None:
                if self._quiet is None:
                    self._quiet = mark.sample
            else:
                self._begin(mark.char, mark.sample)
        self._samples += count

    def take(self, last: bool) -> Iterator[Word]:
        """The words that have ended since the last call; `last`: the text has, too."""
        if last:
            self._next = len(self._spans)
            self._close(self._samples)
        done, self._done = self._done, []
        yield from done

    def _begin(self, char: int, sample: int) -> None:
        """A mark at a character: a new word, or (`3.14`, a letter said) more of the open one."""
        word = self._next
        while word < len(self._spans) and self._spans[word][1] <= char:
            word += 1
        if word >= len(self._spans) or self._spans[word][0] > char:
            self._quiet = None
            return
        self._next = word if self._open else 0
        self._close(sample)
        self._open, self._quiet = (self._spans[self._next][0], sample), None
        self._next = word + 1

    def _close(self, sample: int) -> None:
        if self._open is None:
            return
        first, start = self._open
        end = sample if self._quiet is None else max(start, min(self._quiet, sample))
        last = self._spans[self._next - 1][1]
        self._done.append(Word(first, last, start / self._rate, end / self._rate))
        self._open = None


def _post(
    loop: asyncio.AbstractEventLoop, pieces: "asyncio.Queue[Audio | None]", piece: Audio
) -> bool:
    """Hands a piece to the loop; False if that has closed in the meantime."""
    try:
        loop.call_soon_threadsafe(pieces.put_nowait, piece)
    except RuntimeError:
        return False
    return True


@lru_cache(maxsize=1)
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="espeak")


def _first_words() -> int:
    """Loads all that the first sentence would wait for; returns the library's rate in Hz."""
    rate = _library().rate
    _Job("a", rate, lambda piece: True).run("", "en")
    return rate


@lru_cache(maxsize=1)
def _library() -> EspeakLibrary:
    """Called in espeak's thread only."""
    return EspeakLibrary()


@lru_cache(maxsize=256)
def _espeak_name(voice: str, language: str) -> str:
    """espeak's name of a voice; one that it does not have is replaced by the language's own.

    Called in espeak's thread only.
    """
    base = _base(language)
    if not voice:
        return base
    name = base + voice if voice.startswith("+") else voice
    if _library().select(name):
        return name
    log.warning("espeak has no voice %r; it speaks with %r", voice, base)
    return base


def _base(language: str) -> str:
    """The espeak voice of a BCP 47 language: of the whole tag, else of less and less of it."""
    tag = language.lower().replace("_", "-")
    while tag:
        name = _ALIASES.get(tag, tag)
        if _library().select(name):
            return name
        tag = tag.rpartition("-")[0]
    log.warning("espeak does not speak %r; it speaks English", language)
    return "en-us"
