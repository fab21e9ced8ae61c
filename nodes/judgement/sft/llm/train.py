"""Action Judgement SFT of a chat model: LoRA on the judge's own prompt, by TRL and PEFT."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from datasets import Dataset
from peft import LoraConfig
from transformers import set_seed
from trl import SFTConfig, SFTTrainer

from graph.errors import BadInput
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.llm.encode import ChatTokens, Encoded
from nodes.judgement.sft.llm.examples import drawn
from nodes.judgement.sft.llm.model import load_model, on_gpu
from nodes.judgement.sft.llm.recipe import Recipe


@dataclass(frozen=True)
class Outcome:
    """What a training did, as `training.json` holds it."""

    model: str
    recipe: dict[str, int | float]
    examples: dict[str, int]
    """Examples that were learnt from, by label."""
    too_long: int
    """Examples left out for their length."""
    steps: int
    losses: list[float]
    """Mean loss of the tokens that count, every few steps."""
    held_out_loss: tuple[float, float] | None
    """Of examples that were not learnt from: before and after."""


def train(
    name: str, examples: Sequence[Example], held_out: Sequence[Example], recipe: Recipe, to: Path
) -> Outcome:
    """Trains an adapter for the model and saves it, with the tokenizer, in the folder `to`.

    Raises `BadInput` for a model that cannot be loaded, and where no example is short enough.
    """
    set_seed(recipe.seed)
    model = load_model(name)
    if 0 < recipe.limit < len(examples):
        examples = random.Random(f"limit/{recipe.seed}").sample(list(examples), recipe.limit)
    learnt, encoded = _short_enough(examples, model.tokens, recipe.max_length)
    order = drawn([example.weight for example in learnt], recipe.epochs, recipe.seed)
    if not order:
        raise BadInput(
            "max-length", recipe.max_length, f"none of {len(examples)} examples is that short"
        )
    checks = _short_enough(held_out, model.tokens, recipe.max_length)[1]
    # select() refers to the rows: an epoch more takes no memory.
    trainer = SFTTrainer(
        model=model.net,
        args=_arguments(recipe, len(order), to),
        train_dataset=_dataset(encoded).select(order),
        eval_dataset=_dataset(checks) if checks else None,
        processing_class=model.tokenizer,
        peft_config=LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )
    before = _loss(trainer) if checks else None
    trainer.train()
    after = _loss(trainer) if checks else None
    trainer.save_model(str(to))
    return Outcome(
        model=name,
        recipe=asdict(recipe),
        examples=dict(Counter(example.label for example in learnt)),
        too_long=len(examples) - len(learnt),
        steps=trainer.state.global_step,
        losses=[round(entry["loss"], 4) for entry in trainer.state.log_history if "loss" in entry],
        held_out_loss=None if before is None or after is None else (before, after),
    )


def _loss(trainer: SFTTrainer) -> float:
    return round(float(trainer.evaluate()["eval_loss"]), 4)


def _short_enough(
    examples: Sequence[Example], tokens: ChatTokens, length: int
) -> tuple[list[Example], list[Encoded]]:
    kept, encoded = [], []
    for example in examples:
        sequence = tokens.encode(example)
        if len(sequence.input_ids) <= length:
            kept.append(example)
            encoded.append(sequence)
    return kept, encoded


def _dataset(encoded: Sequence[Encoded]) -> Dataset:
    return Dataset.from_dict(
        {
            "input_ids": [list(sequence.input_ids) for sequence in encoded],
            "labels": [list(sequence.labels) for sequence in encoded],
        }
    )


def _arguments(recipe: Recipe, rows: int, to: Path) -> SFTConfig:
    steps = -(-rows // recipe.batch)
    return SFTConfig(
        output_dir=str(to),
        # The rows are drawn for all epochs and in their order.
        num_train_epochs=1,
        train_sampling_strategy="sequential",
        per_device_train_batch_size=recipe.at_once,
        per_device_eval_batch_size=recipe.at_once,
        gradient_accumulation_steps=recipe.batch // recipe.at_once,
        learning_rate=recipe.rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, steps // 30),
        dataset_kwargs={"skip_prepare_dataset": True},
        seed=recipe.seed,
        bf16=on_gpu(),
        gradient_checkpointing=on_gpu(),
        logging_steps=max(1, steps // 50),
        eval_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=not on_gpu(),
    )
