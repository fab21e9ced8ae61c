"""`cleans2s bench`: runs the benches and prints one table."""

import argparse
import json
import logging
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from evals.bench.figure import Figure
from evals.bench.registry import BENCHES
from graph.errors import BadInput

log = logging.getLogger(__name__)


WIDTH = 140
"""Columns of the table where no terminal says how many there are."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benches that `argv` names, or all; 1 if one could not be run.

    Raises `BadInput` for a name that there is not, or a file that cannot be written.
    """
    options = _parser().parse_args(argv)
    names = options.bench or list(BENCHES)
    for name in names:
        if name not in BENCHES:
            raise BadInput("bench", name, f"there are {', '.join(BENCHES)}")
    _check_writable(options.json)
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    begun, load = time.perf_counter(), os.getloadavg()[0]
    figures: dict[str, Sequence[Figure]] = {}
    for name in names:
        console.print(f"[dim]{name} ...[/]")
        try:
            figures[name] = BENCHES[name]()
        except Exception:
            log.exception("bench %s could not be run", name)
            figures[name] = ()
    found = [figure for some in figures.values() for figure in some]
    seconds = time.perf_counter() - begun
    console.print(_table(found))
    console.print(_machine(load, seconds))
    if options.json:
        options.json.write_text(json.dumps(_report(figures, load, seconds), indent=1) + "\n")
    if not all(figures.values()):
        return 1
    return 3 if options.strict and any(figure.met is False for figure in found) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cleans2s bench",
        description="Measures latency and load; docs/benchmarks.md says what, and how.",
    )
    parser.add_argument("bench", nargs="*", help=f"some of: {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--strict", action="store_true", help="exit with 3 if a target is missed")
    return parser


def _check_writable(file: Path | None) -> None:
    if file is None:
        return
    try:
        file.touch()
    except OSError as error:
        raise BadInput("--json", str(file), f"cannot be written: {error.strerror}") from None


def _table(figures: Sequence[Figure]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("what", "n", "p50", "p95", "target", "met", "note"):
        number = title in ("n", "p50", "p95")
        table.add_column(title, justify="right" if number else "left", no_wrap=title != "note")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.n:,}",
            _shown(figure.p50, figure.unit),
            "" if figure.p95 is None else _shown(figure.p95, figure.unit),
            f"{figure.target} {figure.unit}".strip() if figure.met is not None else "",
            {True: "yes", False: "[bold red]NO[/]", None: ""}[figure.met],
            figure.note,
        )
    return table


def _shown(value: float, unit: str) -> str:
    return f"{value:,.{0 if value >= 1000 else 2}f} {unit}".strip()


def _machine(load: float, seconds: float) -> str:
    return (
        f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()},"
        f" langgraph {version('langgraph')}; load {load:.1f} at the start; {seconds:.0f} s"
    )


def _processor() -> str:
    """The processor's name where Linux tells it, else the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _report(figures: dict[str, Sequence[Figure]], load: float, seconds: float) -> dict[str, Any]:
    return {
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "langgraph": version("langgraph"),
            "load_at_start": load,
        },
        "seconds": round(seconds, 1),
        "figures": [
            {"bench": name, **asdict(figure), "met": figure.met}
            for name, some in figures.items()
            for figure in some
        ],
    }
