"""TIAGE: chats of two people, each turn marked where the topic shifts.

https://github.com/HuiyuanXie/tiage, MIT. A JSON object of chats, each a list of [text, mark]; the
mark is "1" for a shift, "0" for none, "-1" for the first turn.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from graph.errors import BadInput
from nodes.judgement.sft.table import opened

_CHATS = TypeAdapter(dict[str, list[tuple[str, str]]])


@dataclass(frozen=True)
class TopicTurn:
    """One turn of a chat."""

    dialogue: str
    before: tuple[str, ...]
    """The turns before it, oldest first; speakers take turns."""
    text: str
    shifts: bool
    """Whether it leaves the topic."""


def read_tiage(path: Path) -> list[TopicTurn]:
    """The turns but each chat's first; raises `BadInput` with the path of what is wrong."""
    with opened(path) as file:
        try:
            chats = _CHATS.validate_python(json.load(file))
        except json.JSONDecodeError as error:
            raise BadInput("file", str(path), f"is not JSON: {error}") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BadInput(f"{path.name}: {where}", first["input"], first["msg"]) from None
    turns = []
    for name, chat in chats.items():
        texts = [text for text, _ in chat]
        for at, (text, mark) in enumerate(chat):
            if mark not in ("-1", "0", "1"):
                raise BadInput(f"{path.name}: {name}.{at}", mark, "should be -1, 0 or 1")
            if at:
                dialogue = f"tiage-{path.stem}-{name}"
                turns.append(TopicTurn(dialogue, tuple(texts[:at]), text, mark == "1"))
    return turns
