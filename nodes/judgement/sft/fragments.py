"""Plain talk, cut anywhere: what the appraiser mostly hears, and no labelled text looks like.

Labelled texts are whole sentences. A partial in the middle of a turn is none, and a network that
has never seen one takes strange words amiss.
"""

import random
from collections.abc import Iterable
from dataclasses import replace

from nodes.judgement.sft.data import examples_of
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.talk import Talk

_MOST_WORDS = 16


def fragments(talks: Iterable[Talk], count: int, seed: int) -> list[Example]:
    """At most `count` partials of dialogues, as plain: their newest words, up to a random number.

    Talk among colleagues and strangers holds hardly an insult or a wicked request; the few there
    are count as little as every other text.
    """
    chance = random.Random(f"fragments/{seed}")
    cuts = [cut for cut in examples_of(talks, seed) if len(cut.partial.split()) > 2]
    chosen = chance.sample(cuts, min(count, len(cuts)))
    return [
        replace(
            cut,
            id=f"fragment-{cut.id}",
            partial=" ".join(cut.partial.split()[-chance.randint(3, _MOST_WORDS) :]),
            at="end",
            label="plain",
            weight=0.7,
        )
        for cut in chosen
    ]
