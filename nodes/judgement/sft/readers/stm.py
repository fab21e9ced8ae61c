"""STM (NIST segment time marks): `recording channel speaker start end [<label>] text`."""

import re
from collections import defaultdict
from pathlib import Path

from graph.errors import BadInput
from nodes.judgement.sft.table import opened, seconds
from nodes.judgement.sft.talk import Stretch, Talk, talk_of
from nodes.judgement.spoken import spoken

_NOT_SPEECH = frozenset({"inter_segment_gap", "excluded_region"})
_MARKED = re.compile(r"[\[<({][^\]>)}]*[\]>)}]")
"""[laughter], <unk>, {breath}: sounds, not words."""


def read_stm(path: Path) -> list[Talk]:
    """The talks of a file (one a recording); raises `BadInput` with the line that is wrong."""
    talks: dict[str, list[Stretch]] = defaultdict(list)
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith(";;"):
                continue
            place = f"{path.name}:{number}"
            field = line.split(None, 5)
            if len(field) < 5:
                raise BadInput(place, line.strip(), "needs recording, channel, speaker, start, end")
            if field[2] in _NOT_SPEECH or len(field) == 5:
                continue
            start, end = seconds(field[3], f"{place}: start"), seconds(field[4], f"{place}: end")
            if end < start:
                raise BadInput(f"{place}: end", end, f"lies before its start {start}")
            words = tuple(spoken(_MARKED.sub(" ", field[5])))
            talks[field[0]].append(Stretch(field[2], start, end, words))
    return [talk_of(name, stretches) for name, stretches in talks.items()]
