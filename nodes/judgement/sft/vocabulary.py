"""Cuts MiniLM's vocabulary of 30,522 pieces down to those that spoken English needs.

A rare word then falls into more pieces; nothing becomes unknown that was known, as long as single
letters stay.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from nodes.judgement.pieces import TURN

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", TURN)
_OFTEN = 3
"""Uses in the training texts from which a piece stays."""
_COMMON = 10_000
"""BERT's pieces are in order of frequency: plain words below this id stay, used or not."""


def pieces_of(tokenizer: Path, texts: Iterable[Sequence[str]]) -> Counter[int]:
    """How often each piece of a tokenizer occurs in texts (words in spoken form)."""
    from tokenizers import Tokenizer

    full = Tokenizer.from_file(str(tokenizer))
    full.no_truncation()
    full.no_padding()
    words = Counter(word for text in texts for word in text)
    counts: Counter[int] = Counter()
    for word, count in words.items():
        for piece in full.encode(word, add_special_tokens=False).ids:
            counts[piece] += count
    return counts


def kept_by(tokenizer: Path, ours: Path) -> list[int]:
    """The old id of each piece of the smaller tokenizer, in the order of its ids."""
    old, new = (
        json.loads(file.read_text(encoding="utf-8"))["model"]["vocab"] for file in (tokenizer, ours)
    )
    return [old[piece] for piece in sorted(new, key=new.__getitem__)]


def prune(tokenizer: Path, counts: Counter[int], to: Path) -> None:
    """Writes the smaller tokenizer."""
    given = json.loads(tokenizer.read_text(encoding="utf-8"))
    old: dict[str, int] = given["model"]["vocab"]
    kept = [
        (piece, at)
        for piece, at in sorted(old.items(), key=lambda item: item[1])
        if piece in _SPECIAL or _stays(piece, at, counts[at])
    ]
    given["model"]["vocab"] = {piece: new for new, (piece, _) in enumerate(kept)}
    given["added_tokens"] = [
        token | {"id": given["model"]["vocab"][token["content"]]}
        for token in given["added_tokens"]
        if token["content"] in _SPECIAL
    ]
    given["truncation"] = given["padding"] = given["post_processor"] = None
    to.write_text(json.dumps(given, ensure_ascii=False) + "\n", encoding="utf-8")


def _stays(piece: str, at: int, count: int) -> bool:
    plain = piece.removeprefix("##")
    if not plain.isascii() or not (plain.isalnum() or plain == "'"):
        return False
    return len(plain) == 1 or count >= _OFTEN or (at < _COMMON and piece.isalpha())
