"""From a position in the audio to the words that had been heard by then, and back."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from audio_io.tts.protocol import RATE, Word
from graph.state import is_cjk

WEIGHTS_A_SECOND = 15.0
"""Ordinary speed of speech, in the weights of `words_of`: 15 letters or 5 Chinese characters."""

QUIET_SECONDS = 0.15
"""How far from an estimated start of a word its true start is looked for."""

_CJK = "\u2e80-\u9fff\uff00-\uffef"
_TOKEN = re.compile(rf"[{_CJK}]|[^\s{_CJK}]+")


def words_of(text: str) -> Iterator[tuple[int, int, int]]:
    """The words of a text as (first, last, weight): a Chinese character is a word by itself.

    Punctuation belongs to the word before it (opening punctuation to the one after it). The weight
    says how long the word takes to say, in letters.
    """
    pending: tuple[int, int, int] | None = None
    lead: int | None = None
    for token in _TOKEN.finditer(text):
        first, last = token.span()
        letters = sum(3 if is_cjk(char) else 1 for char in token[0] if char.isalnum())
        if letters:
            if pending:
                yield pending
            pending = (first if lead is None else lead, last, letters + 1)
            lead = None
        elif pending:
            pending = (pending[0], last, pending[2])
        elif lead is None:
            lead = first
    if pending:
        yield pending


def spoken_seconds(text: str) -> float:
    """How long a text takes to say at ordinary speed."""
    return sum(weight for _, _, weight in words_of(text)) / WEIGHTS_A_SECOND


def estimate(text: str, seconds: float) -> tuple[Word, ...]:
    """Word times in proportion, for audio of a text that came without any."""
    words = list(words_of(text))
    total = sum(weight for _, _, weight in words)
    result, done = [], 0
    for first, last, weight in words:
        start, done = done, done + weight
        result.append(Word(first, last, seconds * start / total, seconds * done / total))
    return tuple(result)


def heard_text(text: str, words: Sequence[Word], at: float, complete: bool = True) -> str:
    """The part of a text whose words have sounded to their end `at` seconds into its audio.

    `complete`: there are no more words to come than these.
    """
    last = 0
    for word in words:
        if word.end > at:
            return text[:last]
        last = word.last
    return text if words and complete else text[:last]


def word_start(words: Sequence[Word], at: float) -> float:
    """Where the word begins that sounds at `at` seconds; `at` itself where none does."""
    for word in words:
        if word.start <= at < word.end:
            return word.start
    return at


def quietest(pcm: bytes | bytearray, near: int, before: int) -> int:
    """The sample near an estimate where it is most silent: where a word is likely to begin.

    `pcm`: int16 mono, `before`: the sample that it must not pass.
    """
    block, reach = RATE // 100, round(QUIET_SECONDS * RATE)
    first, last = max(0, near - reach), min(before, near + reach, len(pcm) // 2)
    count = (last - first) // block
    if count < 1:
        return near
    part = np.frombuffer(bytes(pcm[2 * first : 2 * (first + count * block)]), dtype="<i2")
    loudness = np.square(part.astype(np.float32).reshape(count, block)).sum(axis=1)
    return first + block * int(np.argmin(loudness))
