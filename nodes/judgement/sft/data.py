"""Timed dialogues to examples, as the paper describes: Action Judgement SFT.

Real gaps between speakers label when a person responded and how soon; cuts at random places of
flowing speech are negatives. The encoder learns from every word of a turn (`turns.py`); here are
the same decisions one by one, as judgement sets and LLMs need them.
"""

import argparse
import random
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from graph.errors import BadInput
from nodes.judgement.sft.corpora import DATA, TALKS, TEXTS, load_talks, load_texts, read_talks
from nodes.judgement.sft.example import At, Example, Label, write_examples
from nodes.judgement.sft.talk import Talk
from nodes.judgement.sft.turns import CONTEXT_TURNS, After, Step, TalkTurn, turns_of
from nodes.judgement.sft.written_texts import WRITTEN, written_texts

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


def main(argv: Sequence[str] | None = None) -> int:
    """`cleans2s sft data`: writes examples as JSON lines, training and held-out apart."""
    parser = argparse.ArgumentParser(prog="cleans2s sft data", description="Dialogues to examples.")
    parser.add_argument("out", type=Path, help="folder for train.jsonl and held_out.jsonl")
    parser.add_argument("--talks", type=Path, nargs="+", default=[], help="your recordings' words")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the corpora")
    parser.add_argument(
        "--corpora", nargs="+", default=[], choices=[*TALKS, *TEXTS], metavar="NAME",
        help=f"some of {', '.join([*TALKS, *TEXTS])}",
    )  # fmt: skip
    parser.add_argument(
        "--written", action="store_true", help="with sentences written for what corpora lack"
    )
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    if not given.talks and not given.corpora and not given.written:
        raise BadInput("talks", [], "name recordings (--talks), corpora (--corpora) or --written")
    talks = read_talks(given.talks)
    talks += load_talks(given.data, [name for name in given.corpora if name in TALKS])
    texts = load_texts(given.data, [name for name in given.corpora if name in TEXTS])
    for name in WRITTEN if given.written else ():
        texts += written_texts(name, given.seed)
    examples = [*examples_of(talks, given.seed), *texts]
    given.out.mkdir(parents=True, exist_ok=True)
    for name, held_out in (("train", False), ("held_out", True)):
        part = [example for example in examples if is_held_out(example.dialogue) == held_out]
        count = write_examples(part, given.out / f"{name}.jsonl")
        labels = Counter(example.label for example in part)
        print(f"{name}: {count:,} examples, " + ", ".join(f"{n:,} {k}" for k, n in labels.items()))
    return 0
