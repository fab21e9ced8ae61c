"""The embedder that ships."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from graph.errors import Unavailable
from memory.embedder import FOLDER, MiniLm

ROOT = Path(__file__).parents[2]

REFERENCE = [
    ("my dog's name is Biscuit", "what is my dog called?", 0.6366),
    ("i work as a nurse at night", "what's my job?", 0.3893),
    ("he plays the guitar on sundays", "a man makes music at the weekend", 0.5991),
    ("the train leaves at nine", "i like strawberry jam", -0.0062),
    ("please stop talking", "be quiet", 0.4425),
]
"""Cosines that sentence-transformers gives with the full model."""


@pytest.mark.parametrize(("one", "other", "cosine"), REFERENCE)
def test_int8_tells_nearness_as_the_full_model_does(
    embedder: MiniLm, one: str, other: str, cosine: float
):
    a, b = embedder.embed([one, other])
    assert float(a @ b) == pytest.approx(cosine, abs=0.06)


def test_a_vector_is_384_floats_of_length_1_whatever_the_text(embedder: MiniLm):
    texts = ["", " ", "word", "word " * 10_000, "\ud800", "\x00", "你好", "🦊" * 300]
    vectors = embedder.embed(texts)
    assert vectors.shape == (len(texts), embedder.dims) == (8, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(8), abs=1e-4)
    assert embedder.embed([]).shape == (0, 384)


def test_from_several_threads_the_vectors_are_the_same(embedder: MiniLm):
    texts = [f"sentence number {n} about the sea" for n in range(24)]
    alone = embedder.embed(texts)
    with ThreadPoolExecutor(4) as pool:
        together = np.concatenate(list(pool.map(lambda text: embedder.embed([text]), texts)))
    assert np.array_equal(alone, together)


def test_a_missing_model_is_named_with_what_to_do(tmp_path: Path):
    with pytest.raises(Unavailable, match=r"model\.onnx is missing.*export_embedder"):
        MiniLm(model=tmp_path / "model.onnx")


def test_a_broken_model_is_named(tmp_path: Path):
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(Unavailable, match="cannot be loaded"):
        MiniLm(model=tmp_path / "model.onnx")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(Unavailable, match="cannot be loaded"):
        MiniLm(tokenizer=tmp_path / "tokenizer.json")


def test_the_model_names_its_licence_and_no_path_of_the_machine_that_made_it():
    assert "Apache License 2.0" in (FOLDER / "README.md").read_text()
    content = (FOLDER / "model.onnx").read_bytes()
    assert b"site-packages" not in content
    assert b"/home/" not in content
    assert (FOLDER / "tokenizer.json").stat().st_size < 1_000_000
    assert len(content) < 24_000_000


@pytest.mark.train
def test_the_export_makes_the_model_that_ships(embedder: MiniLm, tmp_path: Path):
    script = ROOT / "tools" / "export_embedder.py"
    spec = importlib.util.spec_from_file_location("export_embedder", script)
    assert spec
    assert spec.loader
    export = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(export)
    export.export(tmp_path / "fp32.onnx")
    export.quantise(tmp_path / "fp32.onnx", tmp_path / "model.onnx")
    export.write_tokenizer(tmp_path / "tokenizer.json")
    made = MiniLm(model=tmp_path / "model.onnx", tokenizer=tmp_path / "tokenizer.json")
    texts = [text for one, other, _ in REFERENCE for text in (one, other)]
    assert (made.embed(texts) * embedder.embed(texts)).sum(axis=1).min() > 0.999
