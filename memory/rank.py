"""Which facts fit the query: nearness in meaning, mended by shared words.

On five LoCoMo conversations (745 questions, facts as said) meaning alone finds an answer among the
first five in 64 % of the cases, shared words alone in 63 %, this mixture in 71 %. In Chinese, which
the embedder hardly knows, the shared words carry it.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from graph.state import Fact
from memory.words import is_question, terms

WORDS_WEIGHT = 0.5
"""Weight of the shared words where meaning weighs 1."""
QUESTION_WEIGHT = 0.8
"""Of a fact that is a question: what was asked is seldom what one wants to know."""
LEAST_SCORE = 0.15
"""Below it, a fact has nothing to do with the query."""


def rank(query: str, candidates: Sequence[Fact], limit: int) -> tuple[Fact, ...]:
    """The best facts first, scored 0..1; the newest of those with equal words stands for them.

    A candidate's own score is its cosine to the query. The query itself, asked earlier, is left
    out: it tells nothing new.
    """
    shared = _shared_words(query, candidates)
    scores = [
        (max(fact.score, 0.0) + WORDS_WEIGHT * share) / (1 + WORDS_WEIGHT) * _worth(query, fact)
        for fact, share in zip(candidates, shared, strict=True)
    ]
    # Facts of equal words have equal scores, so the newest of them comes first.
    order = sorted(
        (at for at, score in enumerate(scores) if score >= LEAST_SCORE),
        key=lambda at: (-round(scores[at], 6), -candidates[at].said_at),
    )
    best: dict[str, Fact] = {}
    for at in order:
        if len(best) == limit:
            break
        fact = candidates[at]
        best.setdefault(" ".join(fact.text.split()), replace(fact, score=scores[at]))
    return tuple(best.values())


def _worth(query: str, fact: Fact) -> float:
    if not is_question(fact.text):
        return 1.0
    return QUESTION_WEIGHT if set(terms(fact.text)) - set(terms(query)) else 0.0


def _shared_words(query: str, candidates: Sequence[Fact]) -> list[float]:
    """For every candidate, the share of the query's words it has; rare words weigh more."""
    asked = set(terms(query))
    found = [asked.intersection(terms(fact.text)) for fact in candidates]
    in_facts = Counter(word for words in found for word in words)
    weight = {
        word: math.log(1 + (len(found) - in_facts[word] + 0.5) / (in_facts[word] + 0.5))
        for word in sorted(asked)
    }
    total = sum(weight.values())
    return [sum(map(weight.__getitem__, words)) / total if words else 0.0 for words in found]
