"""The encoder's two networks, both begun from MiniLM-L6's lowest layers.

https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2. `Turns` tells what follows each piece
from what came before it only, so that every word of a training window is a decision point.
`Appraiser` sees a whole turn at once, behind the last words of the other side. They share MiniLM's
word vectors, which stay as they are.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 384
HEADS = 12
WIDE = 1536
TURNS_LAYERS = 3
APPRAISER_LAYERS = 3
POSITIONS = 192
DROPOUT = 0.1

APPRAISALS = ("affront", "unreasonable", "agreement", "conflict")
"""What the appraiser tells, each by itself; "boring" takes more than one sentence."""


class Layer(nn.Module):
    """One layer of BERT."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.after_attention, self.after_wide = (nn.LayerNorm(WIDTH, eps=1e-12) for _ in range(2))
        self.up, self.down = nn.Linear(WIDTH, WIDE), nn.Linear(WIDE, WIDTH)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        """`mask` (batch, 1, 1, pieces) is true where there is a piece; None: everywhere."""
        batch, length, _ = x.shape

        def split(y: Tensor) -> Tensor:
            return y.view(batch, length, HEADS, WIDTH // HEADS).transpose(1, 2)

        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        mixed = F.scaled_dot_product_attention(query, key, value, mask, is_causal=causal)
        return self.finish(x, mixed.transpose(1, 2).reshape(x.shape))

    def finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        """From what attention gathered (batch, pieces, width) to the layer's output."""
        x = self.after_attention(x + self.drop(self.out(mixed)))
        wide = F.gelu(self.up(x))
        hidden: Tensor = self.after_wide(x + self.drop(self.down(wide)))
        return hidden


class Body(nn.Module):
    """Word vectors, places and layers: what both networks have."""

    def __init__(self, pieces: int, layers: int) -> None:
        super().__init__()
        self.words = nn.Embedding(pieces, WIDTH)
        self.places = nn.Embedding(POSITIONS, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.drop = nn.Dropout(DROPOUT)

    def start_from_minilm(self, kept: Sequence[int], folder: Path) -> None:
        """Copies MiniLM's word vectors of the kept pieces, and its lowest layers."""
        from transformers import AutoModel

        state: Mapping[str, Tensor] = AutoModel.from_pretrained(folder).state_dict()
        with torch.no_grad():
            self.words.weight.copy_(state["embeddings.word_embeddings.weight"][list(kept)])
            kind = state["embeddings.token_type_embeddings.weight"][0]
            places = state["embeddings.position_embeddings.weight"][:POSITIONS]
            self.places.weight.copy_(places + kind)
            self.norm.weight.copy_(state["embeddings.LayerNorm.weight"])
            self.norm.bias.copy_(state["embeddings.LayerNorm.bias"])
            for number, layer in enumerate(self.layers):
                for ours, theirs in _NAMES.items():
                    for part in ("weight", "bias"):
                        source = state[f"encoder.layer.{number}.{theirs}.{part}"]
                        layer.get_parameter(f"{ours}.{part}").copy_(source)
        self.words.weight.requires_grad_(False)


class Turns(Body):
    """What follows each piece, from what came before it."""

    def __init__(self, pieces: int, layers: int = TURNS_LAYERS) -> None:
        super().__init__(pieces, layers)
        self.sides = nn.Embedding(2, WIDTH)
        nn.init.zeros_(self.sides.weight)
        self.after = nn.Sequential(
            nn.Dropout(DROPOUT), nn.Linear(WIDTH, WIDTH // 2), nn.GELU(), nn.Linear(WIDTH // 2, 3)
        )

    def forward(self, ids: Tensor, sides: Tensor) -> Tensor:
        """(batch, pieces) to hidden states (batch, pieces, width); `after` takes them on."""
        return self.read(self.words(ids), sides)

    def read(self, words: Tensor, sides: Tensor) -> Tensor:
        """The same from word vectors (batch, pieces, width)."""
        places = self.places.weight[: words.shape[1]]
        x = self.drop(self.norm(words + places) + self.sides(sides))
        for layer in self.layers:
            x = layer(x, None, True)
        return x


class Appraiser(Body):
    """The appraisals of a turn."""

    def __init__(self, pieces: int, layers: int = APPRAISER_LAYERS) -> None:
        super().__init__(pieces, layers)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * WIDTH, len(APPRAISALS)))

    def forward(self, ids: Tensor, real: Tensor, turn: Tensor) -> Tensor:
        """Logits (batch, appraisals).

        `real` (batch, pieces) is true where a piece is, `turn` where it is one of the turn that is
        appraised, and not of what was said before.
        """
        x = self.drop(self.norm(self.words(ids) + self.places.weight[: ids.shape[1]]))
        for layer in self.layers:
            x = layer(x, real[:, None, None, :], False)
        weight = turn.unsqueeze(-1).to(x.dtype)
        mean = (x * weight).sum(1) / weight.sum(1)
        most = x.masked_fill(~turn.unsqueeze(-1), -1e4).amax(1)
        logits: Tensor = self.head(torch.cat([mean, most], 1))
        return logits


_NAMES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "after_attention": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "after_wide": "output.LayerNorm",
}
