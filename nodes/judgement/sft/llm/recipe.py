"""How an LLM is trained: the numbers, with their reasons, and the flags that set them."""

import argparse
from dataclasses import dataclass, fields

from graph.errors import BadInput


@dataclass(frozen=True)
class Recipe:
    """Defaults for a chat model of 0.5 to 8 billion parameters and thousands of examples.

    LoRA on all linear layers at about ten times the rate of full fine-tuning: Schulman et al.,
    "LoRA Without Regret" (2025).
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    rate: float = 2e-4
    epochs: int = 2
    batch: int = 16
    """Examples a step."""
    at_once: int = 4
    """Examples on the device at a time; a smaller number needs less memory and changes nothing."""
    max_length: int = 2048
    """Tokens. The prompt has a bound of its own, some 1,800 tokens; longer examples are left out,
    since a cut prompt is not what is asked when serving."""
    limit: int = 0
    """Train on so many examples, drawn by chance; 0: on all."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("rank", "alpha", "epochs", "batch", "at_once", "max_length"):
            if getattr(self, name) < 1:
                raise BadInput(flag(name), getattr(self, name), "should be at least 1")
        if not 0 <= self.dropout < 1:
            raise BadInput(flag("dropout"), self.dropout, "should be from 0 to below 1")
        if not self.rate > 0:
            raise BadInput(flag("rate"), self.rate, "should be above 0")
        if self.limit < 0:
            raise BadInput(flag("limit"), self.limit, "should be 0 or more")
        if self.batch % self.at_once:
            raise BadInput(flag("batch"), self.batch, f"should be a multiple of {self.at_once}")


_HELP = {
    "rank": "rank of the LoRA matrices",
    "alpha": "scale of the LoRA matrices",
    "dropout": "dropout before them",
    "rate": "learning rate at its peak",
    "epochs": "passes over the examples",
    "batch": "examples a step",
    "at_once": "examples on the device at a time",
    "max_length": "tokens of the longest example; longer ones are left out",
    "limit": "train on so many examples, drawn by chance (0: all)",
    "seed": "the same seed draws and trains the same",
}


def flag(name: str) -> str:
    """A field's flag."""
    return "--" + name.replace("_", "-")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """One flag for every number of a recipe."""
    group = parser.add_argument_group("the recipe")
    for field in fields(Recipe):
        group.add_argument(
            flag(field.name), type=type(field.default), default=field.default, metavar="N",
            help=f"{_HELP[field.name]} (default: {field.default:g})",
        )  # fmt: skip


def recipe_of(given: argparse.Namespace) -> Recipe:
    """The recipe that the flags set; raises `BadInput`."""
    return Recipe(**{field.name: getattr(given, field.name) for field in fields(Recipe)})
