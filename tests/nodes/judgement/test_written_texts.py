"""The sentences written for what the corpora lack: every kind has its innocent doubles."""

import json
from collections import Counter
from pathlib import Path

from nodes.judgement.sft.data import main
from nodes.judgement.sft.written_texts import WRITTEN, written_texts


def test_every_file_has_what_it_teaches_and_what_only_sounds_like_it() -> None:
    for name in WRITTEN:
        labels = Counter(example.label for example in written_texts(name, seed=0))
        assert labels["plain"] > 0
        assert len(labels) > 1


def test_no_slot_is_left_open_and_a_seed_gives_the_same_texts() -> None:
    for name in WRITTEN:
        texts = [example.partial for example in written_texts(name, seed=1)]
        assert not [text for text in texts if "{" in text]
        assert texts == [example.partial for example in written_texts(name, seed=1)]
        assert texts != [example.partial for example in written_texts(name, seed=2)]


def test_no_sentence_is_taught_as_two_things() -> None:
    labels: dict[str, set[str]] = {}
    for name in WRITTEN:
        for example in written_texts(name, seed=0):
            labels.setdefault(example.partial, set()).add(example.label)
    assert not {text: both for text, both in labels.items() if len(both) > 1}


def test_the_command_writes_them_with_no_line_on_both_sides(tmp_path: Path) -> None:
    assert main([str(tmp_path), "--written"]) == 0
    files = [tmp_path / f"{name}.jsonl" for name in ("train", "held_out")]
    rows = [[json.loads(row) for row in file.read_text().splitlines()] for file in files]
    lines = [{row["dialogue"] for row in side} for side in rows]
    assert lines[0]
    assert lines[1]
    assert not lines[0] & lines[1]
