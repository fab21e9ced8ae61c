"""Which of some texts a text is nearest to: by sentence vectors, or by the words it shares."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nodes.words import is_question, words

Vectors = NDArray[np.float32]
"""Rows of length 1, so that a dot product is a cosine."""

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])\s*")

_STEADY = 3
"""Examples of a meaning that count: one alone is near by chance too often."""

_LOSS = np.array([0.12, 0.06, 0.06], dtype=np.float32)
"""Cosine lost where only one of two texts is a question, is about me, is about you: sentence
vectors hardly tell "what is my dog called" from "my dog is called Bruno"."""

_ME = frozenset(
    "i me my mine myself we us our ours i'm i've i'd i'll we're we've we'd we'll".split()
)
_YOU = frozenset("you your yours yourself you're you've you'd you'll".split())


class Embedder(Protocol):
    """Sentences as vectors."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row of length 1 for each text, float32 (n, d)."""


@dataclass(frozen=True)
class Near:
    """The nearest one, and how near it is (a cosine, or close to one)."""

    index: int
    score: float


class SharedWords:
    """Stands in for an embedder where there is none: words weighted by how rare they are."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Learns from these texts which words are rare."""
        held = Counter(word for text in texts for word in set(stems(text)))
        self._column = {word: column for column, word in enumerate(held)}
        self._weight = {word: math.log(1 + len(texts) / count) for word, count in held.items()}
        self._unknown = math.log(1 + len(texts))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """TF-IDF rows of length 1; the last column holds the words that no example has."""
        rows = np.zeros((len(texts), len(self._column) + 1), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in stems(text):
                if word in self._column:
                    row[self._column[word]] = self._weight[word]
                else:
                    row[-1] = math.hypot(float(row[-1]), self._unknown)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        np.divide(rows, lengths, out=rows, where=lengths > 0)
        return rows


class Meanings:
    """Meanings, each given by examples, with their vectors computed once."""

    def __init__(self, meanings: Sequence[Sequence[str]], embedder: Embedder) -> None:
        """Every meaning needs at least one example."""
        self._embedder = embedder
        texts = [text for examples in meanings for text in examples]
        ends = np.cumsum([len(examples) for examples in meanings])
        self._rows = [slice(end - len(m), end) for m, end in zip(meanings, ends, strict=True)]
        self._vectors = embedder.embed(texts)
        self._forms = _forms(texts)

    def nearest(self, text: str, among: Sequence[int]) -> Near | None:
        """The meaning nearest to the text, or to one of its last two sentences."""
        if not among or not words(text):
            return None
        parts = list(dict.fromkeys([text.strip(), *sentences(text)[-2:]]))
        differ = np.abs(self._forms[:, None, :] - _forms(parts)[None, :, :])
        cosines = self._vectors @ self._embedder.embed(parts).T - differ @ _LOSS
        scores = [_score(cosines[self._rows[index]]) for index in among]
        best = int(np.argmax(scores))
        return Near(among[best], scores[best])


def _score(cosines: Vectors) -> float:
    """Of one meaning: the best example, steadied by the next two. Columns are parts of a text."""
    best = np.sort(cosines, axis=0)[-_STEADY:]
    return float(((best[-1] + best.mean(axis=0)) / 2).max())


def _forms(texts: Sequence[str]) -> Vectors:
    """What sentence vectors hardly tell apart: a question? about me? about you?"""
    forms = []
    for text in texts:
        said = set(words(text))
        forms.append((is_question(text), bool(said & _ME), bool(said & _YOU)))
    return np.array(forms, dtype=np.float32)


def nearest_text(text: str, others: Sequence[str], embedder: Embedder) -> Near | None:
    """The nearest of some other texts, whatever their form; None where there are none."""
    if not others:
        return None
    vectors = embedder.embed([text, *others])
    cosines = vectors[1:] @ vectors[0]
    return Near(int(cosines.argmax()), float(cosines.max()))


def sentences(text: str) -> list[str]:
    """The sentences of a text, by their marks; those without a word are left out."""
    return [part.strip() for part in _SENTENCE_END.split(text) if words(part)]


def stems(text: str) -> list[str]:
    """The words of a text without the s of a plural or possessive, each once."""
    plain = (word.removesuffix("'s") for word in words(text))
    found = (word[:-1] if len(word) > 3 and word.endswith("s") else word for word in plain)
    return list(dict.fromkeys(found))
