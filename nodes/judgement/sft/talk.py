"""A recorded dialogue as the training reads it: who said which words, and when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from graph.errors import BadInput
from nodes.judgement.spoken import spoken

NEW_STRETCH = 0.2
"""Seconds of silence that part two stretches: what the ear takes for the end of speech."""


@dataclass(frozen=True)
class Word:
    """One word with its time, in seconds of the recording."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Stretch:
    """What one speaker said in one go, by the corpus's own cut (an utterance, a dialogue act)."""

    speaker: str
    start: float
    """Seconds; 0 in a talk that has no times."""
    end: float
    words: tuple[str, ...]
    """In spoken form, see `nodes.judgement.spoken`."""
    gaps: tuple[float, ...] = ()
    """Seconds of silence behind each word but the last; empty: not known, taken as flowing."""
    act: str = ""
    """The dialogue act, in the corpus's own tags."""


@dataclass(frozen=True)
class Talk:
    """A dialogue of two or more people."""

    id: str
    """Corpus and dialogue, "mrda-Bdb001": training and test are parted by it."""
    stretches: tuple[Stretch, ...]
    """In order of their start."""
    timed: bool = True
    """Without times a pause is not known, only who spoke after whom."""
    evaluation_only: bool = False
    """The licence or the plan forbids training on it."""


def talk_of(
    id: str, stretches: Iterable[Stretch], *, timed: bool = True, evaluation_only: bool = False
) -> Talk:
    """A talk of the stretches that have words, in order of time.

    Raises `BadInput` for a stretch that ends before it starts or has no speaker.
    """
    kept = []
    for at, stretch in enumerate(stretches):
        where = f"{id}: stretch {at + 1}"
        if not stretch.speaker:
            raise BadInput(f"{where}: speaker", stretch.speaker, "every stretch needs one")
        if stretch.end < stretch.start:
            raise BadInput(f"{where}: end", stretch.end, f"lies before its start {stretch.start}")
        if stretch.words:
            kept.append(stretch)
    if timed:
        kept.sort(key=lambda stretch: (stretch.start, stretch.end))
    return Talk(id, tuple(kept), timed, evaluation_only)


def stretch_of(speaker: str, words: Sequence[Word], act: str = "") -> Stretch | None:
    """One stretch of these words, in the order given; None where none of them is a word."""
    parts = [(text, word) for word in words for text in spoken(word.text)]
    if not parts:
        return None
    gaps = tuple(
        max(0.0, after.start - word.end) if after is not word else 0.0
        for (_, word), (_, after) in pairwise(parts)
    )
    return Stretch(
        speaker=speaker,
        start=words[0].start,
        end=max(word.end for word in words),
        words=tuple(text for text, _ in parts),
        gaps=gaps,
        act=act,
    )


def stretches_of(speaker: str, words: Iterable[Word]) -> list[Stretch]:
    """Stretches of a speaker's words, parted where the speaker is silent for `NEW_STRETCH`."""
    groups: list[list[Word]] = []
    for word in sorted(words, key=lambda word: word.start):
        if groups and word.start - max(w.end for w in groups[-1][-4:]) < NEW_STRETCH:
            groups[-1].append(word)
        else:
            groups.append([word])
    found = (stretch_of(speaker, group) for group in groups)
    return [stretch for stretch in found if stretch]
