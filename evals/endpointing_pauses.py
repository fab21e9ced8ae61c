"""The real pauses of recorded dialogues, as an agent in the other speaker's place meets them."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evals.timed_turns import TimedTurn, timed_turns
from nodes.judgement.estimator import CONTEXT_MESSAGES, SAID_BEFORE_TURNS, Estimator, View
from nodes.judgement.sft.talk import Talk
from nodes.judgement.sft.turns import After

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Pause:
    """A silence of 0.2 s or more behind a word."""

    dialogue: str
    view: View
    """What the agent knows by then."""
    length: float | None
    """Seconds until the same speaker went on; None: the turn was over."""


@dataclass(frozen=True)
class Pauses:
    """The pauses in columns."""

    dialogue: Ints
    """Number of the dialogue."""
    length: Floats
    """Seconds of a pause within a turn; NaN at the end of one."""

    @property
    def ends(self) -> NDArray[np.bool_]:
        """Whether the turn was over."""
        return np.isnan(self.length)

    @classmethod
    def of(cls, pauses: Sequence[Pause]) -> "Pauses":
        """The columns."""
        names = {name: number for number, name in enumerate({p.dialogue: 0 for p in pauses})}
        return cls(
            np.array([names[pause.dialogue] for pause in pauses], np.int64),
            np.array([np.nan if p.length is None else p.length for p in pauses], np.float64),
        )


def pauses_of(talk: Talk) -> Iterator[Pause]:
    """The pauses within turns and at their ends, with the words so far and four turns of context.

    An end that the same speaker went on from at once (somebody else only put a word in) is none.
    """
    turns = list(timed_turns(talk))
    for number, turn in enumerate(turns):
        before = [
            ("user" if earlier.speaker == turn.speaker else "agent", earlier.text)
            for earlier in turns[max(0, number - 2 * SAID_BEFORE_TURNS) : number]
        ]
        words = [step.word for step in turn.steps]
        for at, length in _silences(turn):
            view = View(
                text=" ".join(words[: at + 1]),
                context=tuple(before[-CONTEXT_MESSAGES:]),
                said_before=tuple(text for speaker, text in before if speaker == "user"),
            )
            yield Pause(talk.id, view, length)


def _silences(turn: TimedTurn) -> Iterator[tuple[int, float | None]]:
    """Index of the word before each silence, and its length; None at the turn's end."""
    at = -1
    for number, stretch in enumerate(turn.stretches):
        following = turn.stretches[number + 1].start if number + 1 < len(turn.stretches) else None
        gaps = (*stretch.gaps, 0.0) if stretch.gaps else (0.0,) * len(stretch.words)
        for last, gap in zip(range(1 - len(stretch.words), 1), gaps, strict=True):
            at += 1
            after = turn.steps[at].after
            if after == After.END:
                yield at, None
            elif after == After.PAUSE and last:
                yield at, gap
            elif after == After.PAUSE and following is not None:
                yield at, following - stretch.end


def completions(pauses: Sequence[Pause], judge: Estimator) -> Floats:
    """The judge's probability, at each pause, that the turn is over."""

    async def ask() -> list[float]:
        return [(await judge.estimate(pause.view)).p_complete for pause in pauses]

    return np.array(asyncio.run(ask()), np.float64)
