"""HCRC Map Task: two people, one of whom describes a route. For evaluation only.

https://github.com/pastav/HCRC_Map_Task, CC BY-NC-SA 2.5: the licence forbids commercial use, so the
talks are marked and training refuses them. The format is that of the data folder's `ipus.csv`.
"""

from collections import defaultdict
from pathlib import Path

from nodes.judgement.sft.table import rows, seconds
from nodes.judgement.sft.talk import Stretch, Talk, talk_of
from nodes.judgement.spoken import spoken


def read_maptask(path: Path) -> list[Talk]:
    """The dialogues of the file; raises `BadInput` with the line that is wrong."""
    dialogues: dict[str, list[Stretch]] = defaultdict(list)
    for place, row in rows(path, ("dialogue", "speaker", "start", "end", "text")):
        start, end = seconds(row["start"], f"{place}: start"), seconds(row["end"], f"{place}: end")
        words = tuple(spoken(row["text"]))
        dialogues[row["dialogue"]].append(Stretch(row["speaker"], start, end, words))
    return [
        talk_of(f"maptask-{name}", stretches, evaluation_only=True)
        for name, stretches in dialogues.items()
    ]
