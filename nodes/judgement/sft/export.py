"""The trained networks as the files that the encoder loads: int8 word vectors and ONNX graphs.

Weights are quantised by channel and to 7 bits: without VNNI, 8-bit products saturate
(https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from nodes.judgement.network import APPRAISER_FILE, TURNS_FILE, VECTORS_FILE
from nodes.judgement.pieces import ANSWERED_PIECES, CONTEXT_PIECES, TURN_PIECES
from nodes.judgement.sft.net import HEADS, WIDTH, Appraiser, Layer, Turns

_SCALE = (WIDTH / HEADS) ** -0.5


def export(turns: Turns, appraiser: Appraiser, to: Path) -> None:
    """Writes all files of the encoder but the tokenizer's."""
    _write_vectors(turns.words.weight.detach(), to / VECTORS_FILE)
    words, sides = torch.zeros(1, 9, WIDTH), torch.ones(1, 9, dtype=torch.int64)
    most = CONTEXT_PIECES + TURN_PIECES
    given = {"words": words, "sides": sides}
    _write_graph(_Turns(turns, most), given, most, to / TURNS_FILE)
    most = ANSWERED_PIECES + TURN_PIECES
    given = {"words": words, "first": torch.tensor([3])}
    _write_graph(_Appraiser(appraiser, most), given, most, to / APPRAISER_FILE)


class _Turns(nn.Module):
    """`Turns` for one row of word vectors: what follows the last piece, as probabilities."""

    def __init__(self, turns: Turns, most: int) -> None:
        super().__init__()
        self.turns = turns
        self.layers = nn.ModuleList(_Plain(layer) for layer in turns.layers[:-1])
        self.last = _Last(turns.layers[-1])
        self.places = nn.Parameter(turns.places.weight[:most].detach())
        self.register_buffer("later", torch.full((most, most), -1e4).triu(1))

    def forward(self, words: Tensor, sides: Tensor) -> Tensor:
        """(1, pieces, width) and (1, pieces) to (1, 3)."""
        length = words.shape[1]
        x = self.turns.norm(words + self.places[:length]) + self.turns.sides(sides)
        later: Tensor = self.get_buffer("later")[:length, :length]
        for layer in self.layers:
            x = layer(x, later)
        after: Tensor = self.turns.after(self.last(x)).softmax(-1)
        return after


class _Appraiser(nn.Module):
    """`Appraiser` for one row of word vectors, as probabilities."""

    def __init__(self, appraiser: Appraiser, most: int) -> None:
        super().__init__()
        self.appraiser = appraiser
        self.layers = nn.ModuleList(_Plain(layer) for layer in appraiser.layers)
        self.places = nn.Parameter(appraiser.places.weight[:most].detach())

    def forward(self, words: Tensor, first: Tensor) -> Tensor:
        """(1, pieces, width) and the turn's first piece (1,) to (1, appraisals)."""
        x = self.appraiser.norm(words + self.places[: words.shape[1]])
        for layer in self.layers:
            x = layer(x, None)
        # A mask and no slice: the graph's shapes stay known, and these rows are few.
        turn = (torch.arange(words.shape[1]) >= first)[None, :, None]
        mean = (x * turn).sum(1) / turn.sum(1)
        most = torch.where(turn, x, torch.tensor(-1e4)).amax(1)
        likely: Tensor = self.appraiser.head(torch.cat([mean, most], 1)).sigmoid()
        return likely


class _Plain(nn.Module):
    """A layer with query, key and value in one product, which is quantised once."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer
        self.all = _joined(_scaled(layer.query), layer.key, layer.value)

    def forward(self, x: Tensor, hide: Tensor | None) -> Tensor:
        """`hide` is added to the attention's scores."""
        query, key, value = self.all(x).split(WIDTH, -1)
        return self.layer.finish(x, _attend(query, key, value, hide))


class _Last(nn.Module):
    """A causal layer of which only the last piece is wanted: the others give key and value."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer
        self.query, self.others = _scaled(layer.query), _joined(layer.key, layer.value)

    def forward(self, x: Tensor) -> Tensor:
        """(1, pieces, width) to (1, width)."""
        newest = x[:, -1:]
        key, value = self.others(x).split(WIDTH, -1)
        return self.layer.finish(newest, _attend(self.query(newest), key, value, None))[:, 0]


def _attend(query: Tensor, key: Tensor, value: Tensor, hide: Tensor | None) -> Tensor:
    """What attention gathers, all (1, pieces, width); the query is scaled already."""
    parts = [x.reshape(-1, HEADS, WIDTH // HEADS).transpose(0, 1) for x in (query, key, value)]
    scores = parts[0] @ parts[1].transpose(-1, -2)
    if hide is not None:
        scores = scores + hide
    return (scores.softmax(-1) @ parts[2]).transpose(0, 1).reshape(1, -1, WIDTH)


def _scaled(query: nn.Linear) -> nn.Linear:
    """The product that gives queries, with the scale of the attention's scores in it."""
    scaled = nn.Linear(WIDTH, WIDTH)
    with torch.no_grad():
        scaled.weight.copy_(query.weight * _SCALE)
        scaled.bias.copy_(query.bias * _SCALE)
    return scaled


def _joined(*parts: nn.Linear) -> nn.Linear:
    """One product for several of the same input."""
    joined = nn.Linear(WIDTH, len(parts) * WIDTH)
    with torch.no_grad():
        joined.weight.copy_(torch.cat([part.weight for part in parts]))
        joined.bias.copy_(torch.cat([part.bias for part in parts]))
    return joined


def _write_vectors(weight: Tensor, to: Path) -> None:
    """Rows of int8 with a scale each."""
    rows = weight.numpy()
    scales = np.abs(rows).max(1).clip(1e-9) / 127
    np.savez_compressed(
        to, rows=np.rint(rows / scales[:, None]).astype(np.int8), scales=scales.astype(np.float32)
    )


def _write_graph(network: nn.Module, example: dict[str, Tensor], most: int, to: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    length = torch.export.Dim("pieces", min=2, max=most)
    with tempfile.TemporaryDirectory() as scratch:
        full = str(Path(scratch) / "full.onnx")
        torch.onnx.export(
            network.eval(),
            kwargs=example,
            f=full,
            input_names=list(example),
            output_names=["likely"],
            dynamic_shapes={
                name: {1: length} if x.dim() > 1 else {} for name, x in example.items()
            },
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        quantize_dynamic(
            full, str(to), per_channel=True, reduce_range=True, weight_type=QuantType.QInt8
        )
