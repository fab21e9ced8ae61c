"""Which words of a growing transcript may be relied on.

LocalAgreement-2 (Liu et al. 2020, "Low-Latency Sequence-to-Sequence Speech Recognition and
Translation by Partial Hypothesis Selection"; Machacek et al. 2023, "Turning Whisper into Real-Time
Transcription System"): the words that two hypotheses in a row begin with are confirmed.
"""

import re
from difflib import SequenceMatcher

from graph.state import join_words

_TOKEN = re.compile(r"\s*(?:[\u2e80-\u9fff\uff00-\uffef]|[^\s\u2e80-\u9fff\uff00-\uffef]+)")
_NOT_WORD = re.compile(r"\W+")


class Agreement:
    """The transcript of one segment as hypotheses come in. Confirmed text is never revised."""

    def __init__(self) -> None:
        self._settled = ""
        self._tokens: list[str] = []
        self._sure = 0

    @property
    def text(self) -> str:
        """The whole segment, by the newest hypothesis."""
        return join_words([self._settled, "".join(self._tokens)])

    @property
    def confirmed(self) -> int:
        """How many characters of `text` will not be revised."""
        return len(join_words([self._settled, "".join(self._tokens[: self._sure])]))

    @property
    def settled(self) -> str:
        """The text of the pieces of sound that are closed."""
        return self._settled

    def update(self, hypothesis: str) -> None:
        """A new hypothesis of all sound since the last settled piece."""
        before = self._tokens
        self._tokens = self._stitched(hypothesis)
        agreed = self._sure
        while agreed < min(len(before), len(self._tokens)) and (
            _key(before[agreed]) == _key(self._tokens[agreed])
        ):
            agreed += 1
        self._sure = agreed

    def settle(self, hypothesis: str | None) -> None:
        """This piece of sound is closed by its last hypothesis, or (None) by what is known."""
        if hypothesis is not None:
            self._tokens = self._stitched(hypothesis)
        self._settled = self.text
        self._tokens = []
        self._sure = 0

    def _stitched(self, hypothesis: str) -> list[str]:
        """The confirmed words, then what the hypothesis has behind them."""
        sure, new = self._tokens[: self._sure], _TOKEN.findall(hypothesis)
        return sure + new[_continuation([_key(t) for t in sure], [_key(t) for t in new]) :]


def _continuation(sure: list[str], new: list[str]) -> int:
    """Where in `new` the words behind `sure` begin, though it may have changed some of them."""
    blocks = SequenceMatcher(None, sure, new, autojunk=False).get_matching_blocks()
    last = blocks[-2] if len(blocks) > 1 else blocks[-1]
    if last.size == 0:
        return len(sure)
    return last.b + last.size + len(sure) - (last.a + last.size)


def _key(token: str) -> str:
    """What counts when words are compared: not case, not punctuation."""
    return _NOT_WORD.sub("", token).casefold() or token.strip()
