"""`cleans2s evals judgement FILE… [--judge NAME] [--json OUT]`: how well a judge decides.

`--judge llm` asks the chat model of the settings, or of `--model` and `--base-url`, with the prompt
that sessions use; a row without an answer that can be read has the encoder's estimate, and is
counted.

A judgement set has one decision point a line:
`{"id", "context": [{"speaker", "text"}], "partial", "at": pause | mid_speech | end, "label"}`.
The positive class is `respond` (against listen), or `affront` or `unreasonable` (against plain).
What is scored is what the judge ships as an estimate, at one threshold for all files.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from evals.judges import JUDGES, judge_of, settings_of
from evals.metrics import NAMES, Metrics, measure
from graph.errors import BadInput
from graph.settings import Settings
from graph.state import Appraisal, Estimate
from nodes.judgement.estimator import CONTEXT_MESSAGES, Estimator, View
from nodes.judgement.llm import LlmJudge

THRESHOLD = 0.5
"""Probability from which the positive class is predicted, in every file."""

POSITIVES = ("respond", "affront", "unreasonable")

PAPER = {"the paper, before SFT": (0.84, 0.70, 0.70), "the paper, after SFT": (0.91, 0.78, 0.83)}
"""Accuracy, precision, recall of Table 2 of the CleanS2S paper; its interviews are not
public."""


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
    failures: Mapping[str, int] = field(default_factory=dict)
    """Rows without an LLM's answer, by the kind of failure: the fallback's estimate counts."""

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
    before = _failures(judge)
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
        failures=_failures(judge) - before,
    )


def _failures(judge: Estimator) -> Counter[str]:
    counted = judge.counts if isinstance(judge, LlmJudge) else Counter[str]()
    return Counter({k: n for k, n in counted.items() if k not in ("asked", "answered")})


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
    if report.failures:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(report.failures.items()))
        lines.append(f"  no answer from the model: {kinds}; the encoder's estimate counts there")
    lines.append(f"  an estimate: p50 {report.p50_ms:.2f} ms, p95 {report.p95_ms:.2f} ms")
    return "\n".join(lines)


def _cell(metrics: Metrics, name: str) -> str:
    figure = metrics.figures[name]
    if figure.value is None:
        return "-"
    if name == "n":
        return f"{figure.value:.0f}"
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


_TABLE_2 = ("accuracy", "precision", "recall")


def table_2(judge: str, reports: Sequence[Report]) -> str:
    """The paper's figures above ours, for the files that ask when to respond; empty: there is none.

    Before and after SFT are two runs, of the model as it was and of the trained one.
    """
    ours = {
        f"{judge} on {report.name}": [report.all.figures[name].value for name in _TABLE_2]
        for report in reports
        if report.positive == "respond"
    }
    if not ours:
        return ""
    rows: dict[str, Sequence[float | None]] = {**PAPER, **ours}
    width = max(map(len, rows))
    lines = ["".join(f"{name:>11}" for name in _TABLE_2).rjust(width + 2 + 11 * len(_TABLE_2))]
    for name, figures in rows.items():
        cells = ("-" if value is None else f"{value:.2f}" for value in figures)
        lines.append(f"  {name:{width}}" + "".join(f"{cell:>11}" for cell in cells))
    return "\n".join(["Table 2 of the paper, on its own interviews, and this judge:", *lines])


def main(argv: Sequence[str] | None = None) -> int:
    """Judges every file, prints the tables, writes the JSON; 0 if it went well."""
    parser = argparse.ArgumentParser(
        prog="cleans2s evals judgement", description="How well a judge decides."
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="judgement sets, JSONL")
    parser.add_argument("--judge", choices=JUDGES, help="default: the settings' judge")
    parser.add_argument("--model", help="llm: its name (default: judge_llm.model, or llm.model)")
    parser.add_argument("--base-url", metavar="URL", help="llm: its server")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures here")
    given = parser.parse_args(argv)
    names = [path.stem for path in given.files]
    if len(set(names)) < len(names):
        raise BadInput("files", names, "two files of one name would share an entry")
    settings = settings_of(given.model, given.base_url)
    judge = given.judge or settings.judge
    shown = f"llm ({settings.llm_of_judge.model})" if judge == "llm" else judge
    reports = asyncio.run(_judge_files(given.files, judge, settings))
    print(f"judge: {shown}\n")
    print("\n\n".join([table(r) for r in reports] + [t for t in [table_2(shown, reports)] if t]))
    if given.json:
        figures = {report.name: report.json() for report in reports}
        try:
            given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise BadInput("json", str(given.json), f"cannot be written: {error}") from None
    return 0


async def _judge_files(paths: Sequence[Path], name: str, settings: Settings) -> list[Report]:
    async with judge_of(name, settings) as judge:
        await judge.estimate(View("hello"))  # what is loaded or warmed at first use is no latency
        return [await judge_file(path, judge) for path in paths]
