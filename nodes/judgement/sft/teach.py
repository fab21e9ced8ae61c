"""The two lessons: the trunk learns from dialogues, the top layers from labelled texts."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nodes.judgement.pieces import TURN_PIECES, USER, Pieces
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.net import APPRAISALS, Top, Trunk
from nodes.judgement.sft.noise import Noise
from nodes.judgement.sft.streams import Batch, Streams
from nodes.judgement.sft.turns import After
from nodes.judgement.spoken import spoken


@dataclass(frozen=True)
class TurnLesson:
    """How the trunk is trained."""

    epochs: int = 1
    window: int = 128
    """Pieces."""
    rows: int = 8
    """Windows a step."""
    rate: float = 3e-4
    warm_up: float = 0.05
    """Share of the steps."""


@dataclass(frozen=True)
class TextLesson:
    """How the top layers are trained."""

    epochs: int = 4
    rows: int = 32
    """Texts a step."""
    rate: float = 3e-4
    warm_up: float = 0.1
    noisy: float = 0.3
    """Share of texts that noise changes."""


def teach_turns(
    trunk: Trunk, streams: Streams, noise: Noise, lesson: TurnLesson, seed: int
) -> None:
    """Trains the trunk on what follows each word."""
    steps = lesson.epochs * streams.count(lesson.window, lesson.rows)
    optimiser = _optimiser(trunk, lesson.rate)
    progress = _Progress("turns", steps)
    trunk.train()
    for epoch in range(lesson.epochs):
        for batch in streams.batches(lesson.window, lesson.rows, seed + epoch, noise.steps):
            _set_rate(optimiser, lesson.rate, progress.done, lesson.warm_up)
            loss = turn_loss(trunk, batch)
            _step(trunk, optimiser, loss)
            progress.add(loss.item())
    trunk.eval()


def turn_loss(trunk: Trunk, batch: Batch) -> Tensor:
    """Weighted cross-entropy of what follows each labelled piece.

    `ONWARD` is either of flow and pause: the sum of both is what should be likely.
    """
    labels = torch.from_numpy(batch.labels)
    real = labels >= 0
    logits = trunk.after(trunk(torch.from_numpy(batch.ids), torch.from_numpy(batch.sides))[real])
    likely = F.log_softmax(logits, -1)
    said = labels[real]
    onward = torch.logsumexp(likely[:, : After.END], -1)
    known = likely.gather(1, said.clamp(max=int(After.END))[:, None])[:, 0]
    weights = torch.from_numpy(batch.weights)[real]
    fit = torch.where(said == int(After.ONWARD), onward, known)
    return -(fit * weights).sum() / weights.sum()


def teach_texts(
    trunk: Trunk, top: Top, texts: Sequence[Example], pieces: Pieces, noise: Noise,
    lesson: TextLesson, seed: int,
) -> None:  # fmt: skip
    """Trains the top layers on labelled texts; the trunk stays as it is."""
    chance = random.Random(seed)
    steps = lesson.epochs * ((len(texts) - 1) // lesson.rows + 1)
    optimiser = _optimiser(top, lesson.rate)
    progress = _Progress("texts", steps)
    trunk.eval()
    top.train()
    for _ in range(lesson.epochs):
        for batch in _text_batches(texts, lesson.rows, chance):
            _set_rate(optimiser, lesson.rate, progress.done, lesson.warm_up)
            words = [spoken(text.partial) for text in batch]
            heard = [noise.words(w) if chance.random() < lesson.noisy else w for w in words]
            ids, real = text_pieces(heard, pieces)
            with torch.no_grad():
                hidden = trunk(ids, torch.full_like(ids, USER))
            truth, weights = _truth(batch)
            loss = F.binary_cross_entropy_with_logits(
                top(hidden, real), truth, weights, reduction="sum"
            ) / len(batch)
            _step(top, optimiser, loss)
            progress.add(loss.item())
    top.eval()


def text_pieces(texts: Sequence[Sequence[str]], pieces: Pieces) -> tuple[Tensor, Tensor]:
    """Turns without context as (texts, pieces), and where a piece is."""
    read = [[pieces.turn, *pieces.of(words)][-TURN_PIECES:] for words in texts]
    width = max(len(ids) for ids in read)
    ids = torch.tensor([row + [0] * (width - len(row)) for row in read])
    real = torch.tensor([[at < len(row) for at in range(width)] for row in read])
    return ids, real


_ONLY_KNOWN = {
    "convabuse": ("affront",),
    "davidson": ("affront",),
    "xstest": ("unreasonable",),
    "advbench": ("unreasonable",),
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
) -> Iterator[list[Example]]:
    """All texts once, those of like length together."""
    order = list(texts)
    chance.shuffle(order)
    pool = 16 * rows
    batches = []
    for start in range(0, len(order), pool):
        alike = sorted(order[start : start + pool], key=lambda text: len(text.partial))
        batches += [alike[at : at + rows] for at in range(0, len(alike), rows)]
    chance.shuffle(batches)
    yield from batches


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

    def __init__(self, name: str, steps: int) -> None:
        self._name, self._steps, self._taken = name, steps, 0
        self._losses: list[float] = []
        self._began = time.monotonic()

    @property
    def done(self) -> float:
        """Share of the steps, 0..1."""
        return min(1.0, self._taken / self._steps)

    def add(self, loss: float) -> None:
        """One step has been taken."""
        self._taken += 1
        self._losses.append(loss)
        if self._taken % max(1, self._steps // 10) == 0:
            mean, passed = float(np.mean(self._losses)), time.monotonic() - self._began
            print(f"{self._name}: {self.done:4.0%} loss {mean:.4f}, {passed:.0f} s", flush=True)
            self._losses.clear()
