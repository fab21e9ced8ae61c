"""Whether a turn has left the topic of the conversation.

Fitted on TIAGE (Xie et al., "TIAGE: A Benchmark for Topic-Shift Aware Dialog Modeling", 2021),
where people marked the turns that change the topic.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import exp

import numpy as np

from nodes.judgement.content import Floats, WordVectors, carries, is_light, unit_vectors
from nodes.judgement.spoken import spoken

CONTEXT_TURNS = 2
"""Turns before this one that make the topic: more of them tell less."""
WINDOW = 40
"""Newest words of the turn that are compared with it."""
AT_LEAST = 4
"""Words with a thought that both sides need before anything can be said."""


def drift(words: Sequence[str], context: Sequence[str], vectors: WordVectors) -> float | None:
    """Probability, 0..1, that the newest words are off the topic of what was said before.

    `context` holds the turns of both sides, oldest first. None: there is too little to compare.
    """
    topic = [word for turn in context[-CONTEXT_TURNS:] for word in _thoughts(turn)]
    newest = _thoughts(" ".join(words[-WINDOW:]))
    if len(topic) < AT_LEAST or len(newest) < AT_LEAST:
        return None
    near = _cosine(unit_vectors(topic, vectors).mean(0), unit_vectors(newest, vectors).mean(0))
    return 1.0 / (1.0 + exp(-(_OFFSET - _SLOPE * near)))


@lru_cache(maxsize=256)
def _thoughts(text: str) -> tuple[str, ...]:
    return tuple(word for word in spoken(text) if carries(word) and not is_light(word))


def _cosine(one: Floats, other: Floats) -> float:
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length else 0.0


_OFFSET, _SLOPE = 1.30, 3.65
"""Logistic on the cosine, both classes of equal weight. Weak: it tells 64 of 100 pairs apart."""
