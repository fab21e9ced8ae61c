"""Words cut into pieces, as the encoder reads them: turns with the side that spoke."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graph.errors import Unavailable
from nodes.judgement.estimator import View
from nodes.judgement.spoken import spoken

USER, AGENT = 1, 0
"""Sides: whose turn is judged, and everybody else."""

TURN = "[SEP]"
"""The piece at the head of every turn."""

CONTEXT_PIECES = 8
"""Pieces of what was said before, the newest."""
TURN_PIECES = 32
"""Pieces of the turn, the newest."""
ANSWERED_PIECES = 8
"""Pieces of what the agent had said, the newest, for the appraisal."""


@dataclass(frozen=True)
class Read:
    """Pieces and, for each, the side that spoke."""

    ids: tuple[int, ...]
    sides: tuple[int, ...]


class Pieces:
    """WordPiece with the vocabulary of a file in the format of `tokenizers`.

    Raises `Unavailable` where the file is missing or broken.
    """

    def __init__(self, file: Path) -> None:
        from tokenizers import Tokenizer

        if not file.is_file():
            raise Unavailable(f"encoder: {file} is missing; install CleanS2S anew")
        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # tokenizers raises plain Exception
            raise Unavailable(f"encoder: {file} cannot be loaded: {error}") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.turn = self._special(TURN)
        self.unknown = self._special("[UNK]")
        self.size: int = self._tokenizer.get_vocab_size()

    def _special(self, piece: str) -> int:
        found = self._tokenizer.token_to_id(piece)
        if found is None:
            raise Unavailable(f"encoder: the tokenizer has no piece {piece}")
        return found

    def of(self, words: Sequence[str]) -> list[int]:
        """The pieces of words in spoken form."""
        ids: list[int] = self._tokenizer.encode(" ".join(words), add_special_tokens=False).ids
        return ids

    def newest(self, view: View) -> Read:
        """The newest pieces of what was said before, then those of the turn.

        The turn has its head only where all of it fits.
        """
        ids: list[int] = []
        sides: list[int] = []
        for speaker, text in view.context:
            said = [self.turn, *self.of(spoken(text))]
            ids += said
            sides += [USER if speaker == "user" else AGENT] * len(said)
        turn = [self.turn, *self.of(spoken(view.text))][-TURN_PIECES:]
        before = ids[-CONTEXT_PIECES:]
        return Read((*before, *turn), (*sides[-CONTEXT_PIECES:], *[USER] * len(turn)))

    def answered(self, view: View) -> tuple[int, ...]:
        """The newest pieces of what the agent had just said; none where it had said nothing."""
        speaker, text = view.context[-1] if view.context else ("", "")
        return self.before(text) if speaker == "agent" else ()

    def before(self, text: str) -> tuple[int, ...]:
        """The newest pieces of what the other side said before a turn."""
        return (self.turn, *self.of(spoken(text)))[-ANSWERED_PIECES:]
