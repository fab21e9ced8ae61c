"""`cleans2s evals endpointing [--judge NAME …]`: when to answer, on real pauses.

At every silence of 0.2 s or more of a recorded dialogue the turn was over, or the speaker went on.
How many of the second does a rule speak into, and how long does it wait at the first? For fixed
silences and for the policy's wait on a judge's estimates, at every setting: one curve each.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.endpointing_curve import AT_SHARE, Compared, Curve, Rule, compare, fixed, judged
from evals.endpointing_pauses import Pauses, completions, pauses_of
from evals.endpointing_plot import svg
from evals.judges import build_judge
from graph.errors import BadInput
from nodes.judgement.sft.corpora import DATA, TALKS
from nodes.judgement.sft.data import is_held_out
from nodes.judgement.sft.talk import Talk

JUDGES = ("rules", "encoder")
CORPORA = ("maptask", "mrda")

_SHARES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class Row:
    """One rule beside the fixed silence, at `AT_SHARE` cut-ins."""

    curve: Curve
    delay: Compared
    """Mean delay in seconds."""
    part: Compared
    """Of the fixed silence's delay."""

    def json(self) -> dict[str, object]:
        """Figures as `--json` writes them."""
        curve, shipped = self.curve, self.curve.shipped
        return {
            "at_10_percent": _plain(self.delay),
            "part_of_fixed": _plain(self.part),
            "shipped": None if shipped is None else _point(curve, shipped),
            "curve": [_point(curve, number) for number in range(len(curve.shares))],
        }


def _plain(figure: Compared) -> dict[str, float | None]:
    return {"value": figure.value, "low": figure.low, "high": figure.high}


def _point(curve: Curve, number: int) -> dict[str, float]:
    return {
        "setting": round(float(curve.settings[number]), 4),
        "cut_ins": round(float(curve.shares[number]), 4),
        "delay": round(float(curve.delays[number]), 4),
    }


def read_corpus(data: Path, name: str) -> list[Talk]:
    """Dialogues that no training sees: all of Map Task, the held-out ones of MRDA.

    Raises `BadInput` where the file is missing.
    """
    source, reader = TALKS[name]
    talks = reader(data / source.file)
    return talks if name == "maptask" else [talk for talk in talks if is_held_out(talk.id)]


def measure(talks: Sequence[Talk], judges: Sequence[str]) -> tuple[Pauses, list[Row]]:
    """The fixed silence and each judge, on the pauses of these dialogues."""
    pauses = [pause for talk in talks for pause in pauses_of(talk)]
    if not pauses:
        raise BadInput("data", len(talks), "dialogues have no pause between them")
    columns = Pauses.of(pauses)
    base = fixed(columns)
    rules: list[Rule] = [base]
    for name in judges:
        rules.append(judged(name, completions(pauses, build_judge(name)), columns))
    return columns, [Row(rule.curve(), *compare(rule, base)) for rule in rules]


def table(columns: Pauses, rows: Sequence[Row]) -> str:
    """The curves and the comparison as text."""
    ends, dialogues = int(columns.ends.sum()), int(columns.dialogue.max()) + 1
    lines = [
        f"{dialogues} dialogues: {len(columns.length) - ends:,} pauses within turns,"
        f" {ends:,} ends of turns",
        "",
        "mean delay in s at a share of cut-ins of",
        f"  {'':16}" + "".join(f"{share:>8.0%}" for share in _SHARES),
    ]
    for row in rows:
        cells = [row.curve.delay_at(share) for share in _SHARES]
        lines.append(f"  {row.curve.name:16}" + "".join(f"{_cell(cell):>8}" for cell in cells))
    lines += ["", f"at {AT_SHARE:.0%}, with intervals by dialogue; to reach: encoder at most 0.50"]
    for row in rows:
        figures = f"{_figure(row.delay)} s, of the fixed silence's {_figure(row.part)}"
        lines.append(f"  {row.curve.name:16}{figures}")
    for row in rows:
        at = row.curve.shipped
        if at is not None:
            share, delay = row.curve.shares[at], row.curve.delays[at]
            lines.append(f"as shipped, {row.curve.name}: {share:.1%} cut into, {delay:.2f} s")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _figure(figure: Compared) -> str:
    if figure.low is None or figure.high is None:
        return _cell(figure.value)
    return f"{_cell(figure.value)} [{figure.low:.2f}, {figure.high:.2f}]"


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, prints the table, writes JSON and picture; 0 if it went well."""
    parser = argparse.ArgumentParser(
        prog="cleans2s evals endpointing", description="When to answer, on real pauses."
    )
    parser.add_argument("--judge", nargs="+", choices=JUDGES, default=["rules"], metavar="NAME")
    parser.add_argument("--corpus", choices=CORPORA, default="maptask")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the corpora")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures here")
    parser.add_argument("--svg", type=Path, metavar="OUT", help="draw the curves here")
    given = parser.parse_args(argv)
    judges = list(dict.fromkeys(given.judge))
    columns, rows = measure(read_corpus(given.data, given.corpus), judges)
    print(table(columns, rows))
    figures = {row.curve.name: row.json() for row in rows}
    _write("json", given.json, json.dumps(figures, indent=2) + "\n")
    _write("svg", given.svg, svg([row.curve for row in rows], f"Endpointing on {given.corpus}"))
    return 0


def _write(flag: str, path: Path | None, text: str) -> None:
    if path is None:
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(flag, str(path), f"cannot be written: {error}") from None
