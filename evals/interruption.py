"""`cleans2s evals interruption [--judge NAME] [--persona NAME …]`: whom the agent cuts short.

Three questions to one judge, one policy and its shipped thresholds: of monologues that a person
would cut, how many are cut within 3 s of the marked word; of their innocent twins, how many are cut
at all; and how often in an hour of natural speech, the turns of Map Task.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from evals.interruption_set import KINDS, Monologue, monologues
from evals.interruption_talk import WITHIN, Cut, Heard, Stage
from evals.judges import build_judge
from evals.virtual_time import run_virtual
from graph.errors import BadInput
from nodes.judgement.estimator import View
from nodes.judgement.sft.corpora import DATA, TALKS
from nodes.judgement.sft.readers.maptask import read_maptask
from nodes.judgement.sft.talk import Talk

JUDGES = ("rules", "encoder")

Outcome = Literal["in time", "early", "late", "never"]

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Spoken:
    """A monologue and what the agent did."""

    monologue: Monologue
    cut: Cut | None

    @property
    def outcome(self) -> Outcome:
        """When it was cut, against the marked word; of a twin any cut is early."""
        if self.cut is None:
            return "never"
        late = self.cut.at - self.monologue.marked_at
        if self.monologue.mark is None or late < 0:
            return "early"
        return "in time" if late <= WITHIN else "late"

    def line(self) -> str:
        """What happened, for `-v`."""
        if self.cut is None:
            return f"  {self.monologue.id}: never cut"
        heard = " ".join(self.cut.text.split()[-8:])
        when = f"at {self.cut.at:.1f} s"
        if self.monologue.mark is not None:
            when += f", {self.cut.at - self.monologue.marked_at:+.1f} s from the mark"
        return f"  {self.monologue.id}: {when}, behind '… {heard}': {self.cut.reason}"


@dataclass(frozen=True)
class Report:
    """How one persona listened."""

    persona: str
    spoken: tuple[Spoken, ...]
    heard: tuple[Heard, ...]

    def tally(self, twins: bool, kind: str = "") -> Counter[Outcome]:
        """Outcomes of monologues, or of their twins; of all kinds or of one."""
        return Counter(
            one.outcome
            for one in self.spoken
            if (one.monologue.mark is None) == twins and kind in ("", one.monologue.kind)
        )

    @property
    def hours(self) -> float:
        """Natural speech heard, in hours."""
        return sum(one.speech for one in self.heard) / 3600

    @property
    def interruptions(self) -> int:
        """Cuts into natural speech."""
        return sum(len(one.cuts) for one in self.heard)

    @property
    def acts(self) -> Counter[str]:
        """What it did at the ends of natural turns."""
        return sum((one.acts for one in self.heard), Counter[str]())

    def json(self) -> dict[str, object]:
        """Figures as `--json` writes them."""
        return {
            "monologues": self._counts(twins=False),
            "twins": self._counts(twins=True),
            "natural": {
                "hours": round(self.hours, 3),
                "interruptions": self.interruptions,
                "an_hour": round(self.interruptions / self.hours, 3) if self.hours else None,
                "acts": dict(self.acts),
            },
        }

    def _counts(self, twins: bool) -> dict[str, dict[str, int]]:
        tallies = {kind or "all": self.tally(twins, kind) for kind in ("", *KINDS)}
        return {
            kind: {"n": tally.total()} | {name.replace(" ", "_"): tally[name] for name in _OUTCOMES}
            for kind, tally in tallies.items()
        }


_OUTCOMES: tuple[Outcome, ...] = ("in time", "early", "late", "never")


def measure(judge: str, persona: str, spoken: Sequence[Monologue], talks: Sequence[Talk],
            jobs: int) -> Report:  # fmt: skip
    """Lets a persona listen to all of it, in so many processes."""
    meant = [one for one in spoken if one.persona in ("", persona)]
    sides = [(talk, who) for talk in talks for who in sorted({s.speaker for s in talk.stretches})]
    cuts = _shared(jobs, _listen, [(judge, persona, part) for part in _parts(meant, 10)])
    heard = _shared(jobs, _follow, [(judge, persona, talk, who) for talk, who in sides])
    flat = [cut for part in cuts for cut in part]
    return Report(persona, tuple(map(Spoken, meant, flat)), tuple(heard))


def _parts(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (things[at : at + size] for at in range(0, len(things), size))


def _shared(jobs: int, work: Callable[[T], R], given: Sequence[T]) -> list[R]:
    if jobs == 1 or len(given) < 2:
        return [work(one) for one in given]
    # not forked: a judge's libraries have threads
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(given)), mp_context=fresh) as pool:
        return list(pool.map(work, given))


_STAGES: dict[str, Stage] = {}
"""One for each judge in a process: loading it takes a while."""


def _stage(judge: str) -> Stage:
    if judge not in _STAGES:
        _STAGES[judge] = Stage(build_judge(judge))
    return _STAGES[judge]


def _listen(given: tuple[str, str, Sequence[Monologue]]) -> list[Cut | None]:
    judge, persona, part = given

    async def listen() -> list[Cut | None]:
        return [await _stage(judge).monologue(one, persona) for one in part]

    return run_virtual(listen())


def _follow(given: tuple[str, str, Talk, str]) -> Heard:
    judge, persona, talk, who = given
    return run_virtual(_stage(judge).dialogue(talk, who, persona))


def table(report: Report, *, every: bool = False) -> str:
    """The report as text; `every` lists what went wrong."""
    lines = [f"persona {report.persona}"]
    lines.append(f"  {'':12}{'n':>5}{'in time':>9}{'early':>7}{'late':>6}{'never':>7}   twins cut")
    for kind in (*KINDS, ""):
        tally, twins = report.tally(False, kind), report.tally(True, kind)
        cells = f"{tally.total():5}{tally['in time']:9}{tally['early']:7}{tally['late']:6}"
        cut = twins.total() - twins["never"]
        lines.append(f"  {kind or 'all':12}{cells}{tally['never']:7}   {cut} of {twins.total()}")
    if report.hours:
        rate = report.interruptions / report.hours
        lines.append(
            f"  natural turns: {report.interruptions} interruptions in {report.hours:.2f} h of"
            f" speech, {rate:.2f} an hour; at their ends: "
            + ", ".join(f"{count:,} {act}" for act, count in report.acts.most_common())
        )
    if every:
        lines += list(_misses(report))
    return "\n".join(lines)


def _misses(report: Report) -> Iterator[str]:
    for one in report.spoken:
        good = "never" if one.monologue.mark is None else "in time"
        if one.outcome != good:
            yield one.line()
    for talk in report.heard:
        for cut in talk.cuts:
            words = " ".join(cut.text.split()[-25:])
            yield f"  {talk.dialogue} at {cut.at:.1f} s, behind '… {words}': {cut.reason}"


def read_talks(data: Path, dialogues: int | None) -> list[Talk]:
    """So many dialogues of Map Task, evenly drawn; None: all. Raises `BadInput` without the file.

    Read for evaluation: no training sees them.
    """
    if dialogues == 0:
        return []
    talks = read_maptask(data / TALKS["maptask"][0].file)
    if dialogues is None or dialogues >= len(talks):
        return talks
    return [talks[number * len(talks) // dialogues] for number in range(dialogues)]


def main(argv: Sequence[str] | None = None) -> int:
    """Measures each persona, prints the tables, writes the JSON; 0 if it went well."""
    parser = argparse.ArgumentParser(
        prog="cleans2s evals interruption", description="Whom the agent cuts short."
    )
    parser.add_argument("--judge", choices=JUDGES, default="rules")
    parser.add_argument("--persona", nargs="+", default=["max"], metavar="NAME")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the corpora")
    parser.add_argument(
        "--dialogues", type=_natural, metavar="N", help="of Map Task's dialogues only N; 0: none"
    )
    parser.add_argument("--jobs", type=_positive, default=min(4, os.cpu_count() or 1), metavar="N")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures here")
    parser.add_argument("-v", "--verbose", action="store_true", help="list what went wrong")
    given = parser.parse_args(argv)
    spoken, talks = monologues(), read_talks(given.data, given.dialogues)
    # whether it is there, before any process is started
    asyncio.run(build_judge(given.judge).estimate(View("hello")))
    figures: dict[str, object] = {}
    print(f"judge: {given.judge}; to reach: 80 % in time, at most 10 % of twins, one an hour")
    for persona in given.persona:
        report = measure(given.judge, persona, spoken, talks, given.jobs)
        print("\n" + table(report, every=given.verbose), flush=True)
        figures[persona] = report.json()
    if given.json:
        try:
            given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise BadInput("json", str(given.json), f"cannot be written: {error}") from None
    return 0


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' should be a number, 0 or more")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' should be a number, 1 or more")
    return int(text)
