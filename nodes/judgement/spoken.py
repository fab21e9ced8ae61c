"""Words as a recogniser gives them: the form in which the judgement's models see all text.

Recognisers disagree on case and punctuation, and change both while a sentence grows, so neither is
used: a question is to be known by its words.
"""

import re

_APOSTROPHES = re.compile(r"[’ʼ`´]")
_NO_WORD = re.compile(r"[^\w' ]|_")


def spoken(text: str) -> list[str]:
    """Lower case, no punctuation but the apostrophe within a word; a hyphen parts two words."""
    plain = _NO_WORD.sub(" ", _APOSTROPHES.sub("'", text.lower()))
    return [word for word in plain.split() if word.strip("'")]
