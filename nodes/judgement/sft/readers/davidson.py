"""Tweets by whether they are hateful, offensive or neither.

https://github.com/t-davidson/hate-speech-and-offensive-language, MIT. Most "offensive" tweets use
coarse words about somebody else, which is no affront to the listener: only those that address the
reader count, and hateful ones; coarse tweets about others are left out as neither here nor there.
"""

import html
import re
from pathlib import Path

from graph.errors import BadInput
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.table import rows
from nodes.judgement.spoken import spoken

_NOT_WORDS = re.compile(r"https?://\S+|&#\d+;|\bRT\b|[@#](?=\w)")
_HANDLE = re.compile(r"(?<!\w)@\w+:?")
_READER = frozenset("you your you're u ur yourself ya youre".split())
_OTHERS = frozenset("she her he his him they them these those".split())


def read_davidson(path: Path) -> list[Example]:
    """Tweets as affronts (hateful, or offensive to the reader) and plain ones (neither)."""
    examples = []
    for place, row in rows(path, ("", "count", "class", "tweet")):
        text = " ".join(spoken(_NOT_WORDS.sub(" ", html.unescape(_HANDLE.sub(" ", row["tweet"])))))
        said = set(text.split())
        if row["class"] not in ("0", "1", "2"):
            raise BadInput(f"{place}: class", row["class"], "should be 0, 1 or 2")
        affront = row["class"] == "0" or (
            row["class"] == "1" and bool(said & _READER) and not said & _OTHERS
        )
        if not text or (row["class"] == "1" and not affront):
            continue
        examples.append(
            Example(
                id=f"davidson-{row['']}",
                dialogue=f"davidson-{row['']}",
                context=(),
                partial=text,
                at="end",
                label="affront" if affront else "plain",
                weight=0.3,
            )
        )
    return examples
