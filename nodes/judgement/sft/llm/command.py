"""`cleans2s sft llm`: examples and a chat model in, an adapter and a merged model out."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from graph.errors import BadInput
from nodes.judgement.sft.corpora import DATA
from nodes.judgement.sft.llm.environment import require_training
from nodes.judgement.sft.llm.examples import read_examples
from nodes.judgement.sft.llm.recipe import add_flags, recipe_of


def main(argv: Sequence[str] | None = None) -> int:
    """Trains, saves, and writes `training.json`; 0 if it went well."""
    given = _parser().parse_args(argv)
    recipe = recipe_of(given)
    examples = read_examples(given.examples, given.data)
    held_out = read_examples(given.held_out, given.data)
    both = {example.dialogue for example in examples} & {each.dialogue for each in held_out}
    if both:
        raise BadInput("held-out", min(both), "this dialogue is among the examples too")
    require_training("sft llm")
    adapter, merged = given.out / "adapter", given.out / "merged"
    _make(given.out)
    from nodes.judgement.sft.llm.train import train

    outcome = train(given.model, examples, held_out, recipe, adapter)
    told = json.dumps(asdict(outcome), indent=2) + "\n"
    (given.out / "training.json").write_text(told, encoding="utf-8")
    kinds = ", ".join(f"{count:,} {label}" for label, count in outcome.examples.items())
    print(f"learnt from {sum(outcome.examples.values()):,} examples ({kinds})")
    if outcome.too_long:
        print(f"left out {outcome.too_long:,} that are longer than {recipe.max_length} tokens")
    print(f"{outcome.steps} steps, loss {outcome.losses[0]} -> {outcome.losses[-1]}")
    if outcome.held_out_loss:
        before, after = outcome.held_out_loss
        print(f"held-out loss {before} -> {after}")
    print(f"adapter: {adapter}")
    if given.merge:
        from nodes.judgement.sft.llm.export import merge

        merge(given.model, adapter, merged)
        print(f"merged: {merged} (with a Modelfile for Ollama)")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cleans2s sft llm", description="Trains a chat model to judge (LoRA)."
    )
    parser.add_argument("--model", required=True, help="a folder with a chat model, or a hub id")
    parser.add_argument(
        "--examples", type=Path, nargs="+", required=True, metavar="FILE",
        help="train.jsonl of `cleans2s sft data`, one or more",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="what is made")
    parser.add_argument(
        "--held-out", type=Path, nargs="+", default=[], metavar="FILE",
        help="held_out.jsonl: the loss on these is told, before and after",
    )  # fmt: skip
    parser.add_argument("--merge", action="store_true", help="write the merged model too")
    parser.add_argument(
        "--data", type=Path, default=DATA, help="folder whose judgement sets are kept out"
    )
    add_flags(parser)
    return parser


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadInput("out", str(folder), "holds files; name a new folder")
    except OSError as error:
        raise BadInput("out", str(folder), f"cannot be made: {error.strerror}") from None
