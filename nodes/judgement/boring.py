"""How boring a turn has become: going round in circles, saying an earlier turn again, rambling."""

import re
from dataclasses import dataclass

from nodes.judgement.content import WordVectors
from nodes.judgement.drift import drift
from nodes.judgement.estimator import View
from nodes.judgement.monologue import LOOK_BACK, SCORED, Evidence, Sign, signs
from nodes.judgement.repetition import loops, said_before
from nodes.judgement.spoken import spoken
from nodes.words import content_words, is_question

AT_LEAST = 18
"""Words before a turn can bore by itself: about seven seconds."""
AGAIN_AT_LEAST = 5
"""Words of a turn that is an earlier one word for word."""
SAID_AT_LEAST = 8
"""Words before a turn can be an earlier one again."""
SAID_ALARM = 7.0
"""Thoughts of an earlier turn, said again, that make 0.7."""
LOOPS = 3.0
"""A fifth of a turn word for word again is probably too much, a third surely."""
DRIFT_COUNTS = 0.2
"""How much the topic that was left, or kept, moves the count of rambling, as a share of it."""

CIRCLES = Evidence(
    weights={
        Sign.NEW: -1.04,
        Sign.ALIKE: 0.80,
        Sign.SAME: -0.08,
        Sign.LIGHT: 0.22,
        Sign.LIGHT_AGAIN: 0.58,
        Sign.PHRASE: 0.10,
        Sign.THOUGHT_PHRASE: 0.16,
        Sign.PAIR: 1.04,
        Sign.INSISTS: 0.63,
        Sign.SAME_PLACE: 0.80,
    },
    each_word=-0.63,
    alarm=1.75,
)
RAMBLES = Evidence(
    weights={
        Sign.NEW: -1.50,
        Sign.SAME: -0.41,
        Sign.LIGHT: 0.81,
        Sign.HEDGES: 1.13,
        Sign.LOST: 3.27,
        Sign.FILLS: -0.09,
        Sign.INSISTS: -1.93,
    },
    each_word=0.09,
    alarm=10.7,
)
"""Fitted on hand-written monologues against MRDA's meetings: under one alarm an hour of speech."""


_ASKS_AGAIN = re.compile(
    r"\b(again|repeat|once more|pardon|sorry|what was|what did you|didn't catch|say that)\b"
)


@dataclass(frozen=True)
class Boredom:
    """How probable it is that a listener has had enough, 0..1, and why."""

    p: float
    reason: str = ""


def boring(view: View, vectors: WordVectors | None) -> Boredom:
    """The strongest sign of boredom in a turn so far; nothing in a question or a short turn.

    Costs the same however long the turn is: only its newest words are scored. Without vectors only
    the same words count as the same thought, and drift is not known.
    """
    words = spoken(view.text)
    if len(words) < AGAIN_AT_LEAST or is_question(view.text):
        return Boredom(0.0)
    found = [_said_again(words, view, vectors)]
    if len(words) >= AT_LEAST:
        newest = words[-(LOOK_BACK + SCORED) :]
        signed = signs(newest, vectors)[-SCORED:]
        circles = CIRCLES.along(signed)[-1] / CIRCLES.alarm
        rambles = RAMBLES.along(signed)[-1] / RAMBLES.alarm * _off_topic(words, view, vectors)
        found += [
            Boredom(_likely(circles), "you say the same thing again"),
            Boredom(_likely(rambles), "you ramble"),
            Boredom(min(0.95, LOOPS * loops(newest)), "you say the same thing again"),
        ]
    return max(found, key=lambda boredom: boredom.p)


def _likely(alarm: float) -> float:
    """Probability from a count, as a share of its alarm."""
    return min(0.95, 0.7 * float(alarm))


def _said_again(words: list[str], view: View, vectors: WordVectors | None) -> Boredom:
    """Whoever is asked may come back to it; word for word only if asked for that."""
    speaker, before = view.context[-1] if view.context else ("", "")
    asked = speaker == "agent" and is_question(before)
    topic = content_words(view.text)
    again = len(topic) >= 3 and any(topic == content_words(turn) for turn in view.said_before)
    if again and not (speaker == "agent" and _ASKS_AGAIN.search(before.lower())):
        return Boredom(0.8, "you said this before")
    if asked or len(words) < SAID_AT_LEAST:
        return Boredom(0.0)
    thoughts = said_before(words, view.said_before, vectors)
    return Boredom(_likely(thoughts / SAID_ALARM), "you said this before")


def _off_topic(words: list[str], view: View, vectors: WordVectors | None) -> float:
    off = drift(words, [text for _, text in view.context], vectors) if vectors else None
    return 1.0 if off is None else 1.0 + DRIFT_COUNTS * (2.0 * off - 1.0)
