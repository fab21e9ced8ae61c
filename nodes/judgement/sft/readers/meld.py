"""MELD: scenes of a TV comedy, utterances with the times of their subtitles.

https://github.com/declare-lab/MELD, GPL-3.0. Times are rounded and some are wrong, so utterances
may overlap; those that end before they start are left out and counted in the log.
"""

import logging
from collections import defaultdict
from pathlib import Path

from nodes.judgement.sft.table import clock, rows
from nodes.judgement.sft.talk import Stretch, Talk, talk_of
from nodes.judgement.spoken import spoken

log = logging.getLogger(__name__)

_COLUMNS = ("Utterance", "Speaker", "Dialogue_ID", "StartTime", "EndTime")


def read_meld(path: Path) -> list[Talk]:
    """The scenes of the file; raises `BadInput` with the line that is wrong."""
    scenes: dict[str, list[Stretch]] = defaultdict(list)
    backwards = 0
    for place, row in rows(path, _COLUMNS):
        start = clock(row["StartTime"], f"{place}: StartTime")
        end = clock(row["EndTime"], f"{place}: EndTime")
        if end < start:
            backwards += 1
            continue
        words = tuple(spoken(row["Utterance"]))
        scenes[row["Dialogue_ID"]].append(Stretch(row["Speaker"], start, end, words))
    if backwards:
        log.warning("%s: %d utterances end before they start, left out", path.name, backwards)
    return [
        talk_of(f"meld-{path.stem}{name}", stretches)
        for name, stretches in sorted(scenes.items(), key=lambda item: int(item[0]))
    ]
