"""`cleans2s doctor`: what this machine can run, what is missing, and how to get it."""

import importlib.metadata
import os
import platform
import sqlite3
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graph.errors import CleanS2SError
from graph.settings import Settings

Standing = Literal["ok", "missing", "broken"]

_MARK: dict[Standing, str] = {"ok": "ok     ", "missing": "missing", "broken": "BROKEN "}


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    what: str
    standing: Standing
    found: str
    advice: str = ""
    needed: bool = True
    """Without it something that is switched on does not work."""


def doctor(settings: Settings) -> int:
    """Prints the report; 1 if something that is needed is missing or broken, else 0."""
    findings = list(examine(settings))
    for finding in findings:
        print(f"{_MARK[finding.standing]}  {finding.what:<12} {finding.found}")
        if finding.standing != "ok" and finding.advice:
            print(f"{'':9}{'':13}-> {finding.advice}")
    bad = [finding.what for finding in findings if finding.needed and finding.standing != "ok"]
    print(f"\nto mend: {', '.join(bad)}" if bad else "\nall that is needed is here")
    return 1 if bad else 0


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check, one after another; a check that raises is a finding too."""
    for check in (_python, _data_dir, _personas, _judge, _memory, _embedder, _llm, _cuda):
        yield _guarded(check, settings)


def _guarded(check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return check(settings)
    except (CleanS2SError, OSError, ImportError) as error:
        return Finding(check.__name__.lstrip("_"), "broken", str(error))


def _python(_: Settings) -> Finding:
    version = platform.python_version()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = f"{version} on {platform.system()} {platform.machine()}, {cores} cores"
    fits = sys.version_info >= (3, 11)
    return Finding("python", "ok" if fits else "broken", found, "install Python 3.11 or newer")


def _data_dir(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        advice = "make it writable, or set CLEANS2S_DATA_DIR: without it nothing is remembered"
        return Finding("data folder", "broken", f"{folder}: {error.strerror}", advice)
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize if os.name == "posix" else 0
    return Finding("data folder", "ok", f"{folder}, {free / 1e9:.1f} GB free")


def _personas(settings: Settings) -> Finding:
    from nodes.catalogue import Catalogue

    catalogue = Catalogue(settings.persona_dirs, settings.persona)
    return Finding("personas", "ok", f"{', '.join(catalogue.names)} (default: {settings.persona})")


def _judge(settings: Settings) -> Finding:
    return Finding("judge", "ok", f"{settings.judge}: word cues, no model")


def _memory(settings: Settings) -> Finding:
    backend = settings.memory.backend
    if backend == "none":
        return Finding("memory", "ok", "switched off")
    if backend == "sqlite":
        return Finding("memory", "ok", f"SQLite {sqlite3.sqlite_version}")
    found = f"mem0 {_version('mem0ai')} with Qdrant {_version('qdrant-client')}"
    kept = "facts extracted by the LLM" if settings.llm.model else "kept as said (no LLM)"
    return Finding("memory", "ok", f"{found}: {kept}")


def _embedder(_: Settings) -> Finding:
    from memory.embedder import MiniLm

    vector = MiniLm().embed(["hello"])[0]
    return Finding("embedder", "ok", f"all-MiniLM-L6-v2 (int8), {len(vector)} floats a sentence")


def _llm(settings: Settings) -> Finding:
    llm = settings.llm
    if not llm.model:
        return Finding(
            "llm",
            "missing",
            "none set: personas speak their own lines",
            "CLEANS2S_LLM__MODEL=gpt-4o-mini with OPENAI_API_KEY, or any server that speaks"
            " OpenAI's API by CLEANS2S_LLM__BASE_URL=http://127.0.0.1:8000/v1",
            needed=False,
        )
    url = (llm.base_url or "https://api.openai.com/v1").rstrip("/")
    request = urllib.request.Request(f"{url}/models")
    request.add_header("Authorization", f"Bearer {llm.key}")
    try:
        with urllib.request.urlopen(request, timeout=5):
            return Finding("llm", "ok", f"{llm.model} at {url}")
    except urllib.error.HTTPError as error:
        if error.code in (404, 405):  # not every server lists its models
            return Finding("llm", "ok", f"{llm.model} at {url} (answers, lists no models)")
        advice = "set CLEANS2S_LLM__API_KEY" if error.code in (401, 403) else "see the server's log"
        return Finding("llm", "broken", f"{url} answers {error.code} {error.reason}", advice)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        advice = "start that server, or correct CLEANS2S_LLM__BASE_URL"
        return Finding("llm", "broken", f"{url} does not answer: {reason}", advice)


def _cuda(_: Settings) -> Finding:
    if Path("/dev/nvidia0").exists():
        return Finding(
            "gpu", "ok", "an NVIDIA card is here; local LLM and Whisper servers gain by it"
        )
    return Finding("gpu", "missing", "none; nothing here needs one", needed=False)


def _version(distribution: str) -> str:
    return importlib.metadata.version(distribution)
