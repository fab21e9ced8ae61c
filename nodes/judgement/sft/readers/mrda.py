"""MRDA: ICSI meetings of several people, cut into dialogue acts, with word times.

https://github.com/NathanDuran/MRDA-Corpus, GPL-3.0; the format is that of the data folder's
`mrda_timed.csv.gz`: `word_times` is `start+end+word|start+end+word|...`.
"""

from collections import defaultdict
from pathlib import Path

from graph.errors import BadInput
from nodes.judgement.sft.table import rows, seconds
from nodes.judgement.sft.talk import Stretch, Talk, Word, stretch_of, talk_of

_COLUMNS = ("meeting", "speaker", "start", "end", "da_tag", "word_times")
_UNALIGNED = "XXXX"
"""Stands where the corpus has no time: breath, laughter, other noises."""


def read_mrda(path: Path) -> list[Talk]:
    """The meetings of the file; raises `BadInput` with the line that is wrong."""
    meetings: dict[str, list[Stretch]] = defaultdict(list)
    for place, row in rows(path, _COLUMNS):
        stretch = stretch_of(row["speaker"], _words(row["word_times"], place), row["da_tag"])
        if stretch:
            meetings[row["meeting"]].append(stretch)
    return [talk_of(f"mrda-{name}", stretches) for name, stretches in meetings.items()]


def _words(text: str, place: str) -> list[Word]:
    words = []
    for item in filter(None, text.split("|")):
        start, _, rest = item.partition("+")
        end, _, word = rest.partition("+")
        if start == _UNALIGNED or end == _UNALIGNED:
            continue
        if not word:
            raise BadInput(f"{place}: word_times", item, "should be start+end+word")
        words.append(
            Word(word, seconds(start, f"{place}: word_times"), seconds(end, f"{place}: word_times"))
        )
    return words
