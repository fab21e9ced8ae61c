"""Tones instead of words, at once: shows the timing of speech where its sound does not matter.

For benchmarks and simulations. It computes no speech, and nobody should take a number measured
with it for one of a speech engine. Every word is a tone of its own, about as long as the word
would be spoken, with exact word times.
"""

import zlib
from collections.abc import AsyncGenerator
from functools import lru_cache

import numpy as np

from audio_io.heard import words_of
from audio_io.tts.protocol import RATE, Audio, TtsOptions, Word

LETTER_SECONDS = 0.0553
GAP_SECONDS = 0.03
"""Silence between two words."""


def build(options: TtsOptions) -> "ToneEngine":
    """For the entry point."""
    return ToneEngine()


class ToneEngine:
    """A tone for every word. Thread-free, and the same text always gives the same samples."""

    name = "tone"
    bare = True

    async def synthesise(self, text: str, voice: str, language: str) -> AsyncGenerator[Audio, None]:
        """As `TtsEngine.synthesise`: one piece a word. `voice` shifts the pitch."""
        done = 0
        for first, last, weight in words_of(text):
            tone = _tone(text[first:last] + voice, weight * LETTER_SECONDS)
            count = len(tone) // 2
            start, end = done / RATE, (done + count) / RATE
            gap = round(GAP_SECONDS * RATE) if last < len(text) else 0
            done += count + gap
            yield Audio(tone + bytes(2 * gap), (Word(first, last, start, end),))

    def describe(self) -> str:
        """One line."""
        return "tone (no speech: one tone a word, for benchmarks)"

    async def close(self) -> None:
        """Nothing is held."""


@lru_cache(256)
def _tone(word: str, seconds: float) -> bytes:
    """A tone that glides up from a pitch of the word's own, so that no two samples look alike.

    It takes a quarter of a millisecond, as much as all the rest of the way to the first audio.
    """
    count = round(seconds * RATE)
    pitch = 150 + zlib.crc32(word.encode("utf-8", "replace")) % 250
    time = np.arange(count) / RATE
    swell = np.minimum(1, np.minimum(time, seconds - time) / 0.01)
    wave = np.sin(2 * np.pi * (pitch + 40 * time / seconds) * time)
    return (8000 * swell * wave).astype("<i2").tobytes()
