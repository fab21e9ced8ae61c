"""How long to wait before an answer: by how finished the words sound, and never the same twice.

People leave between nothing and half a second before they answer, most often about 0.2 s, in all
languages that were measured (Stivers et al., "Universals and cultural variation in turn-taking in
conversation", PNAS 2009; Heldner and Edlund, "Pauses, gaps and overlaps in conversations", Journal
of Phonetics 2010). The gaps lean to the short side with a tail to the long one. An agent that
always leaves the same gap sounds like a machine.
"""

from hashlib import blake2b

from nodes.judgement.thresholds import DEFAULTS, Thresholds


def wait_for(p_complete: float, limits: Thresholds = DEFAULTS, gap: float | None = None) -> float:
    """Seconds of silence to grant a turn, from the probability that it is over.

    `gap` is what is left before the answer to a turn that surely is; None: the typical one.
    """
    quickest = limits.answer_after if gap is None else gap
    span = limits.surely_over - limits.surely_open
    openness = min(1.0, max(0.0, (limits.surely_over - p_complete) / span))
    return quickest + openness * (limits.wait_at_most - quickest)


def gap_in(shortest: float, longest: float, draw: float) -> float:
    """The gap, in seconds, that a draw between 0 and 1 gives within a range.

    Half of all draws fall into the first quarter of the range: 0.1 to 0.5 s has its median at
    0.2 s and its mean at 0.23 s.
    """
    return shortest + (longest - shortest) * draw**2


def draw(*names: str) -> float:
    """A number from 0 up to 1 that looks random, and is the same for the same names."""
    digest = blake2b("/".join(names).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
