"""What must never be trained on: the judgement sets, and corpora that are for evaluation only."""

import json
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from graph.errors import BadInput
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.talk import Talk
from nodes.judgement.spoken import spoken

log = logging.getLogger(__name__)

FOLDER = "judgement"
"""Name of the data folder's judgement sets."""

_HELD_OUT = re.compile(
    r"maptask-"
    r"|mrda-(Bed008|Bed015|Bmr007|Bmr014|Bmr023|Bmr030|Bro007|Bro015|Bro024|Btr002)\b"
    r"|meld-(dev|test)_sent_emo"
    r"|convabuse-ConvAbuseEMNLP(valid|test)"
)
"""Dialogues of the judgement sets, by name: known even where the folder is not there."""

_TELLING_WORDS = 5
"""Words from which two equal texts are no accident."""


def refuse_path(path: Path) -> None:
    """Raises `BadInput` for the folder of the judgement sets and the files in it."""
    path = path.resolve()
    if FOLDER in (path.name, path.parent.name):
        raise BadInput("data", str(path), "judgement sets are for evaluation, never for training")


@dataclass(frozen=True)
class HeldOut:
    """The dialogues and whole turns of the judgement sets."""

    dialogues: frozenset[str] = frozenset()
    turns: frozenset[str] = frozenset()

    @classmethod
    def of(cls, data: Path) -> "HeldOut":
        """Reads the ids and turns below a data folder, if it has judgement sets."""
        dialogues, turns = set(), set()
        for file in sorted((data / FOLDER).glob("*.jsonl")):
            for line in file.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                if row["at"] == "end":
                    turns.add(_telling(row["partial"]))
                else:
                    dialogues.add(row["id"].rsplit("-", 2)[0])
        return cls(frozenset(dialogues), frozenset(turns - {""}))

    def admit_talks(self, talks: Sequence[Talk]) -> Sequence[Talk]:
        """The talks; raises `BadInput` if one of them must not be trained on."""
        for talk in talks:
            if talk.evaluation_only:
                raise BadInput("data", talk.id, "this corpus is for evaluation only (its licence)")
            if talk.id in self.dialogues or _HELD_OUT.match(talk.id):
                raise BadInput("data", talk.id, "this dialogue is in a judgement set")
        return talks

    def admit(self, examples: Iterable[Example]) -> list[Example]:
        """The examples whose words are in no judgement set; how many were left out is logged.

        Raises `BadInput` for one that comes from a judgement set by its id.
        """
        admitted, same = [], 0
        for example in examples:
            for name in (example.id, example.dialogue):
                if name in self.dialogues or _HELD_OUT.match(name):
                    raise BadInput("data", name, "this dialogue is in a judgement set")
            if _telling(example.partial) in self.turns:
                same += 1
            else:
                admitted.append(example)
        if same:
            log.warning("%d texts are left out: a judgement set has the same words", same)
        return admitted


def _telling(text: str) -> str:
    words = spoken(text)
    return " ".join(words) if len(words) >= _TELLING_WORDS else ""
