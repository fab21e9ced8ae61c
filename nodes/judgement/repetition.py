"""Whether a turn says again what the same user said in an earlier one."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from nodes.judgement.content import Floats, WordVectors, alike, carries, is_light
from nodes.judgement.spoken import spoken

WINDOW = 24
"""Newest words of the turn that are looked for in earlier turns."""
SHARE = 0.75
"""Share of what they carry that one earlier turn must hold."""
_LIGHT_COUNTS = 0.5
"""A light word's part of a thought."""


@lru_cache(maxsize=256)
def _carrying(text: str) -> tuple[str, ...]:
    return tuple(word for word in spoken(text) if carries(word))


def said_before(words: Sequence[str], earlier: Sequence[str], vectors: WordVectors | None) -> float:
    """How many thoughts (words that carry one) of the newest words one earlier turn holds.

    0 where less than `SHARE` of them do. Each word counts once, however often it is said.
    """
    newest = list(dict.fromkeys(word for word in words[-WINDOW:] if carries(word)))
    if not newest:
        return 0.0
    counts = np.array([_LIGHT_COUNTS if is_light(word) else 1.0 for word in newest], np.float32)
    return max((_held(newest, counts, _carrying(turn), vectors) for turn in earlier), default=0.0)


def _held(
    newest: Sequence[str], counts: Floats, turn: Sequence[str], vectors: WordVectors | None
) -> float:
    if not turn:
        return 0.0
    held = float(alike(newest, turn, vectors).max(1) @ counts)
    return held if held >= SHARE * float(counts.sum()) else 0.0


def loops(words: Sequence[str]) -> float:
    """Share of a turn's runs of three words that repeat an earlier one; 0 in a short turn."""
    runs = [tuple(words[at : at + 3]) for at in range(len(words) - 2)]
    return 1 - len(set(runs)) / len(runs) if len(runs) >= 15 else 0.0
