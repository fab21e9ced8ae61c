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

CONTEXT_PIECES = 16
"""Pieces of what was said before, the newest."""
TURN_PIECES = 32
"""Pieces of the turn, the newest."""


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
        self.turn: int = self._tokenizer.token_to_id(TURN)
        self.unknown: int = self._tokenizer.token_to_id("[UNK]")
        self.size: int = self._tokenizer.get_vocab_size()

    def of(self, words: Sequence[str]) -> list[int]:
        """The pieces of words in spoken form."""
        ids: list[int] = self._tokenizer.encode(" ".join(words), add_special_tokens=False).ids
        return ids

    def context(self, view: View) -> Read:
        """The newest pieces of what was said before."""
        ids: list[int] = []
        sides: list[int] = []
        for speaker, text in view.context:
            said = [self.turn, *self.of(spoken(text))]
            ids += said
            sides += [USER if speaker == "user" else AGENT] * len(said)
        return Read(tuple(ids[-CONTEXT_PIECES:]), tuple(sides[-CONTEXT_PIECES:]))

    def turn_of(self, text: str) -> Read:
        """The newest pieces of the turn; its head only where all of it fits."""
        ids = [self.turn, *self.of(spoken(text))][-TURN_PIECES:]
        return Read(tuple(ids), (USER,) * len(ids))
