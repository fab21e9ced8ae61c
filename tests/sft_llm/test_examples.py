"""Examples read back, before any model is there."""

import json

import pytest

from evals.judgement import Row
from graph.errors import BadInput
from nodes.judgement.sft.example import Example, write_examples
from nodes.judgement.sft.llm.examples import drawn, read_examples, view_of_example
from nodes.judgement.sft.llm.recipe import Recipe
from server.cli import main

EXAMPLE = Example(
    id="talk-0-p1", dialogue="talk", context=(("user", "hm"), ("agent", "yes?")) * 3,
    partial="could you", at="pause", label="listen", weight=0.5, soon=0.2,
)  # fmt: skip


def test_what_was_written_is_read(tmp_path):
    write_examples([EXAMPLE], tmp_path / "train.jsonl")
    assert read_examples([tmp_path / "train.jsonl"], tmp_path) == [EXAMPLE]


def test_an_example_is_shown_to_the_judge_as_a_row_of_a_judgement_set_is():
    fields = json.loads(EXAMPLE.line())
    assert view_of_example(EXAMPLE) == Row.model_validate(fields).view()


@pytest.mark.parametrize(
    ("field", "value"),
    [("label", "maybe"), ("weight", 2), ("partial", ""), ("at", "later"), ("context", "hello")],
)
def test_a_wrong_line_is_named_with_its_field(tmp_path, field, value):
    line = json.dumps(json.loads(EXAMPLE.line()) | {field: value})
    (tmp_path / "train.jsonl").write_text(f"{EXAMPLE.line()}\n{line}\n")
    with pytest.raises(BadInput, match=rf"train\.jsonl:2: {field}"):
        read_examples([tmp_path / "train.jsonl"], tmp_path)


def test_a_judgement_set_is_never_trained_on(tmp_path):
    folder = tmp_path / "judgement"
    folder.mkdir()
    write_examples([EXAMPLE], folder / "when.jsonl")
    with pytest.raises(BadInput, match="never for training"):
        read_examples([folder / "when.jsonl"], tmp_path)
    write_examples([EXAMPLE], tmp_path / "copied.jsonl")
    with pytest.raises(BadInput, match="in a judgement set"):
        read_examples([tmp_path / "copied.jsonl"], tmp_path)


def test_doubtful_examples_take_part_in_as_many_epochs_as_their_weight_says():
    order = drawn([1.0, 0.25, 0.0], epochs=400, seed=1)
    assert order.count(0) == 400
    assert 70 < order.count(1) < 130
    assert 2 not in order
    assert order == drawn([1.0, 0.25, 0.0], epochs=400, seed=1)
    assert order != drawn([1.0, 0.25, 0.0], epochs=400, seed=2)


@pytest.mark.parametrize(
    ("name", "value"), [("rank", 0), ("rate", 0.0), ("dropout", 1.0), ("batch", 6), ("limit", -1)]
)
def test_a_recipe_that_cannot_be_is_refused_by_its_flag(name, value):
    with pytest.raises(BadInput, match=f"--{name}"):
        Recipe(**{name: value})


def test_a_dialogue_cannot_be_learnt_and_held_out(tmp_path, capsys):
    file = str(tmp_path / "train.jsonl")
    write_examples([EXAMPLE], tmp_path / "train.jsonl")
    given = ["--model", "x", "--examples", file, "--held-out", file, "--out", str(tmp_path / "o")]
    assert main(["sft", "llm", *given]) == 2
    assert "this dialogue is among the examples too" in capsys.readouterr().err
