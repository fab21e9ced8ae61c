"""What each word of a long turn adds, and what a listener makes of it as the words run on.

Two counts run along the turn, each a cumulative sum of evidence that falls back to zero when the
words move on (Page, "Continuous inspection schemes", Biometrika 1954: the quickest way to notice a
change at a given rate of false alarms). One is of going round in circles, one of rambling.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from nodes.judgement.content import Floats, WordVectors, alike, carries, is_light

FAR = 8
"""Words back from which a word counts as said again: nearer is a repair, or one phrase."""
LOOK_BACK = 90
"""Words after which what was said is no longer compared: about half a minute."""
SCORED = 70
"""Newest words that are scored; evidence that is older has long drained or done its work."""
NEAR = 15
"""Words between two earlier places that belong to one and the same thought."""


class Sign(IntEnum):
    """What a word may be a sign of; a column of `signs`."""

    NEW = 0
    """It carries a thought that was not there before (less, the more it is like an earlier one)."""
    ALIKE = 1
    """It is like an earlier word, and not the same."""
    SAME = 2
    """It carries a thought, and was said before."""
    LIGHT = 3
    LIGHT_AGAIN = 4
    PHRASE = 5
    """Grammar within three words that were said before, just so."""
    THOUGHT_PHRASE = 6
    """The same for a word that carries a thought."""
    PAIR = 7
    """Two words that were said before, just so."""
    INSISTS = 8
    """A phrase by which people announce that they say it again."""
    SAME_PLACE = 9
    """It and the word before were said near each other before: the same thought."""
    HEDGES = 10
    """A phrase that says nothing and takes nothing on."""
    LOST = 11
    """A phrase of somebody who has lost the thread, or leaves it."""
    FILLS = 12


def _phrases(text: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Phrases, parted by commas, by their first word; the longest first."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for phrase in sorted((tuple(p.split()) for p in text.split(",")), key=len, reverse=True):
        found.setdefault(phrase[0], []).append(phrase)
    return {first: tuple(rest) for first, rest in found.items()}


_INSISTS = _phrases(
    "like i said, as i said, as i say, i'm telling you, i tell you, i told you, what i'm saying,"
    " i'm saying, my point, the point is, i mean, again, once more, over and over, every time,"
    " i keep saying, i keep telling, that's what i, honestly, all i'm saying, in other words,"
    " what i mean, i repeat, i said it before, as i mentioned, you have to understand"
)
_HEDGES = _phrases(
    "you know, i mean, i guess, i suppose, i don't know, sort of, kind of, or something, maybe,"
    " or maybe, things like that, stuff like that, you know what i mean, it depends, you know how,"
    " basically, obviously, i'm not sure, and so on, let me think, let me see, and all that,"
    " the thing is, in a way, in a sense, more or less, some kind of, or so, at least i think,"
    " if you like, as it were, as they say, hard to say, how to say, how do i put it, or other,"
    " this and that, what do you call it, what's it called, so to speak, or not, i would say,"
    " and things, and stuff, or anything, one thing or another, one of those, isn't it, doesn't it,"
    " don't they, don't you, aren't you, could it, you could say, i couldn't say, who can say,"
    " in general, generally, whatnot, and whatnot, somehow, somewhere, some sort of, literally"
)
_LOST = _phrases(
    "anyway, anyways, anyhow, whatever, or whatever, what was i saying, what was i, where was i,"
    " what am i saying, never mind, it doesn't matter, not that it matters, that reminds me,"
    " which reminds me, reminds me, speaking of, long story, a long story, getting to the point,"
    " it is what it is, at the end of the day, who knows, something like that, or was it,"
    " or not really, i can't remember, i don't remember, i forget, i forgot, i've forgotten,"
    " i was going to say, i was saying, one way or another, one way or the other,"
    " on the other hand, then again, but then again, hang on, no wait, oh wait,"
    " come to think of it, by the way, off topic, i digress, to cut a long story short,"
    " as i was saying, going forward,"
    " what was it, what was the thing, that's another story, but that's another, don't ask me,"
    " it'll come back to me, it'll come to me, tip of my tongue, escapes me, oh well, ah well,"
    " i lost my thread, lost my train of thought, lost track, if that makes sense,"
    " if you know what i mean, time will tell, you never know, that's life, so it goes,"
    " i don't know why, why am i telling, you know how it is, you know how it goes, funny how"
)
_FILLERS = frozenset("uh um er erm like well so just".split())


@dataclass(frozen=True)
class Evidence:
    """How a count grows: a weight for each sign, and what every word takes away."""

    weights: dict[Sign, float]
    each_word: float
    alarm: float
    """Where the count says 0.7."""

    def along(self, found: Floats) -> Floats:
        """The count after each word, never below 0 nor above one and a half times `alarm`."""
        weights = np.zeros(len(Sign), np.float32)
        for sign, weight in self.weights.items():
            weights[sign] = weight
        count, counts = 0.0, []
        for gain in (found @ weights + self.each_word).tolist():
            count = min(1.5 * self.alarm, max(0.0, count + gain))
            counts.append(count)
        return np.array(counts, np.float32)


def signs(words: Sequence[str], vectors: WordVectors | None) -> Floats:
    """What each word of a turn is a sign of, (words, len(Sign))."""
    found = np.zeros((len(words), len(Sign)), np.float32)
    heavy = [at for at, word in enumerate(words) if carries(word)]
    light = np.array([is_light(words[at]) for at in heavy], bool)
    again, same, place = _said_again(words, heavy, vectors)
    for row, at in enumerate(heavy):
        if light[row]:
            found[at, Sign.LIGHT_AGAIN if same[row] else Sign.LIGHT] = 1.0
        else:
            found[at, Sign.NEW] = 1.0 - again[row]
            found[at, Sign.SAME if same[row] else Sign.ALIKE] = again[row]
        if row and place[row] >= 0 and place[row - 1] >= 0:
            found[at, Sign.SAME_PLACE] = abs(place[row] - place[row - 1]) <= NEAR
    threes, twos = _runs_again(words, 3), _runs_again(words, 2)
    full = found[:, Sign.NEW] + found[:, Sign.ALIKE] + found[:, Sign.SAME] > 0
    found[:, Sign.PHRASE] = threes & ~full
    found[:, Sign.THOUGHT_PHRASE] = threes & full
    found[:, Sign.PAIR] = twos & ~threes
    for sign, phrases in (
        (Sign.INSISTS, _INSISTS),
        (Sign.LOST, _LOST),
        (Sign.HEDGES, _HEDGES),
    ):
        _mark(words, phrases, found[:, sign])
    found[:, Sign.HEDGES] *= 1.0 - found[:, Sign.LOST]
    found[:, Sign.FILLS] = [word in _FILLERS for word in words]
    return found


def _said_again(
    words: Sequence[str], heavy: Sequence[int], vectors: WordVectors | None
) -> tuple[Floats, Floats, list[int]]:
    """For each word that carries something: how much it was said, whether just so, and where."""
    if not heavy:
        empty = np.zeros(0, np.float32)
        return empty, empty, []
    carrying = [words[at] for at in heavy]
    at = np.array(heavy)
    gap = at[:, None] - at[None]
    earlier = (gap >= FAR) & (gap <= LOOK_BACK)
    near = np.where(earlier, alike(carrying, carrying, vectors), 0.0)
    newest = near.shape[1] - 1 - near[:, ::-1].argmax(1)
    again = near.max(1)
    place = [int(at[n]) if a > 0.25 else -1 for n, a in zip(newest, again, strict=True)]
    return again, (again > 0.999).astype(np.float32), place


def _runs_again(words: Sequence[str], length: int) -> NDArray[np.bool_]:
    """Which words lie in a run of that length which was said before, word for word."""
    found, first = np.zeros(len(words), bool), dict[tuple[str, ...], int]()
    for at in range(len(words) - length + 1):
        run = tuple(words[at : at + length])
        before = first.get(run)
        if before is None or at - before > LOOK_BACK:
            first[run] = at
        elif at - before >= FAR and len(set(run)) > 1:
            found[at : at + length] = True
    return found


def _mark(
    words: Sequence[str], phrases: dict[str, tuple[tuple[str, ...], ...]], row: Floats
) -> None:
    """Puts a 1 where a phrase ends; what belongs to a longer phrase belongs to no other."""
    taken = 0
    for at, word in enumerate(words):
        for phrase in phrases.get(word, ()) if at >= taken else ():
            if tuple(words[at : at + len(phrase)]) == phrase:
                taken = at + len(phrase)
                row[taken - 1] = 1.0
                break
