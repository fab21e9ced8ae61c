"""`cleans2s evals judgement FILE… [--judge NAME] [--json OUT]`: how well a judge decides.

A judgement set has one decision point a line:
`{"id", "context": [{"speaker", "text"}], "partial", "at": pause | mid_speech | end, "label"}`.
The positive class is `respond` (against listen), or `affront` or `unreasonable` (against plain).
What is scored is what the judge ships as an estimate, at one threshold for all files.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from evals.metrics import NAMES, Metrics, measure
from graph.errors import BadInput, Unavailable
from graph.state import Appraisal, Estimate
from nodes.judgement.estimator import CONTEXT_MESSAGES, Estimator, View

THRESHOLD = 0.5
"""Probability from which the positive class is predicted, in every file."""

POSITIVES = ("respond", "affront", "unreasonable")

JUDGES = ("rules", "encoder", "llm")

PAPER = "the paper's judge (accuracy/precision/recall): 0.84/0.70/0.70, after SFT 0.91/0.78/0.83"


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    speaker: Literal["user", "agent"]
    text: str


class Row(BaseModel):
    """One decision point; fields that are not known are left aside."""

    model_config = ConfigDict(strict=True)

    id: str
    context: list[_Said]
    partial: str
    at: Literal["pause", "mid_speech", "end"]
    label: Literal["listen", "respond"] | Appraisal

    def view(self) -> View:
        """What the judge sees of it: the words, not where they were cut."""
        said = tuple((line.speaker, line.text) for line in self.context)
        return View(
            text=self.partial,
            context=said[-CONTEXT_MESSAGES:],
            said_before=tuple(text for speaker, text in said if speaker == "user"),
        )


@dataclass(frozen=True)
class Report:
    """How a judge did on one file."""

    name: str
    positive: str
    all: Metrics
    pause: Metrics
    p50_ms: float
    """Median time of an estimate, from asking to answer."""
    p95_ms: float

    def json(self) -> dict[str, object]:
        """Figures as `--json` writes them."""
        return {
            "all": self.all.plain(),
            "pause": self.pause.plain(),
            "latency_ms": {"p50": round(self.p50_ms, 3), "p95": round(self.p95_ms, 3)},
        }


def read_set(path: Path) -> list[Row]:
    """The rows of a file; raises `BadInput` with file, line and field of what is wrong."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("file", str(path), f"cannot be read: {error}") from None
    rows = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                rows.append(Row.model_validate_json(line))
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                field = ".".join(str(part) for part in first["loc"])
                where = f"{path.name}:{number}" + (f": {field}" if field else "")
                raise BadInput(where, first["input"], first["msg"]) from None
    if not rows:
        raise BadInput("file", str(path), "has no rows")
    return rows


def positive_of(rows: Sequence[Row], name: str) -> str:
    """The class that a file asks for; raises `BadInput` for none, or more than one."""
    found = sorted({row.label for row in rows}.intersection(POSITIVES))
    if len(found) != 1:
        raise BadInput(f"{name}: label", found, f"a file needs one of {', '.join(POSITIVES)}")
    return found[0]


def score(estimate: Estimate, positive: str) -> float:
    """The probability, 0..1, that an estimate gives to the positive class.

    An estimate names one appraisal and its probability; another one cannot be likelier than what
    is left, and never reaches the threshold.
    """
    if positive == "respond":
        return estimate.p_complete
    if estimate.appraisal == positive:
        return max(estimate.p_appraisal, THRESHOLD)
    return min(1 - estimate.p_appraisal, float(np.nextafter(THRESHOLD, 0)))


async def judge_file(path: Path, judge: Estimator) -> Report:
    """Asks the judge for every row, one after the other."""
    rows = read_set(path)
    positive = positive_of(rows, path.name)
    scores, passed = [], []
    for row in rows:
        view = row.view()
        started = time.perf_counter()
        estimate = await judge.estimate(view)
        passed.append(1000 * (time.perf_counter() - started))
        scores.append(score(estimate, positive))
    given = np.array(scores)
    truth = np.array([row.label == positive for row in rows])
    pause = np.array([row.at == "pause" for row in rows])
    p50, p95 = np.quantile(passed, [0.5, 0.95])
    return Report(
        name=path.stem,
        positive=positive,
        all=measure(given, truth, THRESHOLD),
        pause=measure(given[pause], truth[pause], THRESHOLD),
        p50_ms=float(p50),
        p95_ms=float(p95),
    )


def build_judge(name: str) -> Estimator:
    """The judge of that name, loaded; raises `Unavailable` where it cannot be."""
    if name == "rules":
        from nodes.judgement.rules import RulesEstimator

        return RulesEstimator()
    raise Unavailable(f"--judge {name}: there is no such judge yet; there is rules")


def table(report: Report) -> str:
    """The report as text: figures with intervals, confusion, latency."""
    lines = [f"{report.name} (positive: {report.positive}, threshold {THRESHOLD})"]
    lines.append(f"  {'':16}{'all rows':>24}{'pauses only':>26}")
    for name in NAMES:
        cells = [_cell(metrics, name) for metrics in (report.all, report.pause)]
        lines.append(f"  {name:16}{cells[0]:>24}{cells[1]:>26}")
    seen = report.all.confusion
    lines.append(
        f"  confusion: {seen.true_positive} found, {seen.false_negative} missed,"
        f" {seen.false_positive} false alarms, {seen.true_negative} rightly left"
    )
    lines.append(f"  an estimate: p50 {report.p50_ms:.2f} ms, p95 {report.p95_ms:.2f} ms")
    return "\n".join(lines)


def _cell(metrics: Metrics, name: str) -> str:
    figure = metrics.figures[name]
    if figure.value is None:
        return "-"
    if name == "n":
        return f"{figure.value:.0f}"
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def main(argv: Sequence[str] | None = None) -> int:
    """Judges every file, prints the tables, writes the JSON; 0 if it went well."""
    parser = argparse.ArgumentParser(
        prog="cleans2s evals judgement", description="How well a judge decides."
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="judgement sets, JSONL")
    parser.add_argument("--judge", choices=JUDGES, default="rules")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures here")
    given = parser.parse_args(argv)
    names = [path.stem for path in given.files]
    if len(set(names)) < len(names):
        raise BadInput("files", names, "two files of one name would share an entry")
    reports = asyncio.run(_judge_files(given.files, build_judge(given.judge)))
    print(f"judge: {given.judge}; {PAPER}\n")
    print("\n\n".join(table(report) for report in reports))
    if given.json:
        figures = {report.name: report.json() for report in reports}
        try:
            given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise BadInput("json", str(given.json), f"cannot be written: {error}") from None
    return 0


async def _judge_files(paths: Sequence[Path], judge: Estimator) -> list[Report]:
    await judge.estimate(View("hello"))  # what is loaded or warmed at first use is no latency
    return [await judge_file(path, judge) for path in paths]
