"""The baseline estimator: end-of-turn cues in words, word lists for the appraisals.

The cues of an unfinished turn are those that listeners use: a conjunction, a preposition, an
article or a filler at the end (Gravano and Hirschberg, "Turn-taking cues in task-oriented
dialogue", 2011, name textual completion as the strongest single cue).
"""

import re

from graph.state import Appraisal, Estimate, is_cjk
from nodes.judgement.estimator import View
from nodes.judgement.opinions import AGREES, DISAGREES, touched
from nodes.judgement.repetition import loops
from nodes.words import (
    content_words,
    is_backchannel,
    is_question,
    is_stop,
    overlap,
    words,
)

_GOES_ON = frozenset(
    "and but or so because if when while that which who whose although though unless until"
    " since to of in on at for with from by about into over under between through without"
    " within the a an my your his her its our their this these those some any every each is"
    " are was were am be been being has have had do does did will would can could should may"
    " might must i he she we they very really quite just also not than as like".split()
)
_HESITATES = frozenset("uh um er erm hmm 嗯".split())
_OPEN_ENDS = (("you", "know"), ("i", "mean"), ("kind", "of"), ("sort", "of"), ("and", "then"))
_LINKS = frozenset("and but or so because if when while although though unless since".split())
_VERBS = frozenset(
    "am are is was were be been do does did don't doesn't didn't have has had can could"
    " will would shall should may might must get gets got give gives gave go goes went gone"
    " know knows knew think thinks thought say says said see sees saw seen want wants make"
    " makes made take takes took taken come comes came tell tells told ask asks let lets"
    " find finds found feel feels felt leave left put keep keeps kept begin began seem seems"
    " show shows hear heard run runs ran need needs like likes love loves hate hates work"
    " works live lives call calls try tries use uses look looks believe bring brought happen"
    " happens write wrote read sit sat stand stood lose lost pay paid meet met eat ate drink"
    " drank sleep slept buy bought play plays speak spoke mean means i'm it's that's he's"
    " she's there's we're they're you're i've we've they've i'll we'll".split()
)
_PRONOUNS = frozenset(
    "you them him her this that these those there here they your their ours".split()
)
_CLOSED_ENDS = frozenset(
    "please thanks thank bye goodbye right ok okay yes no too either anyway though today"
    " tomorrow yesterday it that's done all".split()
)
_GOES_ON_CJK = ("和", "但", "但是", "因为", "所以", "如果", "然后", "在", "是", "那个", "这个")
_CLOSED_ENDS_CJK = ("吗", "呢", "吧", "了", "谢谢", "再见", "好的", "是的", "对")
_AFFRONTS = re.compile(
    r"\b(you(('re| are)(?! not| never)( such| really| just| so| nothing but)*( an?| the)?( \w+)?"
    r"|( such| really| just| so)*( an?| the)?( fucking| damn| bloody| little| dirty| complete)*) "
    r"(idiot|stupid|dumb|moron|useless|worthless|pathetic|trash|garbage|loser|bitch|whore|slut|cunt"
    r"|bastard|asshole|retard(ed)?|ugly|disgusting|scum|imbecile|clown|piece of (shit|crap|junk))"
    r"|(fuck|screw) (you|off|yourself)|fuck u|shut (the fuck |the hell )?up|go to hell|i hate you"
    r"|kiss my ass|suck my|eat shit|piss off|stupid (bot|machine|thing|robot|computer|ai)"
    r"|dumb(ass| bot| machine)|(bitch|whore|slut|cunt|asshole|moron|idiot)s?$"
    r"|(send|show) me (your )?nudes|have sex with (me|you)|you suck\b|i (will|'ll) (kill|hurt) you)"
)
_UNREASONABLE = re.compile(
    r"\b(how (do|can|could|would|should|to)( i| you| we| one)?|tell me|teach me|show me|help me"
    r"|give me|write( me)?|create|develop|make( me)?|explain|instructions|guide|tutorial|provide"
    r"|steps)\b.{0,200}\b(bombs?\b|explosives?|meth(amphetamine)?|weapons? of"
    r"|poison (someone|somebody|my|him|her|people|a person)"
    r"|kill (someone|somebody|my|him|her|people|a person)|murder"
    r"|malware|ransomware|virus that|phishing|hack into|steal|launder|counterfeit|forge|stalk"
    r"|blackmail|bribe|traffick\w*|child porn\w*|identity theft|ddos|credit card numbers?"
    r"|genocide|terroris\w+|suicide method|self-?harm|kidnap|torture|fake (ids?|passports?)"
    r"|evade taxes|sell drugs|deepfake|defame|racist|hate speech|ignore your (rules|instructions))"
)
RAMBLING_WORDS = 60
"""A turn of this length without a question starts to bore."""


class RulesEstimator:
    """Word cues only: no model, microseconds. The baseline that every other one must beat."""

    async def estimate(self, view: View) -> Estimate:
        """Probability of completion by the last words, appraisal by word lists."""
        appraisal, certainty = appraise(view)
        return Estimate(p_complete(view.text), appraisal, certainty, source="rules")


def p_complete(text: str) -> float:
    """Probability, 0..1, that a turn which reads so far like this is over."""
    spoken = words(text)
    if not spoken:
        return 0.0
    stripped = text.rstrip()
    if stripped.endswith(("?", "？")):
        return 0.95
    if stripped.endswith(("...", "…", ",", "，", "-", "—", ":")):
        return 0.15
    if is_backchannel(text) or is_stop(text):
        return 0.9
    if is_cjk(spoken[-1]) and (ends := _ends_cjk("".join(spoken[-2:]), stripped)):
        return ends
    if spoken[-1] in _HESITATES or tuple(spoken[-2:]) in _OPEN_ENDS:
        return 0.1
    if spoken[-1] in _GOES_ON and not (spoken[-1] in _CLOSED_ENDS or stripped.endswith(".")):
        return 0.1
    if stripped.endswith((".", "!", "。", "！")):
        return 0.9
    if is_question(text):
        return 0.75 if len(spoken) >= 4 else 0.6
    if spoken[-1] in _CLOSED_ENDS:
        return 0.8
    if spoken[0] in _LINKS and not any(_is_verb(word) for word in spoken):
        return 0.2  # "and so my fellow Americans": a clause that has begun and says nothing yet
    if len(spoken) >= 3 and _is_content(spoken[-1]):
        return 0.75
    return 0.35 if len(spoken) < 3 else 0.55


def _ends_cjk(last: str, text: str) -> float | None:
    """Probability of completion by the last two characters; None where they do not tell."""
    if last.endswith(_GOES_ON_CJK) and not text.endswith(("。", "！")):
        return 0.1
    return 0.8 if last.endswith(_CLOSED_ENDS_CJK) else None


def _is_verb(word: str) -> bool:
    """Whether it may be a clause's verb: one of the common ones, or by its ending."""
    stem = word.partition("'")[0]
    return word in _VERBS or stem in _VERBS or (len(word) > 4 and word.endswith(("ed", "ing")))


def _is_content(word: str) -> bool:
    """Whether it carries meaning, as the last word of a clause mostly does."""
    return (len(word) > 2 or is_cjk(word[0])) and word not in _PRONOUNS


def appraise(view: View) -> tuple[Appraisal, float]:
    """What was said, with its probability: the first list that fits."""
    text = " ".join(words(view.text))
    if _AFFRONTS.search(text):
        return "affront", 0.9
    if _UNREASONABLE.search(text):
        return "unreasonable", 0.85
    opinion = touched(view)
    if opinion and DISAGREES.search(text):
        return "conflict", 0.75
    if opinion and AGREES.search(text):
        return "agreement", 0.75
    boredom = boring(view)
    return ("boring", boredom) if boredom >= 0.5 else ("plain", 1 - boredom)


def boring(view: View) -> float:
    """How boring, 0..1: words repeated within the turn or from earlier ones, or no end of them."""
    spoken = words(view.text)
    if len(spoken) < 6 or is_question(view.text):
        return 0.0
    topic = content_words(view.text)
    again = max((overlap(topic, content_words(turn)) for turn in view.said_before), default=0.0)
    repeated = again if len(topic) >= 3 else 0.0
    length = max(0.0, min(1.0, (len(spoken) - RAMBLING_WORDS / 2) / RAMBLING_WORDS))
    return max(repeated * 0.9 if repeated >= 0.75 else 0.0, length, min(1.0, 2 * loops(spoken)))
