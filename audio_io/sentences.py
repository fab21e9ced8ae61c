"""A stream of text, cut into what is spoken in one breath, as early as it can be.

The pieces joined are the text, character by character: whitespace stays at the end of a piece.
"""

import re
from itertools import accumulate

from graph.state import is_cjk

LIMIT = 240
"""Longest piece in letters (a Chinese character counts as three): about 16 s of speech."""
FIRST_LIMIT = 90
"""Longest first piece: the first sound should not wait for the end of a long sentence."""
FIRST_CLAUSE = 10
"""The shortest clause, in letters, that is spoken ahead of the rest of the first sentence."""
WINDOW = 4 * LIMIT
"""Characters looked at to find the end of a piece."""

_CLOSERS = "\"'”’»)\\]」』》〉）】"
_ENDS = re.compile(rf"[.!?…。！？]+[{_CLOSERS}]*|\n")
_CLAUSES = re.compile(rf"[,;:，；：]+[{_CLOSERS}]*|[—–]+")
_SPACE = re.compile(r"\s")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|Sr|Jr|St|Gen|Sen|Rep|Gov|Capt|Lt|Col|Sgt|Rev|Mt|vs|approx|ca|cf|Inc"
    r"|Ltd|Corp|Fig|Vol|Jan|Feb|Aug|Sept|Oct|Nov|Dec)"
    r"|\b(?:[A-Za-z]\.)+[A-Za-z]|\b[A-HJ-Z]|(?:^|\n)\s*\d{1,3})$"
)
"""What a full stop after it does not end a sentence: titles, initials, `e.g.`, `1.` in a list."""


def speakable(text: str) -> bool:
    """Whether there is anything in it to say: a letter or a digit."""
    return any(char.isalnum() for char in text)


def pause_after(text: str) -> float:
    """Seconds of silence that belong behind a piece of text, by its punctuation."""
    last = text.rstrip().rstrip("\"'”’»)]」』》〉）】")[-1:]
    if last and last in ".!?…。！？":
        return 0.3
    if text.endswith("\n"):
        return 0.3
    return 0.15 if last and last in ",;:，；：—–" else 0.0


def cut(text: str) -> list[str]:
    """The pieces of a complete text."""
    sentences = Sentences()
    return [*sentences.feed(text, last=True), *sentences.flush()]


class Sentences:
    """Cuts one text that arrives in pieces."""

    def __init__(self) -> None:
        self._text = ""
        self._first = True

    def feed(self, piece: str, last: bool = False) -> list[str]:
        """What can be spoken now that `piece` has come; `last`: nothing more will."""
        self._text += piece
        done, start = [], 0
        while end := self._next_end(start, last):
            done.append(self._text[start : start + end])
            start += end
            self._first = False
        self._text = self._text[start:]
        return done

    def flush(self) -> list[str]:
        """The rest, as one piece; nothing if there is none."""
        rest, self._text = self._text, ""
        self._first = self._first and not speakable(rest)
        return [rest] if rest else []

    @property
    def rest_is_whole(self) -> bool:
        """Whether what has not been spoken yet is a whole sentence."""
        rest = self._text.rstrip()
        return speakable(rest) and any(match.end() == len(rest) for match in _ENDS.finditer(rest))

    def _next_end(self, start: int, last: bool) -> int:
        """Length of the next piece; 0 while that cannot be told."""
        text = self._text[start : start + WINDOW]
        more = len(self._text) > start + WINDOW
        last = last and not more
        end = _sentence_end(text, last)
        if end and _weight(text[:end].rstrip()) <= LIMIT:
            return end
        if not end and self._first and not last and (clause := _first_clause(text)):
            return clause
        limit = FIRST_LIMIT if self._first and not end and not last else LIMIT
        return _cut_at(text, limit) or (len(text) if more else 0)


def _sentence_end(text: str, last: bool) -> int:
    """End of the first sentence with the whitespace behind it; 0 if none is sure to end yet."""
    voiced = next((i for i, char in enumerate(text) if char.isalnum()), len(text))
    for match in _ENDS.finditer(text, voiced):
        mark, rest = match[0], text[match.end() :]
        after = rest.lstrip()
        end = len(text) - len(after)
        if mark == "\n":
            return end
        if not rest:
            return end if last else 0
        if mark[0] in "。！？":
            return end
        if not (rest[0].isspace() or is_cjk(rest[0])):
            continue
        if mark == "." and _ABBREVIATION.search(text[: match.start()]):
            continue
        if (len(mark) > 1 or mark == "…") and "\n" not in rest[: len(rest) - len(after)]:
            if not after and not last:
                return 0
            if after[:1].islower():
                continue
        return end
    return 0


def _first_clause(text: str) -> int:
    """End of a first clause that is long enough to be spoken alone; 0 if there is none."""
    if any(end.end() == len(text) for end in _ENDS.finditer(text)):
        return 0
    for match in _CLAUSES.finditer(text):
        rest, clause = text[match.end() :], text[: match.start()]
        if not rest:
            return 0
        if match[0][0] in ",;:" and not rest[0].isspace():
            continue
        if _weight(clause) >= FIRST_CLAUSE and speakable(clause):
            return len(text) - len(rest.lstrip())
    return 0


def _cut_at(text: str, limit: int) -> int:
    """Where a text past the limit is cut: behind a clause, else a word, else anywhere; 0 if not."""
    if _weight(text.rstrip()) <= limit:
        return 0
    sums = accumulate(map(_letter, text))
    most = next((i for i, weight in enumerate(sums) if weight > limit), len(text))
    for pattern in (_CLAUSES, _SPACE):
        for match in reversed(list(pattern.finditer(text, 0, most))):
            end = match.end()
            if end >= most // 3 and (match[0][0] not in ",;:" or text[end].isspace()):
                return len(text) - len(text[end:].lstrip())
    return most


def _letter(char: str) -> int:
    return 3 if is_cjk(char) else 1


def _weight(text: str) -> int:
    return sum(map(_letter, text))
