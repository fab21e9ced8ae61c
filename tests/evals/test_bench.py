"""The benches: figures, targets, the table, and each of them in small."""

import json
import os
from pathlib import Path

import pytest

from evals.bench import cold_start, hour, partial, recall, run, typed_turn
from evals.bench.figure import Figure, Target, percentile, spread
from evals.bench.registry import BENCHES
from graph.errors import BadInput


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 95)) == (50.0, 95.0)
    assert percentile([7.0], 95) == 7.0
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target(), None),
        (Target(p50=2.0), True),
        (Target(p50=1.9), False),
        (Target(p50=2.0, p95=3.0), True),
        (Target(p50=2.0, p95=2.9), False),
    ],
)
def test_a_target_is_met_when_every_part_of_it_is(target: Target, met: bool | None) -> None:
    assert spread("x", "ms", [1.0, 2.0, 3.0], target).met is met


def test_a_target_for_a_percentile_that_was_not_measured_is_missed() -> None:
    assert Figure("x", "ms", 1.0, target=Target(p95=5.0)).met is False


def test_an_unknown_bench_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BadInput, match="partial, typed_turn"):
        run.main(["nothing"])


def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--json"):
        run.main(["hour", "--json", str(tmp_path / "missing" / "figures.json")])


def bench_of(figures: list[Figure], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BENCHES, "one", lambda: figures)


def test_the_report_holds_what_the_table_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = Figure("a slow thing", "ms", 5.0, 9.0, 100, Target(p50=3.0))
    bench_of([slow, Figure("a size", "MB", 1.5)], monkeypatch)
    file = tmp_path / "figures.json"
    assert run.main(["one", "--json", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "a slow thing" in shown
    assert "5.00 ms" in shown
    assert "NO" in shown
    assert run.main(["one", "--strict"]) == 3, "a target was missed"
    report = json.loads(file.read_text())
    assert [(f["name"], f["p50"], f["met"]) for f in report["figures"]] == [
        ("a slow thing", 5.0, False),
        ("a size", 1.5, None),
    ]
    assert report["machine"]["cores"] >= 1


def test_a_bench_that_breaks_does_not_keep_the_others_from_running(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> list[Figure]:
        raise OSError("no disk")

    bench_of([Figure("a size", "MB", 1.5)], monkeypatch)
    monkeypatch.setitem(BENCHES, "broken", broken)
    assert run.main(["broken", "one"]) == 1
    assert "a size" in capsys.readouterr().out


def test_partials_in_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial, "RUNS", 5)
    monkeypatch.setattr(partial, "WARM_UP", 1)
    run_200, cpu, floor, run_2000, ratio = partial.measure()
    assert run_200.n == run_2000.n == 5
    assert cpu.p50 > 0
    assert floor.p50 > 0
    assert ratio.target.p50 == 1.10


def test_typed_turns_in_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typed_turn, "TURNS", 5)
    monkeypatch.setattr(typed_turn, "WARM_UP", 1)
    (figure,) = typed_turn.measure()
    assert figure.n == 5
    assert figure.p50 > 0


def test_the_hour_in_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hour, "TURNS", 8)
    monkeypatch.setattr(hour, "EARLY", 1)
    monkeypatch.setattr(hour, "CYCLE", 3)
    own, process, blocks, disk, wall = hour.measure()
    assert wall.note == "200 partials judged", "none is lost, none coalesced"
    assert 0 < disk.p50 < 20
    assert own.unit == process.unit == blocks.unit == "%"


def test_what_a_session_holds_is_measured_without_what_it_shares() -> None:
    held = {"text": "x" * 10_000}
    shared = ["y" * 100_000]
    whole = hour.footprint([held, shared], set())
    own = hour.footprint([held, shared], {id(shared)})
    assert 10_000 < own < 12_000
    assert whole - own > 100_000


def test_a_cold_start_is_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "import json, os, sys; print(json.dumps([os.getpid(), len(sys.argv[1])]))"
    monkeypatch.setattr(cold_start, "PROGRAM", program)
    process, length = cold_start.start(tmp_path)
    assert process != os.getpid()
    assert length == len(str(tmp_path))


def test_recall_in_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "FACTS", 20)
    monkeypatch.setattr(recall, "QUERIES", 3)
    monkeypatch.setattr(recall, "WARM_UP", 1)
    taken, written = recall.measure()
    assert (taken.n, written.n) == (3, 20)
    assert taken.p50 > 0
