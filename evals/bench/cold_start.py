"""Cold start: from the start of the interpreter to services that can serve."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from evals.bench.figure import Figure, spread

STARTS = 2
PROGRAM = """
import json, sys, time
begun = time.perf_counter()
from graph.services import build_services
from graph.settings import load_settings
imported = time.perf_counter()
build_services(load_settings(data_dir=sys.argv[1])).graph()
print(json.dumps([imported - begun, time.perf_counter() - imported]))
"""


def measure() -> list[Figure]:
    """Processes one after another; the first, which may have to compile bytecode, is left out."""
    whole, imports, builds = list[float](), list[float](), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1 + STARTS):
            begun = time.perf_counter()
            imported, built = start(Path(folder))
            if number:
                whole.append(time.perf_counter() - begun)
                imports.append(imported)
                builds.append(built)
    return [
        spread("cold start, whole process", "s", whole),
        spread("  importing", "s", imports),
        spread("  building services and graph", "s", builds),
    ]


def start(folder: Path) -> tuple[float, float]:
    """One process: seconds of importing and of building. Bytecode is kept in the folder."""
    plain = {name: value for name, value in os.environ.items() if "BYTECODE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)],
        env=plain
        | {
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    imported, built = json.loads(done.stdout)
    return imported, built
