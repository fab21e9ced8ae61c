"""Turns of a talk with what came after each word: flow, a pause, or somebody else's answer.

The paper's labels from real timing: where a person responded, a response was right, and every
other place of the turn is one where people kept listening.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from nodes.judgement.sft.talk import NEW_STRETCH, Stretch, Talk

NEW_TURN = 3.0
"""Seconds of a speaker's silence after which more of the same speaker is a new turn."""

CONTEXT_TURNS = 4


class After(IntEnum):
    """What followed a word."""

    FLOW = 0
    """The next word, at once."""
    PAUSE = 1
    """Silence of `NEW_STRETCH` or more, then the same speaker went on."""
    END = 2
    """The turn was over: somebody else spoke, or nobody for `NEW_TURN`."""
    ONWARD = 3
    """The speaker went on; whether after a pause is not known (a talk without times)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One word of a turn and what followed it."""

    word: str
    after: After
    weight: float
    soon: float | None = None
    """At the end of a turn: seconds until somebody else spoke; None: nobody, or not known."""


@dataclass(frozen=True)
class TalkTurn:
    """What one speaker said until somebody else spoke."""

    speaker: str
    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """The words."""
        return " ".join(step.word for step in self.steps)


def turns_of(talk: Talk) -> list[TalkTurn]:
    """The turns of a talk, in the order of their start.

    Consecutive stretches of one speaker are one turn. The end of a turn that its speaker went on
    from within `NEW_STRETCH` (somebody else only put a word in) counts as flow.
    """
    groups: list[list[Stretch]] = []
    for stretch in talk.stretches:
        last = groups[-1][-1] if groups else None
        same = last is not None and last.speaker == stretch.speaker
        if last and same and (not talk.timed or stretch.start - last.end < NEW_TURN):
            groups[-1].append(stretch)
        else:
            groups.append([stretch])
    starts = _Starts(talk)
    return [TalkTurn(g[0].speaker, tuple(_steps(g, starts, talk.timed))) for g in groups]


def response_weight(soon: float | None) -> float:
    """How clear it is that the words called for an answer, by how soon one came.

    People answer a complete turn within about 0.7 s (Stivers et al., "Universals and cultural
    variation in turn-taking in conversation", 2009); who is late, or began long before the end, may
    have gone by something else than the words.
    """
    if soon is None:
        return 0.5
    if soon < -1.0:
        return 0.7
    return 1.0 if soon <= 1.0 else 0.8


class _Starts:
    """When each speaker, and when anybody else, speaks next."""

    def __init__(self, talk: Talk) -> None:
        self._own: dict[str, list[float]] = defaultdict(list)
        for stretch in talk.stretches:
            self._own[stretch.speaker].append(stretch.start)

    def own_gap(self, stretch: Stretch) -> float:
        """Seconds until the speaker's next stretch; infinite after the last."""
        starts = self._own[stretch.speaker]
        at = bisect_right(starts, stretch.start)
        return starts[at] - stretch.end if at < len(starts) else float("inf")

    def answer_gap(self, stretch: Stretch) -> float | None:
        """Seconds from its end until somebody else starts, if within `NEW_TURN`."""
        after = [
            starts[at]
            for speaker, starts in self._own.items()
            if speaker != stretch.speaker
            and (at := bisect_right(starts, stretch.start)) < len(starts)
        ]
        soon = min(after, default=float("inf")) - stretch.end
        return soon if soon < NEW_TURN else None


def _steps(stretches: list[Stretch], starts: _Starts, timed: bool) -> Iterator[Step]:
    for number, stretch in enumerate(stretches):
        flowing = max(1, len(stretch.words) - 1)
        for at, word in enumerate(stretch.words[:-1]):
            paused = bool(stretch.gaps) and stretch.gaps[at] >= NEW_STRETCH
            # A stretch counts as one random cut, however long it is.
            yield Step(word, After.PAUSE, 0.5) if paused else Step(word, After.FLOW, 1 / flowing)
        yield _last_step(stretch, number == len(stretches) - 1, starts, timed)


def _last_step(stretch: Stretch, last: bool, starts: _Starts, timed: bool) -> Step:
    word = stretch.words[-1]
    if not timed:
        return Step(word, After.END, 1.0) if last else Step(word, After.ONWARD, 0.5)
    if starts.own_gap(stretch) < NEW_STRETCH:
        return Step(word, After.FLOW, 0.3)
    if not last:
        return Step(word, After.PAUSE, 1.0)
    soon = starts.answer_gap(stretch)
    return Step(word, After.END, response_weight(soon), soon)
