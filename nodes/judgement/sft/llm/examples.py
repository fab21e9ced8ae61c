"""Examples read back from the files of `cleans2s sft data`, as the LLM judge will see them."""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graph.errors import BadInput
from graph.state import Appraisal
from nodes.judgement.estimator import CONTEXT_MESSAGES, View
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.guard import HeldOut, refuse_path


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    speaker: Literal["user", "agent"]
    text: str


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    id: str
    dialogue: str
    context: list[_Said]
    partial: Annotated[str, Field(min_length=1)]
    at: Literal["pause", "mid_speech", "end"]
    label: Literal["listen", "respond"] | Appraisal
    weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    soon: float | None = None

    def example(self) -> Example:
        return Example(
            id=self.id,
            dialogue=self.dialogue,
            context=tuple((said.speaker, said.text) for said in self.context),
            partial=self.partial,
            at=self.at,
            label=self.label,
            weight=self.weight,
            soon=self.soon,
        )


def read_examples(paths: Iterable[Path], data: Path) -> list[Example]:
    """The examples of all files, without those that a judgement set below `data` holds.

    Raises `BadInput` with file, line and field of what is wrong, for a file without examples, and
    for a judgement set.
    """
    examples: list[Example] = []
    for path in paths:
        refuse_path(path)
        before = len(examples)
        for number, line in enumerate(_lines(path), 1):
            if line.strip():
                examples.append(_example(line, f"{path.name}:{number}"))
        if len(examples) == before:
            raise BadInput("examples", str(path), "has no examples")
    return HeldOut.of(data).admit(examples)


def view_of_example(example: Example) -> View:
    """What the judge is shown: the same as of a row of a judgement set."""
    return View(
        text=example.partial,
        context=example.context[-CONTEXT_MESSAGES:],
        said_before=tuple(text for speaker, text in example.context if speaker == "user"),
    )


def drawn(weights: Sequence[float], epochs: int, seed: int) -> list[int]:
    """Indices in the order of training: each epoch is shuffled and leaves doubtful examples out.

    An example takes part in an epoch with the probability of its weight, 0..1.
    """
    chance = random.Random(f"epochs/{seed}")
    order: list[int] = []
    for _ in range(epochs):
        epoch = [index for index, weight in enumerate(weights) if chance.random() < weight]
        chance.shuffle(epoch)
        order += epoch
    return order


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("examples", str(path), f"cannot be read: {error}") from None


def _example(line: str, place: str) -> Example:
    try:
        return _Line.model_validate_json(line).example()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        where = f"{place}: {field}" if field else place
        raise BadInput(where, first["input"], first["msg"]) from None
