"""What the words of a turn carry: their terms, whether they are worth keeping, where to cut them.

Made for speech as a recogniser writes it: often lower case, often without punctuation, English or
Chinese. Chinese has no spaces, so its terms are characters, and pairs of neighbouring ones.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from graph.state import join_words

CJK = "\u3400-\u9fff"
WORD = re.compile(rf"[{CJK}]+|[^\W_{CJK}]+(?:'[^\W_{CJK}]+)?")
SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])\s*|\n+")

STOP = frozenset(
    """a about after again all also am an and any anyway are as at be because been before
    being but by can could did do does doing done don down for from get gets getting go goes
    going gonna got had has have having he her here hers him his how i if in into is it its
    just kind know let like ll me mean might more most much must my no not now of off on one
    only or our out over please really said say says shall she should so some still such
    than that the their them then there these they thing things think this those to too up
    us very want was way we well were what when where which who whom whose why will with
    would yes you your yours aren't can't couldn't didn't doesn't don't hasn't haven't he'd
    he'll he's i'd i'll i'm i've isn't it'd it'll it's let's she'd she'll she's shouldn't
    that's there's they'd they'll they're they've wasn't we'd we'll we're we've weren't
    what's who's won't wouldn't you'd you'll you're you've""".split()
)
"""Words that say nothing about the topic."""
CJK_STOP = frozenset(
    "的了是在我你您他她它们这那有不没吗呢吧啊呀哦嗯和跟与就都也很还又再被把对从到给让向为以于"
    "之而且但或因所如果个么什怎哪谁几多少会能可要想去来说看着过得地只才更最太真好一"
)
"""Characters that say nothing about the topic."""

BACKCHANNELS = frozenset(
    """ah aha alright anyway bye cool er erm fine goodbye great ha hello hey hi hm hmm huh mhm mm
    mmm nice oh ok okay please right see sure thank thanks uh uhhuh um wow you yo i got it well so
    and very much good then nah""".split()
)
ANSWERS = frozenset("no nope yeah yep yes yup".split())
CJK_BACKCHANNELS = re.compile(r"[嗯啊哦噢呃唉诶哎哈呵喂好的了吧呀哪那行可以谢再见你您拜]+")
CJK_ANSWERS = re.compile(r"[嗯啊哦是对不没有的了吧呀好]+")

QUESTION = re.compile(
    r"[?？]$|[吗呢][?？。]?$"
    r"|^(what|who|where|when|why|how|which)"
    r"('s| is| are| was| were| do| does| did| can| could| should| would| will| many| much| old)\b"
    r"|^(do|are|can|have|did|could|would|will|should) you\b"
)


def is_filler(text: str, *, answers_count: bool = False) -> bool:
    """Whether the words carry nothing to keep: none, or only "mhm", "ok", "thanks", "好的"...

    A bare "yes" is filler too, unless `answers_count`: then who reads it knows what was asked.
    """
    for word in WORD.findall(_plain(text)):
        if _is_cjk(word):
            bare = CJK_BACKCHANNELS.fullmatch(word) or (
                not answers_count and CJK_ANSWERS.fullmatch(word)
            )
            if not bare:
                return False
        elif word not in BACKCHANNELS and (answers_count or word not in ANSWERS):
            return False
    return True


@lru_cache(maxsize=16384)
def is_question(text: str) -> bool:
    """Whether the text does nothing but ask, also where the recogniser wrote no question mark."""
    telling = [part for part in sentences(_plain(text)) if not is_filler(part)]
    return bool(telling) and all(QUESTION.search(part) for part in telling)


@lru_cache(maxsize=16384)
def terms(text: str) -> tuple[str, ...]:
    """The content words: lower case, without endings; Chinese as characters and pairs of them."""
    found: list[str] = []
    for word in WORD.findall(_plain(text)):
        if _is_cjk(word):
            found += [char for char in word if char not in CJK_STOP]
            found += [a + b for a, b in pairwise(word) if not CJK_STOP.intersection((a, b))]
        elif word not in STOP:
            found.append(_stem(word))
    return tuple(found)


def sentences(text: str) -> list[str]:
    """The sentences, cut at punctuation only."""
    return [part.strip() for part in SENTENCE_END.split(text) if part.strip()]


def passages(text: str, longest: int = 60) -> list[str]:
    """Pieces of at most `longest` words (Chinese: characters), cut between sentences if it can."""
    pieces: list[str] = []
    room = 0
    for part in (p for s in sentences(text) for p in _cut(s, longest)):
        size = _size(part)
        if pieces and size <= room:
            pieces[-1] = join_words((pieces[-1], part))
            room -= size
        else:
            pieces.append(part)
            room = longest - size
    return pieces


def newest_words(text: str, most: int) -> str:
    """The end of the text, at most so many words (Chinese: characters)."""
    starts = [m.start() for m in _units(text)]
    return text if len(starts) <= most else text[starts[-most] :]


def _cut(sentence: str, longest: int) -> Iterable[str]:
    starts = [m.start() for m in _units(sentence)]
    edges = [0, *starts[longest::longest], len(sentence)]
    return (sentence[a:b].strip() for a, b in pairwise(edges))


def _units(text: str) -> Iterable[re.Match[str]]:
    return re.finditer(rf"[{CJK}]|[^\s{CJK}]+", text)


def _size(text: str) -> int:
    return sum(1 for _ in _units(text))


def _plain(text: str) -> str:
    return text.lower().replace("\u2019", "'").replace("uh-huh", "uhhuh").replace("mm-hmm", "mhm")


def _is_cjk(word: str) -> bool:
    return "\u3400" <= word[0] <= "\u9fff"


def _stem(word: str) -> str:
    word = word.removesuffix("'s")
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word.removesuffix(ending)
    return word
