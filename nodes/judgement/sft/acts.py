"""Appraisals from dialogue acts: what people say when they accept or reject an opinion.

Switchboard tags them `aa` and `ar`, MRDA `s^aa` and `s^ar`. A bare "yeah" is a sign of listening as
often as agreement, so acts of one word are left out. The other statements and questions are plain.
"""

import random
import re
import zlib
from collections.abc import Iterable, Iterator

from graph.state import Appraisal
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.talk import Stretch, Talk

_ACCEPTS = re.compile(r"(^|\^)aa($|[.^|])")
_REJECTS = re.compile(r"(^|\^)ar($|[.^|])")
_PLAIN = re.compile(r"^(s|sd|qy|qw|qo|qy\^d)$")
_LEAST_WORDS = 2
_PLAIN_SHARE = 0.02
"""Of the plain acts, which are many."""


def act_texts(talks: Iterable[Talk], seed: int) -> Iterator[Example]:
    """Acts with their appraisal; what the other speaker said before is the context."""
    for talk in talks:
        chance = random.Random(zlib.crc32(f"{seed}/{talk.id}".encode()))
        other: Stretch | None = None
        before: Stretch | None = None
        for number, stretch in enumerate(talk.stretches):
            if before is not None and before.speaker != stretch.speaker:
                other = before
            before = stretch
            appraisal = _appraisal(stretch.act)
            if appraisal is None or len(stretch.words) < _LEAST_WORDS:
                continue
            if appraisal == "plain" and chance.random() >= _PLAIN_SHARE:
                continue
            yield Example(
                id=f"{talk.id}-act{number}",
                dialogue=talk.id,
                context=(("agent", " ".join(other.words)),) if other else (),
                partial=" ".join(stretch.words),
                at="end",
                label=appraisal,
                weight=0.5,
            )


def _appraisal(act: str) -> Appraisal | None:
    if _ACCEPTS.search(act):
        return "agreement"
    if _REJECTS.search(act):
        return "conflict"
    return "plain" if _PLAIN.match(act) else None
