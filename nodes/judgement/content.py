"""What the words of a turn carry: a thought, a light verb's worth of it, or only grammar.

The lists are closed classes and the commonest verbs of talk, not topics. Words are in spoken form,
see `nodes.judgement.spoken`.
"""

import re
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class WordVectors(Hashable, Protocol):
    """Vectors of words, alike where words are alike in meaning."""

    def of(self, words: Sequence[str]) -> Floats:
        """One row a word, (words, width); zeros for what is no word."""


_GRAMMAR = frozenset(
    "a an the and or but nor so if then else because as than that this these those there here it"
    " i me my mine myself you your yours yourself he him his himself she her hers herself we us our"
    " ours ourselves they them their theirs themselves one ones who whom whose which what when"
    " where why how whether am is are was were be been being do does did doing done don doesn didn"
    " have has had having haven hasn hadn can cannot could couldn will won would wouldn shall"
    " should shouldn may might must isn aren wasn weren ain not no yes yeah yep yup nope okay ok oh"
    " uh um er erm hm hmm mm mhm huh ah eh well sure of in on at to from by for with about into"
    " onto over under up off through between among across after before since until while during"
    " without within against toward towards along around near per via just only also too very"
    " really quite rather pretty such even still yet already ever often sometimes maybe perhaps"
    " probably actually basically literally kind sort like stuff thing things something anything"
    " whatever anyway gonna wanna gotta much many more most less least few little lots some any all"
    " both each every either neither other others another same own now today guess suppose mean"
    " means meant bit part way able ago let lets yourselves til 'til".split()
)
_LIGHT = frozenset(
    "get gets got getting go goes going went gone come comes coming came make makes making made"
    " take takes took taken put puts say says said saying tell tells told telling know knows knew"
    " known think thinks thought see sees saw seen look looks looked looking want wants wanted need"
    " needs needed give gives gave given nothing everything somebody someone anybody anyone nobody"
    " everybody everyone everywhere anywhere nowhere never always again good great bad big new old"
    " right wrong call calls called ask asks asked start started people man woman time day days two"
    " first last back down out away next enough use used work works keep keeps stand stood sit sat"
    " sitting wait waited waiting leave left find found feel feels felt show bring buy pay run lot"
    " real nice fine better best point".split()
)
_COUNTED = frozenset(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
    " hundred thousand million half monday tuesday wednesday thursday friday saturday sunday"
    " january february march april may june july august september october november december".split()
)
_ENDING = re.compile(r"'(?:s|d|ll|ve|re|m|t)?$")


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The word without what is tied to its end: "dog's" and "dog", "they'll" and "they"."""
    return _ENDING.sub("", word)


@lru_cache(maxsize=20_000)
def is_light(word: str) -> bool:
    """Whether it is one of the common words that carry little by themselves."""
    return stem(word) in _LIGHT


@lru_cache(maxsize=20_000)
def carries(word: str) -> bool:
    """Whether it carries a thought or a part of it: no grammar, no filler, no single letter."""
    plain = stem(word)
    return is_light(word) or (len(plain) > 1 and plain not in _GRAMMAR and not plain.isdigit())


_ALIKE_FROM, _ALIKE_SPAN = 0.3, 0.4
"""Cosine from which two words say something alike, and how much more makes them the same.

In MiniLM's word vectors unrelated words lie around 0 (one pair in 300 above 0.3), "cinema" and
"film" at 0.48, "cheap" and "cheaper" at 0.62, "gave" and "give" at 0.73.
"""


def alike(words: Sequence[str], others: Sequence[str], vectors: WordVectors | None) -> Floats:
    """How much each word (a row) says what each other word (a column) says, 0..1.

    Without vectors only the same word counts; numbers, days and months never stand for each other.
    """
    one, two = [stem(word) for word in words], [stem(word) for word in others]
    number = {word: at for at, word in enumerate(dict.fromkeys([*one, *two]))}
    rows, columns = np.array([number[w] for w in one]), np.array([number[w] for w in two])
    same: Floats = (rows[:, None] == columns[None]).astype(np.float32)
    if vectors is None:
        return same
    mine = unit_vectors(one, vectors)
    theirs = mine if words is others else _unit_rows(tuple(two), vectors)
    near = _products(mine, theirs)
    near = np.clip((near - _ALIKE_FROM) / _ALIKE_SPAN, 0.0, 1.0)
    near *= _open(one)[:, None] * _open(two)[None]
    found: Floats = np.maximum(same, near)
    return found


def _open(words: Sequence[str]) -> Floats:
    """1 where another word may stand for it."""
    closed = [word in _COUNTED or word in _LIGHT for word in words]
    return 1.0 - np.array(closed, np.float32)


_ONE_THREAD = 250_000
"""Multiplications up to which OpenBLAS stays on one thread; waking the others costs milliseconds
on a busy machine."""


def _products(one: Floats, two: Floats) -> Floats:
    rows = max(1, _ONE_THREAD // two.size)
    return np.concatenate([one[at : at + rows] @ two.T for at in range(0, len(one), rows)])


def unit_vectors(words: Sequence[str], vectors: WordVectors) -> Floats:
    """Vectors of length 1 without what all words have in common, (words, width)."""
    return np.stack([_unit(word, vectors) for word in words])


@lru_cache(maxsize=20_000)
def _unit(word: str, vectors: WordVectors) -> Floats:
    found = vectors.of([word])[0] - _centre_of(vectors)
    unit: Floats = found / max(float(np.linalg.norm(found)), 1e-6)
    return unit


@lru_cache(maxsize=256)
def _unit_rows(words: tuple[str, ...], vectors: WordVectors) -> Floats:
    """The same, kept: earlier turns are compared again on every partial."""
    return unit_vectors(words, vectors)


_COMMON = (
    "house water work money school friend family doctor car city music food game book phone mother"
    " child country problem story reason office train garden kitchen company summer night street"
    " paper table window machine letter weather holiday dinner football picture voice"
).split()


@lru_cache(maxsize=4)
def _centre_of(vectors: WordVectors) -> Floats:
    """Taken away, unrelated words lie around cosine 0."""
    mean: Floats = vectors.of(_COMMON).mean(0)
    return mean
