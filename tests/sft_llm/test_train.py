"""From examples to a judge that answers over HTTP, with a small model drawn by chance."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from graph.errors import BadInput
from graph.settings import LLMSettings
from graph.state import Estimate
from nodes.judgement.estimator import View
from nodes.judgement.llm import LlmJudge
from nodes.judgement.llm_prompt import APPRAISALS, judge_messages
from nodes.judgement.rules import RulesEstimator
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.llm.encode import IGNORED, ChatTokens
from nodes.judgement.sft.llm.examples import view_of_example
from server.cli import main
from tests.sft_llm.conftest import Trained, served
from tests.sft_llm.tiny_llama import CHATML, NO_SYSTEM, tiny_tokenizer, write_examples

pytestmark = [pytest.mark.train, pytest.mark.timeout(600)]


def example(label, text="could you help me"):
    return Example("a-1", "a", (("agent", "hello"),), text, "pause", label)


def counted(tokenizer, label):
    made = ChatTokens(tokenizer, "tiny").encode(example(label))
    return tokenizer.decode([token for token in made.labels if token != IGNORED])


def test_the_loss_counts_only_the_word_that_the_label_tells():
    tokenizer = tiny_tokenizer()
    assert counted(tokenizer, "respond") == "respond"
    assert counted(tokenizer, "listen") == "listen"
    assert counted(tokenizer, "affront") == " affront<|im_end|>"
    assert counted(tokenizer, "plain") == " plain<|im_end|>"


def test_a_sequence_is_the_prompt_that_a_server_makes_and_the_answer():
    tokenizer = tiny_tokenizer()
    made = ChatTokens(tokenizer, "tiny").encode(example("listen"))
    messages = judge_messages(view_of_example(example("listen")))
    asked = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert tokenizer.decode(made.input_ids) == f"{asked}listen plain<|im_end|>"


def test_an_appraisal_is_learnt_behind_either_floor_word():
    tokenizer = tiny_tokenizer()
    tokens = ChatTokens(tokenizer, "tiny")
    texts = [replace(example("affront"), id=f"a-{number}") for number in range(20)]
    said = [tokenizer.decode(tokens.encode(text).input_ids) for text in texts]
    floors = [text.removesuffix(" affront<|im_end|>").split()[-1] for text in said]
    assert set(floors) == {"respond", "listen"}


@pytest.mark.parametrize(
    ("template", "problem"), [(None, "no chat template"), (NO_SYSTEM, "System role not supported")]
)
def test_a_model_that_cannot_hold_the_prompt_is_refused(template, problem):
    with pytest.raises(BadInput, match=problem):
        ChatTokens(tiny_tokenizer(template=template), "tiny")


def test_a_template_that_ends_messages_with_plain_text_has_the_models_end():
    tokenizer = tiny_tokenizer(template=CHATML.replace("<|im_end|>", ""))
    assert ChatTokens(tokenizer, "tiny").end == tokenizer.eos_token_id


def test_the_loss_falls_on_what_was_learnt_and_on_what_was_not(trained: Trained):
    report = trained.report
    losses, held_out = report["losses"], report["held_out_loss"]
    assert isinstance(losses, list)
    assert isinstance(held_out, list)
    assert losses[-1] < losses[0] / 10
    assert held_out[1] < held_out[0] / 10


async def test_the_merged_model_judges_over_http_what_the_base_cannot(trained: Trained):
    answered, _ = await asked(trained.base, trained.held_out[:6])
    assert answered == 0, "drawn by chance, it does not know the form"
    answered, estimates = await asked(trained.out / "merged", trained.held_out)
    assert answered == 40
    told = list(zip([line["label"] for line in trained.held_out], estimates, strict=True))
    ended = [estimate.p_complete for label, estimate in told if label == "respond"]
    going_on = [estimate.p_complete for label, estimate in told if label == "listen"]
    ranked = [end > go_on for end in ended for go_on in going_on]
    assert sum(ranked) > 0.9 * len(ranked)
    appraised = [estimate.appraisal == label for label, estimate in told if label in APPRAISALS]
    assert sum(appraised) > 0.8 * len(appraised)


async def asked(model: Path, rows: list[dict[str, object]]) -> tuple[int, list[Estimate]]:
    """How many of the rows the model answered, and what the judge made of each."""
    from nodes.judgement.sft.llm.speak import LocalModel

    with served(LocalModel(str(model))) as url:
        settings = LLMSettings(model="judge", base_url=url)
        judge = LlmJudge(settings, 30, RulesEstimator(), rest_seconds=0)
        estimates = [await judge.estimate(View(str(line["partial"]))) for line in rows]
        await judge.close()
    return judge.counts["answered"], estimates


def test_the_merged_model_says_what_base_and_adapter_say_together(trained: Trained):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    merged = AutoModelForCausalLM.from_pretrained(trained.out / "merged")
    base = AutoModelForCausalLM.from_pretrained(trained.base)
    apart = PeftModel.from_pretrained(base, str(trained.out / "adapter"))
    tokenizer = AutoTokenizer.from_pretrained(trained.out / "merged")
    assert tokenizer.chat_template == CHATML
    ids = torch.tensor([ChatTokens(tokenizer, "tiny").prompt(judge_messages(View("and so")))])
    with torch.inference_mode():
        torch.testing.assert_close(merged(ids).logits, apart(ids).logits, atol=1e-3, rtol=1e-3)
    assert "FROM ./judge.gguf" in (trained.out / "merged" / "Modelfile").read_text()


def test_a_prompt_longer_than_the_model_is_refused_with_its_length(trained: Trained):
    from nodes.judgement.sft.llm.speak import LocalModel

    model = LocalModel(str(trained.out / "merged"))
    with pytest.raises(BadInput, match="there is room for"):
        model.speak([{"role": "user", "content": "and " * 3000}], 16, 5)


def test_the_same_seed_trains_the_same(trained: Trained, tmp_path):
    file = write_examples(tmp_path / "few.jsonl", trained.held_out)
    losses = []
    for name in ("one", "two"):
        out = tmp_path / name
        main(["sft", "llm", "--model", str(trained.base), "--examples", str(file), "--limit", "8",
              "--batch", "4", "--out", str(out)])  # fmt: skip
        losses.append(json.loads((out / "training.json").read_text())["losses"])
    assert losses[0] == losses[1]


def test_examples_that_are_too_long_are_left_out_and_where_all_are_it_says_so(
    trained: Trained, tmp_path, capsys
):
    file = write_examples(tmp_path / "long.jsonl", trained.held_out)
    given = ["sft", "llm", "--model", str(trained.base), "--examples", str(file)]
    assert main([*given, "--max-length", "20", "--out", str(tmp_path / "out")]) == 2
    assert "none of 40 examples is that short" in capsys.readouterr().err


def test_a_folder_without_a_model_is_named(trained: Trained, tmp_path, capsys):
    file = write_examples(tmp_path / "few.jsonl", trained.held_out)
    (tmp_path / "empty").mkdir()
    given = ["sft", "llm", "--model", str(tmp_path / "empty"), "--examples", str(file)]
    assert main([*given, "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert "--model PATH" in told
    assert str(tmp_path / "empty")[-20:] in told
