"""Texts written for the training: sentences of the YAML files in `written/`, drawn by chance.

They teach what the corpora hardly have: requests that only sound bad beside such that are, insults
to the listener beside coarse words about others, agreement and conflict.
"""

import random
import re
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from graph.state import Appraisal
from nodes.judgement.sft.example import Example

FOLDER = Path(__file__).parent / "written"
WRITTEN = ("requests", "remarks", "violence", "crime", "people", "orders", "insults")
"""The files: two on everything, then by theme."""
_SLOT = re.compile(r"\{(\w+)\}")

_LEADS = (
    "please", "hey", "uh", "so", "ok so", "can you tell me", "i was wondering", "listen",
    "could you help me", "one question", "well", "um so", "hi", "tell me", "quick question",
)  # fmt: skip
"""What people say before they come to the point."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    slots: dict[str, list[str]]
    plain: list[str]
    affront: list[str] = []
    unreasonable: list[str] = []
    agreement: list[str] = []
    conflict: list[str] = []

    def lines(self) -> list[tuple[Appraisal, str]]:
        """Every line with the appraisal of what it says."""
        kinds: dict[Appraisal, list[str]] = {
            "plain": self.plain,
            "affront": self.affront,
            "unreasonable": self.unreasonable,
            "agreement": self.agreement,
            "conflict": self.conflict,
        }
        return [(kind, line) for kind, lines in kinds.items() for line in lines]


@cache
def _file(name: str) -> _File:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    return _File.model_validate(yaml.safe_load(text))


def written_texts(name: str, seed: int, each: int = 16) -> list[Example]:
    """At most `each` sentences for every line of a file; a line is one dialogue."""
    chance = random.Random(f"{name}/{seed}")
    file = _file(name)
    examples = []
    for number, (appraisal, line) in enumerate(file.lines()):
        wanted = each if _SLOT.search(line) else min(3, each)
        texts = dict.fromkeys(_said(line, file.slots, chance) for _ in range(2 * wanted))
        for at, text in enumerate(list(texts)[:wanted]):
            examples.append(
                Example(
                    id=f"{name}-{number}-{at}",
                    dialogue=f"{name}-{number}",
                    context=(),
                    partial=text,
                    at="end",
                    label=appraisal,
                )
            )
    return examples


def _said(line: str, slots: dict[str, list[str]], chance: random.Random) -> str:
    text = _SLOT.sub(lambda slot: chance.choice(slots[slot[1]]), line)
    return f"{chance.choice(_LEADS)} {text}" if chance.random() < 0.25 else text
