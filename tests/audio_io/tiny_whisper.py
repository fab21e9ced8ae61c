"""A real CTranslate2 whisper model of 100 KB whose weights are set by hand: it says one sentence.

All attention and feed-forward weights are zero, so the decoder sees its position alone, and the
projection maps each position to the next word. faster-whisper loads and runs it as any other.
"""

import json
from pathlib import Path

import numpy as np
from ctranslate2.specs import WhisperSpec
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

DEPTH = 64
POSITIONS = 448
PROMPT = 2
"""Tokens before the first word: start of transcript, no time stamps."""
SPECIAL = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
]


def write_tiny_whisper(folder: Path, sentence: str) -> Path:
    words = sentence.split()
    tokens = ["<unk>", *dict.fromkeys(words), *SPECIAL]
    tokens += [f"<|{step * 0.02:.2f}|>" for step in range(1501)]
    ids = {token: number for number, token in enumerate(tokens)}
    spec = _spec([ids[word] for word in words], ids["<|endoftext|>"], len(tokens))
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = []
    spec.config.alignment_heads = [(0, 0)]
    spec.validate()
    spec.optimize()
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    tokenizer = Tokenizer(WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": 80}))
    return folder


def _spec(said: list[int], end: int, vocabulary: int) -> WhisperSpec:
    spec = WhisperSpec(1, 1, 1, 1)
    for name in spec.variables():
        if name.endswith("gamma"):
            _set(spec, name, np.ones(DEPTH))
        elif name.endswith("beta"):
            _set(spec, name, np.zeros(DEPTH))
    _set(spec, "encoder/conv1/weight", np.zeros((DEPTH, 80, 3)))
    _set(spec, "encoder/conv2/weight", np.zeros((DEPTH, DEPTH, 3)))
    for part, blocks in (("encoder", ["self_attention"]), ("decoder", ["self_attention"])):
        for block in blocks:
            _set(spec, f"{part}/layer_0/{block}/linear_0/weight", np.zeros((3 * DEPTH, DEPTH)))
            _set(spec, f"{part}/layer_0/{block}/linear_1/weight", np.zeros((DEPTH, DEPTH)))
        _set(spec, f"{part}/layer_0/ffn/linear_0/weight", np.zeros((DEPTH, DEPTH)))
        _set(spec, f"{part}/layer_0/ffn/linear_1/weight", np.zeros((DEPTH, DEPTH)))
    for number, rows in enumerate((DEPTH, 2 * DEPTH, DEPTH)):
        _set(spec, f"decoder/layer_0/attention/linear_{number}/weight", np.zeros((rows, DEPTH)))
    _set(spec, "decoder/embeddings/weight", np.zeros((vocabulary, DEPTH)))
    places = np.zeros((POSITIONS, DEPTH))
    for place in range(POSITIONS):
        places[place, min(place, DEPTH - 1)] = 1.0
    spec.encoder.position_encodings.encodings = np.zeros((1500, DEPTH), dtype=np.float32)
    spec.decoder.position_encodings.encodings = places.astype(np.float32)
    projection = np.zeros((vocabulary, DEPTH))
    for place in range(DEPTH):
        word = place - (PROMPT - 1)
        projection[said[word] if 0 <= word < len(said) else end, place] = 10.0
    _set(spec, "decoder/projection/weight", projection)
    return spec


def _set(spec: WhisperSpec, name: str, value: np.ndarray) -> None:
    *path, last = name.split("/")
    scope = spec
    for part in path:
        if part.rsplit("_", 1)[-1].isdigit() and not hasattr(scope, part):
            part, number = part.rsplit("_", 1)
            scope = getattr(scope, part)[int(number)]
        else:
            scope = getattr(scope, part)
    setattr(scope, last, value.astype(np.float32))
