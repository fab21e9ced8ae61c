"""What fills the slots of a persona's line: what was said in this dialogue, and once."""

import re
from collections.abc import Iterator, Sequence

from graph.state import Dialogue, Recollection, Utterance
from nodes.meaning import sentences, stems
from nodes.words import is_question, words

_NAMED = re.compile(
    r"\b(?:my name is|my name['’]s|i am called|i['’]m called|name is)\s+([^\W\d_][\w'’-]*)",
    re.IGNORECASE,
)
_NO_NAMES = frozenset("a an the not what who so very called unknown".split())
_LITTLE_WORDS = frozenset(
    "a an and any are at be been can could did do does for from had has have how i in is it me"
    " my of on or so tell that the this to was were what when where which who whose why with"
    " would you your name called know remember".split()
)

_LEAD_IN = re.compile(
    r"^\W*(?:and |so |now )?(?:(?:do|can|could) you (?:still )?)?(?:remember|recall|know|tell me) ",
    re.IGNORECASE,
)

_LEAST_WORDS = 3
"""Words of a sentence worth quoting."""


def words_answered(utterance: Utterance, dialogue: Dialogue) -> str:
    """The user's words that an utterance answers."""
    if utterance.text_judged:
        return utterance.text_judged
    said = [m["content"] for m in dialogue.messages if m["role"] == "user"]
    return said[-1] if said else ""


def last_said(dialogue: Dialogue) -> str | None:
    """What the agent was heard to say last."""
    for message in reversed(dialogue.messages):
        if message["role"] == "assistant" and message.get("content"):
            return message["content"]
    return None


def user_name(texts: Sequence[str]) -> str | None:
    """The name that the user gave, by the last of these texts that has one."""
    for text in reversed(texts):
        names = [match[1] for match in _NAMED.finditer(text)]
        for name in reversed(names):
            if name.lower() not in _NO_NAMES:
                return name[:1].upper() + name[1:]
    return None


def user_texts(dialogue: Dialogue, recollection: Recollection) -> list[str]:
    """What the user said, once (by memory) and in this dialogue, oldest first."""
    facts = sorted(recollection.facts, key=lambda fact: fact.said_at)
    now = [m["content"] for m in dialogue.messages if m["role"] == "user"]
    return [*(fact.text for fact in facts), *now]


def bare(question: str) -> str:
    """A question without its lead-in ("do you remember where I live": "where I live")."""
    return _LEAD_IN.sub("", question) or question


def told(question: str, dialogue: Dialogue, recollection: Recollection) -> list[str]:
    """Sentences of the user that may answer their question, newest first, each once.

    All of what memory brought up; of this dialogue, those that share a word with the question, or
    give a name where it asks for one.
    """
    asked = set(stems(question)) - _LITTLE_WORDS
    now = [m["content"] for m in dialogue.messages if m["role"] == "user"]
    heard = [
        sentence
        for sentence in _statements(now)
        if asked & set(stems(sentence)) or (not asked and _NAMED.search(sentence))
    ]
    facts = sorted(recollection.facts, key=lambda fact: fact.said_at)
    return list(dict.fromkeys([*heard, *_statements([fact.text for fact in facts])]))


def _statements(texts: Sequence[str]) -> Iterator[str]:
    for text in reversed(texts):
        for sentence in sentences(text):
            if not is_question(sentence) and len(words(sentence)) >= _LEAST_WORDS:
                quoted = sentence[0].upper() + sentence[1:]
                yield quoted if quoted[-1] in ".!?…。！？" else quoted + "."
