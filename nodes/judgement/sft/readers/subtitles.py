"""WebVTT and SubRip with speakers: subtitles of interviews and talk shows.

The speaker is a voice tag (`<v Ada>Hello</v>`, WebVTT) or stands before a colon (`ADA: Hello`). A
cue that names nobody goes on with whoever spoke before. Several speakers of a cue share its time in
proportion to their words.
"""

import html
import re
from pathlib import Path

from graph.errors import BadInput
from nodes.judgement.sft.table import clock, opened
from nodes.judgement.sft.talk import Stretch, Talk, talk_of
from nodes.judgement.spoken import spoken

_TIMES = re.compile(r"^\s*(\S+)\s+-->\s+(\S+)")
_VOICE = re.compile(r"^\s*[-–]?\s*<v(?:\.[^\s>]*)?\s+([^>]+)>", re.IGNORECASE)
_NAMED = re.compile(r"^\s*[-–]?\s*([^\W\d_][\w .'’-]{0,30}?)\s*:\s")
_DASH = re.compile(r"^\s*[-–]\s*\S")
_TAG = re.compile(r"<[^>]*>")
_SOUND = re.compile(r"[\[(♪][^\])♪]*[\])♪]")


def read_subtitles(path: Path) -> list[Talk]:
    """The one talk of a file; raises `BadInput` where nobody is named or a time is wrong."""
    with opened(path) as file:
        blocks = re.split(r"\n\s*\n", file.read().replace("\r\n", "\n").replace("\r", "\n"))
    stretches: list[Stretch] = []
    speaker = ""
    for number, block in enumerate(blocks, 1):
        lines = block.splitlines()
        timing = next((at for at, line in enumerate(lines) if _TIMES.match(line)), None)
        if timing is None:
            continue  # the header, a note, a style
        place = f"{path.name}: cue {number}"
        found = _TIMES.match(lines[timing])
        assert found is not None
        start, end = clock(found[1], f"{place}: start"), clock(found[2], f"{place}: end")
        if end < start:
            raise BadInput(f"{place}: end", found[2], f"lies before its start {found[1]}")
        said: list[tuple[str, list[str]]] = []
        for line in lines[timing + 1 :]:
            speaker, text = _who(line, speaker, place)
            words = _words(text)
            if said and said[-1][0] == speaker:
                said[-1][1].extend(words)
            elif words:
                said.append((speaker, words))
        stretches += _shared(said, start, end)
    return [talk_of(path.stem, stretches)]


def _who(line: str, before: str, place: str) -> tuple[str, str]:
    """The speaker of a line, and the line without the name."""
    for pattern in (_VOICE, _NAMED):
        if found := pattern.match(line):
            return found[1].strip(), line[found.end() :]
    if _DASH.match(line):
        raise BadInput(f"{place}: speaker", line, "a dash changes the speaker but names nobody")
    if not before and _words(line):
        raise BadInput(f"{place}: speaker", line, "nobody is named: <v Name> or NAME: before it")
    return before, line


def _words(text: str) -> list[str]:
    return spoken(_SOUND.sub(" ", html.unescape(_TAG.sub(" ", text))))


def _shared(said: list[tuple[str, list[str]]], start: float, end: float) -> list[Stretch]:
    total = sum(len(words) for _, words in said)
    stretches, at = [], start
    for speaker, words in said:
        until = at + (end - start) * len(words) / total
        stretches.append(Stretch(speaker, at, until, tuple(words)))
        at = until
    return stretches
