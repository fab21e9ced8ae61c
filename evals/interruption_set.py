"""The monologues that a listener would cut, and their innocent twins, from `sets/monologues`.

Written by hand for this evaluation and for nothing else: no judge is trained on them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from graph.errors import BadInput
from nodes.judgement.spoken import spoken

FOLDER = Path(__file__).parent / "sets" / "monologues"

Kind = Literal["rambling", "repetitive", "insulting"]
KINDS: tuple[Kind, ...] = get_args(Kind)

MARK = "{*}"

WORDS_PER_SECOND = 2.6
"""Pauses included: people talk at two to three words a second."""
_COMMA, _STOP = 0.1, 0.18
"""Seconds of pause: shorter than the silence that the ear takes for the end of speech."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str
    persona: str = ""
    before: list[list[str]] = []
    text: str
    twin: str


@dataclass(frozen=True)
class Monologue:
    """One turn that is spoken without a pause long enough to answer in."""

    id: str
    kind: Kind
    words: tuple[str, ...]
    """As a recogniser gives them: lower case, no punctuation."""
    times: tuple[float, ...]
    """Seconds from the start of the turn at which each word has been said."""
    mark: int | None
    """Index of the word from which a listener would cut in; None: nobody would."""
    before: tuple[tuple[str, str], ...] = ()
    """What was said earlier, oldest first: (user | agent, text)."""
    persona: str = ""
    """The only persona that it is meant for, because it goes against what that one thinks."""

    @property
    def marked_at(self) -> float:
        """Seconds from the start of the turn at which the marked word has been said."""
        return self.times[self.mark or 0]


def monologues(folder: Path = FOLDER) -> list[Monologue]:
    """All monologues, each followed by its twin; raises `BadInput` with file and entry."""
    return [one for kind in KINDS for one in read_monologues(folder / f"{kind}.yaml", kind)]


def read_monologues(path: Path, kind: Kind) -> Iterator[Monologue]:
    """Those of one file; raises `BadInput` with the entry that is wrong."""
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput("file", str(path), f"cannot be read: {error}") from None
    if not isinstance(given, list):
        raise BadInput(path.name, given, "should be a list of monologues")
    for number, item in enumerate(given, 1):
        where = f"{path.name}: entry {number}"
        try:
            entry = _Entry.model_validate(item)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise BadInput(f"{where}: {field}", first["input"], first["msg"]) from None
        before = tuple(_line(line, where) for line in entry.before)
        head, *rest = entry.text.split(MARK)
        if len(rest) != 1 or not spoken(head) or not spoken(rest[0]):
            raise BadInput(f"{where}: text", entry.text, f"needs one {MARK} with words around it")
        text, mark = head + rest[0], len(spoken(head))
        yield _monologue(entry, kind, text, mark, before)
        yield _monologue(entry, kind, entry.twin, None, before)


def _line(line: list[str], where: str) -> tuple[str, str]:
    if len(line) != 2 or line[0] not in ("user", "agent"):
        raise BadInput(f"{where}: before", line, "should be [user, text] or [agent, text]")
    return line[0], line[1]


def _monologue(
    entry: _Entry, kind: Kind, text: str, mark: int | None, before: tuple[tuple[str, str], ...]
) -> Monologue:
    words, pauses = [], []
    for token in text.split():
        said = spoken(token)
        words += said
        pauses += [0.0] * len(said)
        if pauses and token[-1] in ",;:.!?":
            pauses[-1] = _COMMA if token[-1] in ",;:" else _STOP
    return Monologue(
        id=entry.id if mark is not None else f"{entry.id}-twin",
        kind=kind,
        words=tuple(words),
        times=word_times(words, pauses),
        mark=mark,
        before=before,
        persona=entry.persona,
    )


def word_times(words: Sequence[str], pauses: Sequence[float]) -> tuple[float, ...]:
    """When each word has been said, in seconds from the start, at `WORDS_PER_SECOND` on the whole.

    `pauses` are seconds of silence behind each word.
    """
    speech = max(0.5, len(words) / WORDS_PER_SECOND - sum(pauses))
    before = [0.0, *accumulate(pauses)][: len(words)]
    ends = spread(words, speech)
    return tuple(round(end + wait, 3) for end, wait in zip(ends, before, strict=True))


def spread(words: Sequence[str], seconds: float) -> list[float]:
    """When each word of flowing speech has been said: long words take longer."""
    weights = [3 + len(word) for word in words]
    return [seconds * said / sum(weights) for said in accumulate(weights)]
