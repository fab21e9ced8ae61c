"""Sentences to vectors: all-MiniLM-L6-v2 as int8 ONNX, on the CPU, without torch.

The model (https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2, Apache-2.0) is made by
tools/export_embedder.py; its graph ends in mean pooling and normalising.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from graph.errors import Unavailable

FOLDER = Path(__file__).parent / "models" / "minilm"

Vectors = npt.NDArray[np.float32]


class Embedder(Protocol):
    """Maps texts to unit vectors; near in meaning is near in cosine. Safe to call from threads."""

    @property
    def dims(self) -> int:
        """Length of a vector."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length 1, float32, one row a text. Blocks: call it in a thread."""


class MiniLm:
    """The embedder that ships: 384 floats a text, of its first 256 tokens.

    Loads in the constructor (about a quarter of a second). Raises `Unavailable` if a model file is
    missing or broken.
    """

    dims = 384

    def __init__(
        self,
        model: Path = FOLDER / "model.onnx",
        tokenizer: Path = FOLDER / "tokenizer.json",
    ) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        for file in (model, tokenizer):
            if not file.is_file():
                raise Unavailable(
                    f"embedder: {file} is missing; install CleanS2S anew, or make it with"
                    " tools/export_embedder.py"
                )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        try:
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
            self._session = onnxruntime.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # both libraries raise classes of their own, derived from this
            raise Unavailable(f"embedder: {model.parent} cannot be loaded: {error}") from error
        self._tokenizer.no_padding()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        # One by one: on one thread, padding a batch to its longest text costs more than it saves.
        vectors = np.empty((len(texts), self.dims), dtype=np.float32)
        for row, text in enumerate(texts):
            tokens = np.array([self._tokenizer.encode(clean(text)).ids], dtype=np.int64)
            given = {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}
            vectors[row] = self._session.run(None, given)[0]
        return vectors


def clean(text: str) -> str:
    """The text without lone surrogates, which neither tokenizers nor SQLite take."""
    return text.encode("utf-8", "replace").decode("utf-8")
