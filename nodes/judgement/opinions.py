"""Whether a turn sides with or against what the persona thinks.

The persona's opinion and the user's words each lean for or against the topic; which way is read
from the words of liking and disliking beside it, turned round by a negation shortly before.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from nodes.judgement.estimator import View
from nodes.judgement.spoken import spoken
from nodes.persona import Opinion

_LIKES = frozenset(
    "love loves loved like likes enjoy enjoys adore great good wonderful best amazing fantastic"
    " perfect brilliant beautiful important healthy useful helpful delicious excellent lovely nice"
    " fun brave honest necessary worth favourite favorite better needed blessing works benefits"
    " improves saves solves believe".split()
)
_DISLIKES = frozenset(
    "hate hates hated terrible awful worst overrated stupid crime disgusting horrible nonsense"
    " rubbish useless pointless waste bad boring ridiculous harmful dangerous wrong evil poison"
    " disgrace annoying unhealthy toxic disaster dislike detest despise ruins ruin kills destroys"
    " scam weak worse ban theatre excuse garbage gross insult joke nightmare sin theft".split()
)
_NOT = frozenset("not never no don't doesn't didn't isn't aren't wasn't can't cannot won't nobody"
                 " nothing hardly without".split())  # fmt: skip
_STANDS = re.compile(r"\b(?:can't|cannot|couldn't|can not) (?:stand|bear|take)\b")
_REACH = 3
"""Words over which a negation reaches."""

AGREES = re.compile(
    r"\b(i agree|you're right|you are right|so true|exactly|absolutely|i love|i like|i think so too"
    r"|me too|same here|is (great|wonderful|the best|amazing)|couldn't agree more)\b"
)
DISAGREES = re.compile(
    r"\b(i disagree|you're wrong|you are wrong|that's (wrong|nonsense|not true)|i don't think so"
    r"|nonsense|rubbish|i hate|i can't stand|is (terrible|awful|the worst|overrated|stupid)"
    r"|no way|not true|overrated|don't agree)\b"
)


def touched(view: View) -> Opinion | None:
    """The opinion that the turn, or what the agent said right before it, is about."""
    before = " ".join(text for speaker, text in view.context[-1:] if speaker == "agent")
    for text in (view.text, before):
        for opinion in view.opinions:
            if opinion.touched_by(text):
                return opinion
    return None


def siding(view: View, opinion: Opinion) -> int:
    """1 where the user's own words side with the opinion, -1 where against, 0 where they do not.

    Only for a turn that names the topic itself; an opinion that leans neither way (or both) can be
    sided with by nobody.
    """
    if not opinion.touched_by(view.text):
        return 0
    return _sign(leaning(spoken(view.text))) * _leaning_of(opinion.stance)


def leaning(words: Sequence[str]) -> int:
    """Words of liking minus words of disliking, each turned round by a negation before it."""
    plain = _STANDS.sub("hate", " ".join(words)).split()
    total = 0
    for at, word in enumerate(plain):
        value = (word in _LIKES) - (word in _DISLIKES)
        negated = any(before in _NOT for before in plain[max(0, at - _REACH) : at])
        total += -value if negated else value
    return total


@lru_cache(maxsize=256)
def _leaning_of(stance: str) -> int:
    return _sign(leaning(spoken(stance)))


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
