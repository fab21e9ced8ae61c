"""What recognisers and speakers do to words, for training: the encoder must not mind.

Words get lost, or are taken for others that look alike; speakers hesitate, repeat and repair.
Every change keeps what followed the word, so labels stay right.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from nodes.judgement.sft.turns import After, Step

_FILLERS = ("uh", "um", "er", "like", "you know", "i mean", "well", "so")
_REPAIRS = ("i mean", "no", "sorry", "uh")


@dataclass(frozen=True)
class Rates:
    """Share of words that each change befalls, 0..1."""

    lost: float = 0.02
    mistaken: float = 0.05
    filler: float = 0.02
    repeated: float = 0.02
    repaired: float = 0.01


class Noise:
    """Changes steps at random; the same seed gives the same changes."""

    def __init__(self, vocabulary: Iterable[str], seed: int, rates: Rates = Rates()) -> None:
        """Words are mistaken for others of the vocabulary that begin and end alike."""
        self._chance = random.Random(seed)
        self._rates = rates
        alike: dict[tuple[str, str, int], list[str]] = defaultdict(list)
        for word in sorted(set(vocabulary)):
            alike[_shape(word)].append(word)
        self._alike = alike

    def words(self, words: Sequence[str]) -> list[str]:
        """The words, changed; at least one is left of those that are not lost."""
        steps = self.steps([Step(word, After.FLOW, 0.0) for word in words])
        return [step.word for step in steps] or list(words[:1])

    def steps(self, steps: Sequence[Step]) -> list[Step]:
        """The steps, changed; what is put in flows on, and weighs as much as any flowing word."""
        changed: list[Step] = []
        for step in steps:
            flow = Step(step.word, After.FLOW, step.weight if step.after == After.FLOW else 0.05)
            chance, rates = self._chance.random(), self._rates
            if (chance := chance - rates.lost) < 0:
                if step.after == After.FLOW:
                    continue
            elif (chance := chance - rates.mistaken) < 0:
                step = replace(step, word=self._mistaken(step.word))
            elif (chance := chance - rates.filler) < 0:
                changed += [replace(flow, word=w) for w in self._any(_FILLERS)]
            elif (chance := chance - rates.repeated) < 0:
                changed.append(flow)
            elif chance - rates.repaired < 0:
                wrong = (self._mistaken(step.word), *self._any(_REPAIRS))
                changed += [replace(flow, word=w) for w in wrong]
            changed.append(step)
        return changed

    def _mistaken(self, word: str) -> str:
        return self._chance.choice(self._alike.get(_shape(word)) or [word])

    def _any(self, phrases: Sequence[str]) -> list[str]:
        return self._chance.choice(phrases).split()


def _shape(word: str) -> tuple[str, str, int]:
    """Words of one shape may be mistaken for each other."""
    return word[:1], word[-1:], (len(word) + 1) // 2
