"""The turns of a recorded dialogue with the times of their stretches: to be replayed."""

from collections.abc import Iterator
from dataclasses import dataclass

from nodes.judgement.sft.talk import Stretch, Talk
from nodes.judgement.sft.turns import Step, turns_of


@dataclass(frozen=True)
class TimedTurn:
    """What one speaker said until somebody else spoke, and when."""

    speaker: str
    stretches: tuple[Stretch, ...]
    """In order of time; silence of any length may part two of them."""
    steps: tuple[Step, ...]
    """The words of all stretches, each with what followed it."""

    @property
    def text(self) -> str:
        """The words."""
        return " ".join(step.word for step in self.steps)


def timed_turns(talk: Talk) -> Iterator[TimedTurn]:
    """The turns as `turns_of` parts them, which keeps the order of stretches and words."""
    rest = iter(talk.stretches)
    for turn in turns_of(talk):
        stretches: list[Stretch] = []
        while sum(len(stretch.words) for stretch in stretches) < len(turn.steps):
            stretches.append(next(rest))
        yield TimedTurn(turn.speaker, tuple(stretches), turn.steps)
