"""The two lessons: `Turns` learns from dialogues, `Appraiser` from labelled texts."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nodes.judgement.pieces import TURN_PIECES, Pieces
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.net import APPRAISALS, Appraiser, Turns
from nodes.judgement.sft.noise import Noise
from nodes.judgement.sft.streams import Batch, Streams
from nodes.judgement.sft.turns import After
from nodes.judgement.spoken import spoken


@dataclass(frozen=True)
class TurnLesson:
    """How `Turns` is trained."""

    epochs: int = 1
    window: int = 96
    """Pieces."""
    rows: int = 10
    """Windows a step."""
    rate: float = 3e-4
    warm_up: float = 0.05
    """Share of the steps."""


@dataclass(frozen=True)
class TextLesson:
    """How `Appraiser` is trained."""

    epochs: int = 4
    rows: int = 32
    """Texts a step."""
    rate: float = 3e-4
    warm_up: float = 0.1
    noisy: float = 0.3
    """Share of texts that noise changes."""


def teach_turns(
    turns: Turns,
    streams: Streams,
    held_out: Streams,
    noise: Noise,
    lesson: TurnLesson,
    seed: int,
) -> None:
    """Trains the network on what follows each word; prints how it does on those held out."""
    optimiser = _optimiser(turns, lesson.rate)
    progress = _Progress("turns")
    checks = held_out.batches(lesson.window, 4 * lesson.rows, seed)
    for epoch in range(lesson.epochs):
        batches = streams.batches(lesson.window, lesson.rows, seed + epoch, noise.steps)
        for number, batch in enumerate(batches):
            done = (epoch + number / len(batches)) / lesson.epochs
            _set_rate(optimiser, lesson.rate, done, lesson.warm_up)
            loss = turn_loss(turns.train(), batch)
            _step(turns, optimiser, loss)
            if progress.add(loss.item(), done):
                print(f"  held out: {held_out_precision(turns, checks):.4f}", flush=True)
    turns.eval()


def held_out_precision(turns: Turns, batches: Sequence[Batch]) -> float:
    """Average precision of "the turn is over"; all flow weighs as much as pauses and ends."""
    from sklearn.metrics import average_precision_score

    turns.eval()
    scores, truth, weights = [], [], []
    with torch.no_grad():
        for batch in batches:
            real = batch.labels >= 0
            hidden = turns(torch.from_numpy(batch.ids), torch.from_numpy(batch.sides))
            likely = F.softmax(turns.after(hidden[torch.from_numpy(real)]), -1)
            scores.append(likely[:, After.END].numpy())
            truth.append(batch.labels[real])
            weights.append(batch.weights[real])
    said, weight = np.concatenate(truth), np.concatenate(weights)
    flow, onward = said == After.FLOW, said == After.ONWARD
    known = ~onward
    weight = np.where(flow, weight * weight[known & ~flow].sum() / weight[flow].sum(), weight)
    return float(
        average_precision_score(
            said[known] == After.END,
            np.concatenate(scores)[known],
            sample_weight=weight[known],
        )
    )


def turn_loss(turns: Turns, batch: Batch) -> Tensor:
    """Weighted cross-entropy of what follows each labelled piece.

    `ONWARD` is either of flow and pause: the sum of both is what should be likely.
    """
    labels = torch.from_numpy(batch.labels)
    real = labels >= 0
    logits = turns.after(turns(torch.from_numpy(batch.ids), torch.from_numpy(batch.sides))[real])
    likely = F.log_softmax(logits, -1)
    said = labels[real]
    onward = torch.logsumexp(likely[:, : After.END], -1)
    known = likely.gather(1, said.clamp(max=int(After.END))[:, None])[:, 0]
    weights = torch.from_numpy(batch.weights)[real]
    fit = torch.where(said == int(After.ONWARD), onward, known)
    return -(fit * weights).sum() / weights.sum()


def teach_texts(
    appraiser: Appraiser,
    texts: Sequence[Example],
    pieces: Pieces,
    noise: Noise,
    lesson: TextLesson,
    seed: int,
) -> None:
    """Trains the appraiser on labelled texts."""
    chance = random.Random(seed)
    optimiser = _optimiser(appraiser, lesson.rate)
    progress = _Progress("texts")
    agents = sorted({said for text in texts for who, said in text.context[-1:] if who == "agent"})
    appraiser.train()
    for epoch in range(lesson.epochs):
        batches = _text_batches(texts, lesson.rows, chance)
        for number, batch in enumerate(batches):
            done = (epoch + number / len(batches)) / lesson.epochs
            _set_rate(optimiser, lesson.rate, done, lesson.warm_up)
            rows = [
                _row(
                    text, pieces, noise if chance.random() < lesson.noisy else None, agents, chance
                )
                for text in batch
            ]
            truth, weights = _truth(batch)
            logits = appraiser(*_padded(rows))
            loss = F.binary_cross_entropy_with_logits(logits, truth, weights, reduction="sum")
            loss = loss / len(batch)
            _step(appraiser, optimiser, loss)
            progress.add(loss.item(), done)
    appraiser.eval()


def _row(
    text: Example,
    pieces: Pieces,
    noise: Noise | None,
    agents: Sequence[str],
    chance: random.Random,
) -> tuple[list[int], list[int]]:
    """Pieces of what the agent had said, and of the turn.

    A text without context gets what some agent said now and then: no context must be no sign.
    """
    words = spoken(text.partial)
    turn = [pieces.turn, *pieces.of(noise.words(words) if noise else words)][:TURN_PIECES]
    speaker, said = text.context[-1] if text.context else ("", "")
    if speaker != "agent" and agents and chance.random() < 0.5:
        speaker, said = "agent", chance.choice(agents)
    return (list(pieces.before(said)) if speaker == "agent" else []), turn


def _padded(rows: Sequence[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor, Tensor]:
    """Arrays (rows, pieces): ids, where a piece is, and where it is one of the turn."""
    width = max(len(before) + len(turn) for before, turn in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.int64)
    real = torch.zeros(len(rows), width, dtype=torch.bool)
    ours = torch.zeros(len(rows), width, dtype=torch.bool)
    for at, (before, turn) in enumerate(rows):
        end = len(before) + len(turn)
        ids[at, :end] = torch.tensor(before + turn)
        real[at, :end] = True
        ours[at, len(before) : end] = True
    return ids, real, ours


_ONLY_KNOWN = {
    "convabuse": ("affront",),
    "davidson": ("affront",),
    "xstest": ("unreasonable",),
    "advbench": ("unreasonable",),
    "insults": ("affront",),
    "fragment": ("affront", "unreasonable"),
}
"""What the labels of a corpus say nothing about is not held against the answer."""


def _truth(batch: Sequence[Example]) -> tuple[Tensor, Tensor]:
    truth = np.zeros((len(batch), len(APPRAISALS)), np.float32)
    weights = np.zeros_like(truth)
    for row, text in enumerate(batch):
        known = _ONLY_KNOWN.get(text.id.partition("-")[0], APPRAISALS)
        for column, name in enumerate(APPRAISALS):
            truth[row, column] = text.label == name
            weights[row, column] = text.weight * (1.0 if name in known else 0.1)
    return torch.from_numpy(truth), torch.from_numpy(weights)


def _text_batches(
    texts: Sequence[Example], rows: int, chance: random.Random
) -> list[list[Example]]:
    """All texts once, those of like length together."""
    order = list(texts)
    chance.shuffle(order)
    pool = 16 * rows
    batches = []
    for start in range(0, len(order), pool):
        alike = sorted(order[start : start + pool], key=lambda text: len(text.partial))
        batches += [alike[at : at + rows] for at in range(0, len(alike), rows)]
    chance.shuffle(batches)
    return batches


def _optimiser(part: nn.Module, rate: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        [parameter for parameter in part.parameters() if parameter.requires_grad],
        lr=rate,
        weight_decay=0.01,
    )


def _set_rate(optimiser: torch.optim.Optimizer, rate: float, done: float, warm_up: float) -> None:
    """Up within the first steps, then down in a line."""
    for group in optimiser.param_groups:
        group["lr"] = rate * min(1.0, done / warm_up) * max(0.02, 1 - done)


def _step(part: nn.Module, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
    nn.utils.clip_grad_norm_(part.parameters(), 1.0)
    optimiser.step()


class _Progress:
    """Prints the mean loss ten times."""

    def __init__(self, name: str) -> None:
        self._name, self._told = name, 0
        self._losses: list[float] = []
        self._began = time.monotonic()

    def add(self, loss: float, done: float) -> bool:
        """One step has been taken; whether a line was printed."""
        self._losses.append(loss)
        if int(10 * done) == self._told:
            return False
        self._told = int(10 * done)
        mean, passed = float(np.mean(self._losses)), time.monotonic() - self._began
        print(f"{self._name}: {done:4.0%} loss {mean:.4f}, {passed:.0f} s", flush=True)
        self._losses.clear()
        return True
