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
_QUESTION_WORDS = frozenset("who what when where why how which whose".split())
_SUBJECTS = frozenset("i you he she it we they there that this i'm you're he's she's we're".split())
"""Behind a question word they make a clause that tells ("what I mean is", "when we got there")."""
_LONG_CLAUSE = 24
"""Words without a mark after which the first of them no longer makes it a question."""

_ONES = (
    r"(i|he|she|they|we|someone|somebody|mother|mum|mom|father|dad|wife|husband|son|daughter|child"
    r"|baby|brother|sister|friend|grandmother|grandfather|grandma|grandpa|neighbour|neighbor|man"
    r"|woman|boy|girl|partner|girlfriend|boyfriend|kid)"
)
_EMERGENCIES = re.compile(
    r"\b("
    r"(call|calling|need|send)( me| us| for)? (an ambulance|nine one one|911|112|999|the police"
    r"|the fire (brigade|department)|help now)"
    r"|(can't|cannot|can not|cant) breathe|(not|isn't|stopped|aren't) breathing"
    r"|(?<!nearly had a )(?<!almost had a )(?<!gave me a )(?<!died of a )heart attack"
    r"|(having|had) a (stroke|seizure)|chest pains?"
    r"|(?<!team )(?<!band )(?<!party )(?<!show )is (on fire|burning down)|house is burning"
    r"|(kill|killing|hang|hanging|harm|harming) myself|(want|going|wanna|gonna)( to)? hurt myself"
    r"|end my life|end it all|take my own life|suicidal|commit suicide"
    r"|(want to|wanna|going to) die|(do not|don't) want to (live|be alive)"
    r"|bleeding (badly|heavily|out|to death|a lot)|won't stop bleeding"
    r"|overdos(e|ed|ing)|too many pills|(was|been|got|just) poisoned"
    rf"|{_ONES}( is|'s| are|'re|'m| am) (dying(?! to| of| for)|unconscious|choking"
    r"|drowning|bleeding(?! edge| money| cash))"
    rf"|{_ONES}( has| have| just)* collapsed|won't wake up|(was|been|got|just) (shot|stabbed)"
    r"|(someone|somebody|a man|they) (is|are|'s)?( trying to)? ?break(ing)? into (my|our|the)"
    r"|(someone|somebody|a man|a stranger)('s| is) in (my|our) (house|flat|home|room)"
    r"|(somebody|someone) help( me| us)?)\b"
    r"|^help( me| us)?( please)?( help( me| us)?)*$"
)
_SIGNS = frozenset(
    "ambulance one 911 112 999 police fire help breathe breathing attack stroke seizure chest"
    " burning myself life end suicidal suicide die live alive bleeding overdose overdosed"
    " overdosing pills poisoned dying unconscious choking drowning collapsed wake shot stabbed"
    " into house flat home room".split()
)
"""Words without one of which there is no emergency: most turns are done with at a glance."""
_EMERGENCIES_CJK = ("救命", "自杀", "着火", "救护车", "报警", "不能呼吸")

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
    """Whether the last sentence asks something, by its mark, else by how it begins."""
    if text.rstrip().endswith(("?", "？")):
        return True
    last = words(re.split(r"[.!?。！]\s*", text.strip(" .!"))[-1])
    while last and last[0] in _LEADS:
        last = last[1:]
    if len(last) < 2:
        return False
    if "吗" in last or "呢" in last:
        return True
    tells = last[0] in _QUESTION_WORDS and last[1] in _SUBJECTS
    return last[0] in _QUESTION_STARTS and not tells and len(last) <= _LONG_CLAUSE


def is_emergency(text: str) -> bool:
    """Whether somebody may be in danger: never met with silence or a refusal."""
    spoken = words(text)
    if not _SIGNS.isdisjoint(spoken) and _EMERGENCIES.search(" ".join(spoken)):
        return True
    plain = "".join(spoken)
    return any(cue in plain for cue in _EMERGENCIES_CJK)


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
