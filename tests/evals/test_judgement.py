"""`cleans2s evals judgement`: figures of a judge over sets of decision points."""

import json

import numpy as np
import pytest

from evals.judgement import Row, judge_file, main, read_set, score
from evals.judges import build_judge
from evals.metrics import NAMES, measure
from graph.errors import BadInput, Unavailable
from graph.state import Estimate
from tests.llm_server import Answer, Request, judges, llm_server, refuses, says


def row(number, partial, label, at="pause"):
    context = [{"speaker": "agent", "text": "where are you"}]
    return {"id": f"r{number}", "context": context, "partial": partial, "at": at, "label": label}


def set_of(tmp_path, name, rows):
    path = tmp_path / name
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return path


ROWS = [
    row(1, "what is your name?", "respond"),
    row(2, "i went to the", "listen"),
    row(3, "and then uh", "respond"),
    row(4, "how are you?", "listen", at="mid_speech"),
]


async def test_a_judge_is_scored_on_what_it_estimates(tmp_path):
    report = await judge_file(set_of(tmp_path, "when_x.jsonl", ROWS), build_judge("rules"))
    assert report.positive == "respond"
    seen = report.all.confusion
    assert (seen.true_positive, seen.false_positive) == (1, 1)
    assert (seen.false_negative, seen.true_negative) == (1, 1)
    assert report.all.plain()["n"] == 4
    assert report.pause.plain()["n"] == 3
    assert report.pause.plain()["precision"] == 1.0


async def test_the_judge_sees_the_words_and_not_where_they_were_cut(tmp_path):
    seen = []

    class Watches:
        async def estimate(self, view):
            seen.append(view)
            return Estimate(0.5)

    await judge_file(set_of(tmp_path, "x.jsonl", ROWS), Watches())
    assert [view.text for view in seen] == [r["partial"] for r in ROWS]
    assert seen[0].context == (("agent", "where are you"),)
    cut_elsewhere = Row.model_validate(ROWS[0] | {"at": "mid_speech"})
    assert cut_elsewhere.view() == seen[0]


def test_the_json_has_the_agreed_names(tmp_path, capsys):
    path = set_of(tmp_path, "when_x.jsonl", ROWS)
    rude = [row(1, "you are an idiot", "affront", "end"), row(2, "hello", "plain", "end")]
    other = set_of(tmp_path, "what_y.jsonl", rude)
    out = tmp_path / "out.json"
    assert main([str(path), str(other), "--judge", "rules", "--json", str(out)]) == 0
    figures = json.loads(out.read_text())
    assert list(figures) == ["when_x", "what_y"]
    for part in figures.values():
        assert set(part) == {"all", "pause", "latency_ms"}
        assert set(part["all"]) == set(part["pause"]) == set(NAMES)
        assert set(part["latency_ms"]) == {"p50", "p95"}
    assert figures["what_y"]["all"]["f1"] == 1.0
    assert figures["what_y"]["pause"]["n"] == 0
    assert figures["what_y"]["pause"]["ap"] is None
    printed = capsys.readouterr().out
    table = [line.split() for line in printed.partition("Table 2")[2].splitlines()]
    assert ["the", "paper,", "before", "SFT", "0.84", "0.70", "0.70"] in table
    assert ["the", "paper,", "after", "SFT", "0.91", "0.78", "0.83"] in table
    assert ["rules", "on", "when_x", "0.50", "0.50", "0.50"] in table
    assert not any("what_y" in line for line in table)
    assert "1 found, 0 missed, 0 false alarms, 1 rightly left" in printed


def told(request: Request) -> Answer:
    """A model that knows one cue, and talks where it should judge."""
    partial = request.messages[-1]["content"].rpartition("The turn so far: ")[2]
    if "uh" in partial.split():
        return says("The user hesitates.")
    over = 0.9 if partial.endswith("?") else 0.2
    return judges({"respond": over, "listen": 1 - over}, {" plain": 1.0})


def test_a_chat_model_is_judged_and_its_malformed_answers_are_counted(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("CLEANS2S_JUDGE_LLM__TIMEOUT_SECONDS", "20")
    path, out = set_of(tmp_path, "when_x.jsonl", ROWS), tmp_path / "out.json"
    with llm_server(told) as server:
        flags = ["--judge", "llm", "--model", "small", "--base-url", server.url]
        assert main([str(path), *flags, "--json", str(out)]) == 0
        asked = server.requests
    assert {request.body["model"] for request in asked} == {"small"}
    assert sum(request.messages[-1]["content"].endswith("and then uh") for request in asked) == 1
    printed = capsys.readouterr().out
    assert "judge: llm (small)" in printed
    assert "no answer from the model: 1 malformed" in printed
    (entry,) = json.loads(out.read_text()).values()
    assert set(entry) == {"all", "pause", "latency_ms"}
    assert entry["all"]["recall"] == 0.5
    assert entry["all"]["precision"] == 0.5
    assert entry["latency_ms"]["p50"] > 0


@pytest.mark.parametrize("status", [401, 404, 429])
def test_a_chat_model_that_refuses_has_no_figures(tmp_path, status):
    path = set_of(tmp_path, "when_x.jsonl", ROWS)
    with (
        llm_server(lambda _: refuses(status)) as server,
        pytest.raises(Unavailable, match=str(status)),
    ):
        main([str(path), "--judge", "llm", "--model", "m", "--base-url", server.url])


def test_without_a_model_there_is_no_llm_judge(tmp_path):
    with pytest.raises(BadInput, match=r"judge_llm\.model"):
        main([str(set_of(tmp_path, "when_x.jsonl", ROWS)), "--judge", "llm"])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"at": "later"}, "x.jsonl:1: at"),
        ({"label": "shout"}, "x.jsonl:1: label"),
        ({"partial": 3}, "x.jsonl:1: partial"),
        ({"context": [{"speaker": "robot", "text": ""}]}, "x.jsonl:1: context.0.speaker"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(tmp_path, change, named):
    with pytest.raises(BadInput) as caught:
        read_set(set_of(tmp_path, "x.jsonl", [ROWS[0] | change]))
    assert caught.value.field.startswith(named)


def test_what_is_no_json_is_empty_missing_or_has_no_positive_is_refused(tmp_path):
    broken = tmp_path / "x.jsonl"
    broken.write_text("{\n")
    with pytest.raises(BadInput, match=r"x\.jsonl:1"):
        read_set(broken)
    broken.write_text("\n")
    with pytest.raises(BadInput, match="no rows"):
        read_set(broken)
    with pytest.raises(BadInput, match="cannot be read"):
        read_set(tmp_path / "gone.jsonl")
    plain = set_of(tmp_path, "p.jsonl", [row(1, "hi", "plain")])
    with pytest.raises(BadInput, match="needs one of respond"):
        main([str(plain), "--judge", "rules"])
    with pytest.raises(BadInput, match="one name"):
        main([str(plain), str(plain), "--judge", "rules"])


def test_an_appraisal_that_was_not_named_stays_below_the_threshold():
    plain, sure = Estimate(0.1, "plain", 0.2), Estimate(0.1, "affront", 0.9)
    assert score(sure, "affront") == 0.9
    assert score(plain, "affront") < 0.5
    assert score(Estimate(0.1, "plain", 0.9), "affront") == pytest.approx(0.1)
    assert score(sure, "unreasonable") == pytest.approx(0.1)
    assert score(sure, "respond") == 0.1


def test_average_precision_counts_ties_together():
    # By hand: one positive at 0.9; then two rows of one score, one of them positive.
    scores = np.array([0.9, 0.6, 0.6, 0.1])
    truth = np.array([True, True, False, False])
    figures = measure(scores, truth, 0.5).plain()
    assert figures["ap"] == pytest.approx(0.5 * 1.0 + 0.5 * 2 / 3)
    assert figures["recall_at_p75"] == pytest.approx(0.5)
    assert figures["precision"] == pytest.approx(2 / 3)
    assert figures["recall"] == 1.0
    assert figures["accuracy"] == 0.75


def test_scores_that_say_nothing_give_the_base_rate():
    truth = np.arange(400) % 4 == 0
    metrics = measure(np.full(400, 0.3), truth, 0.5)
    figures = metrics.plain()
    assert figures["ap"] == pytest.approx(0.25)
    assert (figures["precision"], figures["recall"], figures["f1"]) == (0, 0, 0)
    assert figures["recall_at_p75"] == 0


def test_an_interval_holds_the_figure_and_narrows_with_more_rows():
    draws = np.random.default_rng(0)
    widths = []
    for n in (100, 3000):
        truth = draws.random(n) < 0.4
        scores = np.clip(0.4 + 0.2 * truth + 0.2 * draws.standard_normal(n), 0, 1)
        figure = measure(scores, truth, 0.5).figures["ap"]
        low, value, high = figure.low, figure.value, figure.high
        assert low is not None
        assert value is not None
        assert high is not None
        assert low < value < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 3


def test_the_same_scores_give_the_same_interval():
    truth = np.arange(50) % 2 == 0
    scores = np.linspace(0, 1, 50)
    assert measure(scores, truth, 0.5) == measure(scores, truth, 0.5)
