"""Words as the mind counts and compares them, and the small closed classes of words it knows.

Only classes that are closed in the linguistic sense live here (backchannels, calls to wait, cues
that a sentence goes on); what a text *means* is the estimator's business.
"""

import re
from functools import lru_cache

from graph.state import is_cjk

_LETTERS = r"[^\W_\u2e80-\u9fff]+"
_TOKEN = re.compile(rf"(?=\w)[\u2e80-\u9fff]|{_LETTERS}(?:['’\-]{_LETTERS})*")

BACKCHANNELS = frozenset(
    "mhm mm mmm hm hmm uh-huh uhhuh huh mm-hmm mmhmm yeah yep yes yup right ok okay sure true"
    " really wow oh ah aha i see exactly indeed got it of course good great nice cool 嗯 哦 对 是"
    " 好".split()
)
_PURE_BACKCHANNELS = frozenset("mhm mm mmm hm hmm uh-huh uhhuh mm-hmm mmhmm aha 嗯 哦".split())
_FILLERS = frozenset("uh um er erm eh ah oh so well hm hmm mm".split())
_POLITE = frozenset("please no now just hey sorry thanks".split())
_LEADS = _FILLERS | {"and", "but", "ok", "okay"}
_STOPS = (
    "wait", "stop", "hold on", "hang on", "one moment", "one second", "just a second", "shut up",
    "be quiet", "quiet", "shh", "let me think", "give me a second", "give me a moment", "enough",
    "stop talking", "wait a minute", "wait a second", "give me a minute", "i need to think",
    "等一下", "停", "别说了",
)  # fmt: skip
_QUESTION_STARTS = frozenset(
    "who what when where why how which whose is are am was were do does did can could will"
    " would shall should may have has had isn't aren't don't doesn't didn't can't won't what's"
    " who's where's how's".split()
)
_EMERGENCIES = (
    "call an ambulance", "call 911", "call 112", "call the police", "can't breathe",
    "cannot breathe", "heart attack", "having a stroke", "is on fire", "house is burning",
    "kill myself", "end my life", "want to die", "bleeding badly", "overdose", "someone is dying",
    "he's not breathing", "she's not breathing", "not breathing", "help me please", "救命", "自杀",
)  # fmt: skip

_COURTESIES = re.compile(
    r"\b(sorry|apologi[sz]e|apologies|thank you|thanks|please forgive|my bad|i appreciate)\b"
    r"|对不起|抱歉|谢谢"
)

_BETWEEN = " \t\n,.;:!?…—–)，。；：！？、）」』"


def words(text: str) -> list[str]:
    """The words of a text in lower case without punctuation; a CJK character is a word."""
    return list(_words(text))


@lru_cache(maxsize=64)  # one run asks for those of the same few texts a dozen times
def _words(text: str) -> tuple[str, ...]:
    return tuple(token.lower().replace("’", "'") for token in _TOKEN.findall(text))


_STOP_WORDS = [
    [word for word in words(cue) if word not in _FILLERS and word not in _POLITE] for cue in _STOPS
]


def drop_words(text: str, count: int) -> str:
    """What is left of a text behind its first `count` words, as it was written."""
    if count <= 0:
        return text.strip()
    ends = [match.end() for match in _TOKEN.finditer(text)]
    return text[ends[count - 1] :].lstrip(_BETWEEN) if count < len(ends) else ""


def words_behind(earlier: str, later: str) -> int | None:
    """How many words `earlier` is behind `later`; None if it is not the beginning of it."""
    first, second = words(earlier), words(later)
    return len(second) - len(first) if second[: len(first)] == first else None


def is_backchannel(text: str) -> bool:
    """Whether a listener's sign is all there is ("mhm", "yeah right"): not a bid for the floor."""
    spoken = words(text)
    return 0 < len(spoken) <= 4 and (
        all(word in BACKCHANNELS or word in _FILLERS for word in spoken)
    )


def is_bare_backchannel(text: str) -> bool:
    """Whether it is a sound of listening that answers nothing ("mhm")."""
    spoken = words(text)
    return 0 < len(spoken) <= 3 and all(word in _PURE_BACKCHANNELS for word in spoken)


def is_stop(text: str) -> bool:
    """Whether the user asks for silence or time, and says nothing else ("no wait", "hold on")."""
    spoken = [word for word in words(text) if word not in _FILLERS and word not in _POLITE]
    return any(spoken == cue for cue in _STOP_WORDS)


def is_question(text: str) -> bool:
    """Whether the last sentence asks something, by mark or by its first word."""
    if text.rstrip().endswith(("?", "？")):
        return True
    last = words(re.split(r"[.!?。！]\s*", text.strip(" .!"))[-1])
    while last and last[0] in _LEADS:
        last = last[1:]
    return len(last) >= 2 and (last[0] in _QUESTION_STARTS or "吗" in last or "呢" in last)


def is_emergency(text: str) -> bool:
    """Whether somebody may be in danger: never met with silence or a refusal."""
    joined = " ".join(words(text))
    plain = "".join(words(text))
    return any((cue in joined) if not is_cjk(cue[0]) else (cue in plain) for cue in _EMERGENCIES)


def is_courteous(text: str) -> bool:
    """Whether the user thanks or apologises."""
    return bool(_COURTESIES.search(text.lower()))


@lru_cache(maxsize=4096)
def content_words(text: str) -> frozenset[str]:
    """The words that carry the topic: longer than three letters, or CJK."""
    return frozenset(word for word in words(text) if len(word) > 3 or is_cjk(word[0]))


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Share of the smaller set that the two have in common, 0..1."""
    return len(one & other) / min(len(one), len(other)) if one and other else 0.0
