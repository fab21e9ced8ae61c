"""One example to learn from: the same fields as a line of a judgement set, with its weight."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graph.errors import BadInput
from graph.state import Appraisal

At = Literal["pause", "mid_speech", "end"]
"""0.2 s or more of silence after the words; between two words of flowing speech; a whole turn."""

Label = Literal["listen", "respond"] | Appraisal


@dataclass(frozen=True)
class Example:
    """What a listener knew at a moment, and what was right then."""

    id: str
    dialogue: str
    """Splits never part a dialogue."""
    context: tuple[tuple[str, str], ...]
    """What was said before, oldest first: (user | agent, text)."""
    partial: str
    """The words of the turn so far."""
    at: At
    label: Label
    weight: float = 1.0
    """How much it counts: less where the label is doubtful."""
    soon: float | None = None
    """Seconds from the last word to the answer, negative in overlap; None where nobody answered."""

    def line(self) -> str:
        """As a line of JSON."""
        return json.dumps(
            {
                "id": self.id,
                "context": [{"speaker": who, "text": text} for who, text in self.context],
                "partial": self.partial,
                "at": self.at,
                "label": self.label,
                "weight": round(self.weight, 3),
                "soon": None if self.soon is None else round(self.soon, 3),
                "dialogue": self.dialogue,
            },
            ensure_ascii=False,
        )


def write_examples(examples: Iterable[Example], to: Path) -> int:
    """Writes one example a line; returns how many. Raises `BadInput` if the file cannot be made."""
    count = 0
    try:
        with to.open("w", encoding="utf-8") as file:
            for example in examples:
                file.write(example.line() + "\n")
                count += 1
    except OSError as error:
        raise BadInput("out", str(to), f"cannot be written: {error.strerror}") from None
    return count
