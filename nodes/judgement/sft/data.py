"""Timed dialogues to examples, as the paper describes: Action Judgement SFT.

Real gaps between speakers label when a person responded and how soon; cuts at random places of
flowing speech are negatives. The encoder learns from every word of a turn (`turns.py`); here are
the same decisions one by one, as judgement sets and LLMs need them.
"""

import random
import zlib
from collections.abc import Iterable, Iterator, Sequence

from nodes.judgement.sft.example import At, Example, Label
from nodes.judgement.sft.talk import Talk
from nodes.judgement.sft.turns import CONTEXT_TURNS, After, Step, TalkTurn, turns_of

_FOLDS = 8


def is_held_out(dialogue: str) -> bool:
    """Whether a dialogue belongs to the eighth that checks a training and never feeds it."""
    return zlib.crc32(dialogue.encode()) % _FOLDS == 0


def examples_of(talks: Iterable[Talk], seed: int = 0) -> Iterator[Example]:
    """Decision points of talks: each pause and end, and as many random cuts of flowing speech.

    Without times only ends and cuts are known.
    """
    for talk in talks:
        # Of its own for each talk: what is drawn does not depend on which talks came before.
        chance = random.Random(zlib.crc32(f"{seed}/{talk.id}".encode()))
        turns = turns_of(talk)
        for number, turn in enumerate(turns):
            context = _context(turns[max(0, number - CONTEXT_TURNS) : number], turn.speaker)
            for at, step in _chosen(turn.steps, chance):
                place, label = _PLACES[step.after]
                mark = "m" if place == "mid_speech" else "p"
                yield Example(
                    id=f"{talk.id}-{number}-{mark}{at}",
                    dialogue=talk.id,
                    context=context,
                    partial=" ".join(step.word for step in turn.steps[: at + 1]),
                    at=place,
                    label=label,
                    weight=1.0 if place == "mid_speech" else step.weight,
                    soon=step.soon,
                )


_PLACES: dict[After, tuple[At, Label]] = {
    After.FLOW: ("mid_speech", "listen"),
    After.PAUSE: ("pause", "listen"),
    After.END: ("pause", "respond"),
}


def _chosen(steps: Sequence[Step], chance: random.Random) -> list[tuple[int, Step]]:
    """The pauses and the end of a turn, and for each of them one cut between flowing words."""
    stops = [(at, s) for at, s in enumerate(steps) if s.after in (After.PAUSE, After.END)]
    flowing = [(at, s) for at, s in enumerate(steps) if s.after == After.FLOW]
    cuts = chance.sample(flowing, min(len(stops), len(flowing)))
    return sorted(stops + cuts, key=lambda chosen: chosen[0])


def _context(before: Sequence[TalkTurn], speaker: str) -> tuple[tuple[str, str], ...]:
    return tuple(("user" if t.speaker == speaker else "agent", t.text) for t in before)
