"""Dialogues as streams of pieces: every word has a label, and is the context of what follows.

A causal encoder learns from all words of a window at once, where a bidirectional one needs a run
for each decision point: at the same cost it sees some twenty times as many.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nodes.judgement.pieces import Pieces
from nodes.judgement.sft.talk import Talk
from nodes.judgement.sft.turns import Step, TalkTurn, turns_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

NO_LABEL = -1
HEAD = 20
"""Pieces at the head of a window that are only context: too little is known there."""

Change = Callable[[Sequence[Step]], Sequence[Step]]


@dataclass(frozen=True)
class Batch:
    """Windows, padded to the longest: arrays of (windows, pieces)."""

    ids: Ints
    sides: Ints
    labels: Ints
    """`After` of the word that ends with this piece, or `NO_LABEL`."""
    weights: Floats


@dataclass(frozen=True)
class _Stream:
    ids: Ints
    sides: Ints
    labels: Ints
    weights: Floats


class Streams:
    """The training dialogues as streams, kept as turns so that noise can differ every time."""

    def __init__(self, talks: Iterable[Talk], pieces: Pieces) -> None:
        self._talks = [turns for talk in talks if (turns := turns_of(talk))]
        self._pieces = pieces
        self._known: dict[str, list[int]] = {}

    def batches(
        self, window: int, rows: int, seed: int, change: Change | None = None
    ) -> list[Batch]:
        """All dialogues once, in random order: windows of `window` pieces, `rows` at a time.

        `change` (noise) is applied to a third of the dialogues.
        """
        chance = np.random.default_rng(seed)
        windows: list[_Stream] = []
        for turns in self._talks:
            noisy = change if change and chance.random() < 1 / 3 else None
            stream = self._stream(turns, noisy, bool(chance.integers(2)))
            start = -int(chance.integers(window - HEAD))
            while start < len(stream.ids):
                windows.append(_cut(stream, max(0, start), start + window))
                start += window - HEAD
        order = chance.permutation(len(windows))
        return [
            _padded([windows[i] for i in order[at : at + rows]])
            for at in range(0, len(order), rows)
        ]

    def _stream(self, turns: Sequence[TalkTurn], change: Change | None, side: bool) -> _Stream:
        """One dialogue; the side changes whenever the speaker does."""
        ids: list[int] = []
        sides: list[int] = []
        labels: list[int] = []
        weights: list[float] = []
        speaker = turns[0].speaker
        for turn in turns:
            side ^= turn.speaker != speaker
            speaker = turn.speaker
            ids.append(self._pieces.turn)
            labels.append(NO_LABEL)
            weights.append(0.0)
            for step in change(turn.steps) if change else turn.steps:
                word = self._word(step.word)
                ids += word
                labels += [NO_LABEL] * (len(word) - 1) + [int(step.after)]
                weights += [0.0] * (len(word) - 1) + [step.weight]
            sides += [int(side)] * (len(ids) - len(sides))
        return _Stream(
            np.array(ids, np.int64),
            np.array(sides, np.int64),
            np.array(labels, np.int64),
            np.array(weights, np.float32),
        )

    def _word(self, word: str) -> list[int]:
        if word not in self._known:
            self._known[word] = self._pieces.of([word])
        return self._known[word]


def _cut(stream: _Stream, start: int, end: int) -> _Stream:
    labels = stream.labels[start:end].copy()
    if start:
        labels[:HEAD] = NO_LABEL
    return _Stream(
        stream.ids[start:end], stream.sides[start:end], labels, stream.weights[start:end]
    )


def _padded(windows: Sequence[_Stream]) -> Batch:
    width = max(len(window.ids) for window in windows)
    shape = (len(windows), width)
    batch = Batch(
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.full(shape, NO_LABEL, np.int64),
        np.zeros(shape, np.float32),
    )
    for row, window in enumerate(windows):
        length = len(window.ids)
        batch.ids[row, :length] = window.ids
        batch.sides[row, :length] = window.sides
        batch.labels[row, :length] = window.labels
        batch.weights[row, :length] = window.weights
    return batch
