"""The project's frame: what gets installed, what an import costs, what the Makefile says."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGES = ("graph", "nodes", "memory", "audio_io", "server", "evals")

IMPORT_EVERYTHING = """
import importlib, json, pkgutil, sys
for package in sys.argv[1:]:
    folder = importlib.import_module(package)
    for module in pkgutil.walk_packages(folder.__path__, package + "."):
        if not module.name.startswith("nodes.judgement.sft"):
            importlib.import_module(module.name)
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def pins() -> dict[str, list[Requirement]]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins: dict[str, list[Requirement]] = {}
    for pin in map(Requirement, lines):
        pins.setdefault(canonicalize_name(pin.name), []).append(pin)
    return pins


def test_constraints_are_exact_versions_and_name_no_address() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[a-z0-9._-]+==[^\s;/@]+( ; [^/@]+)?", line), line


def test_every_dependency_is_pinned_within_its_bounds(
    project: dict[str, Any], pins: dict[str, list[Requirement]]
) -> None:
    extras = project["project"]["optional-dependencies"].values()
    asked = project["project"]["dependencies"] + [line for extra in extras for line in extra]
    for wanted in map(Requirement, asked):
        name = canonicalize_name(wanted.name)
        if name in ("cleans2s", "torch"):  # torch is pinned by the extra itself
            continue
        assert name in pins, f"{name}: run `make constraints`"
        for pin in pins[name]:
            version = str(pin.specifier).removeprefix("==")
            assert wanted.specifier.contains(version), f"{wanted} against {pin}"


def test_torch_is_pinned_nowhere_but_in_the_train_extra(
    project: dict[str, Any], pins: dict[str, list[Requirement]]
) -> None:
    extras = project["project"]["optional-dependencies"]
    assert "torch" not in pins
    assert [name for name, lines in extras.items() if any("torch" in x for x in lines)] == ["train"]


def test_every_module_of_graph_stands_in_a_layer(project: dict[str, Any]) -> None:
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "layers")
    named = set(re.findall(r"[\w.]+", " ".join(layers)))
    modules = {f"graph.{path.stem}" for path in (ROOT / "graph").glob("*.py")}
    assert modules - {"graph.__init__"} <= named


def test_importing_all_modules_loads_nothing_heavy(project: dict[str, Any], tmp_path: Path) -> None:
    ruff = project["tool"]["ruff"]["lint"]["flake8-tidy-imports"]
    heavy = set(ruff["banned-module-level-imports"])
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING, *PACKAGES],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert "graph.events" in loaded
    assert loaded & heavy == set()


@pytest.mark.parametrize("kind", ["asr", "tts"])
def test_every_engine_of_ours_is_registered(project: dict[str, Any], kind: str) -> None:
    files = sorted((ROOT / "audio_io" / kind).glob("*.py"))
    engines = [path.stem for path in files if re.search(r"^def build\(", path.read_text(), re.M)]
    entered = project["project"]["entry-points"][f"cleans2s.{kind}"]
    assert engines
    assert entered == {name: f"audio_io.{kind}.{name}:build" for name in engines}


def test_every_entry_point_leads_to_something_callable() -> None:
    ours = distribution("cleans2s").entry_points
    assert "cleans2s" in ours.names
    for entry in ours:
        assert callable(entry.load()), entry


def make(target: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", target, *(f"{name}={value}" for name, value in variables.items())],
        cwd=folder,
        env=plain,
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.fixture
def bare_checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_an_old_python_is_named_and_nothing_is_made(bare_checkout: Path) -> None:
    old = bare_checkout / "old-python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = make("run", bare_checkout, PYTHON="./old-python")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer; './old-python' is Python 3.9.2." in done.stderr
    assert not (bare_checkout / ".venv").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_alone_lists_every_target(bare_checkout: Path) -> None:
    text = (ROOT / "Makefile").read_text()
    declared = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert declared
    listed = re.findall(r"^  make (\S+) +\S", make("help", bare_checkout).stdout, re.MULTILINE)
    assert sorted(listed) == sorted(declared[1].split())
