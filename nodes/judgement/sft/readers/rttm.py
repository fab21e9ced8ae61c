"""RTTM (NIST Rich Transcription): who spoke when. The words come from beside it.

Either as `LEXEME` lines of the same file, or in a text file of the same name, `talk.txt`, that
holds the text of the nth `SPEAKER` line in its nth line.
"""

from collections import defaultdict
from pathlib import Path

from graph.errors import BadInput
from nodes.judgement.sft.table import opened, seconds
from nodes.judgement.sft.talk import Stretch, Talk, Word, stretches_of, talk_of
from nodes.judgement.spoken import spoken


def read_rttm(path: Path) -> list[Talk]:
    """The talks of a file (one a recording); raises `BadInput` where words or times are missing."""
    turns: list[tuple[str, str, float, float]] = []
    words: dict[str, dict[str, list[Word]]] = defaultdict(lambda: defaultdict(list))
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            field = line.split()
            if not field or field[0] not in ("SPEAKER", "LEXEME"):
                continue
            place = f"{path.name}:{number}"
            if len(field) < 8:
                raise BadInput(place, line.strip(), f"{field[0]} needs at least 8 fields")
            start = seconds(field[3], f"{place}: start")
            end = start + seconds(field[4], f"{place}: duration")
            if field[0] == "SPEAKER":
                turns.append((field[1], field[7], start, end))
            else:
                words[field[1]][field[7]].append(Word(field[5], start, end))
    if words:
        return [
            talk_of(name, (s for who, said in people.items() for s in stretches_of(who, said)))
            for name, people in words.items()
        ]
    return _with_text(path, turns)


def _with_text(path: Path, turns: list[tuple[str, str, float, float]]) -> list[Talk]:
    beside = path.with_suffix(".txt")
    if not beside.is_file():
        raise BadInput("file", str(path), f"has no LEXEME lines, and there is no {beside.name}")
    with opened(beside) as file:
        texts = file.read().splitlines()
    if len(texts) != len(turns):
        raise BadInput(
            str(beside), len(texts), f"should have a line for each of {len(turns)} SPEAKER lines"
        )
    talks: dict[str, list[Stretch]] = defaultdict(list)
    for (name, speaker, start, end), text in zip(turns, texts, strict=True):
        talks[name].append(Stretch(speaker, start, end, tuple(spoken(text))))
    return [talk_of(name, stretches) for name, stretches in talks.items()]
