"""`cleans2s doctor`: what this machine can run, what is missing, and how to get it."""

import asyncio
import importlib.metadata
import os
import platform
import sqlite3
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from graph.errors import CleanS2SError, Unavailable
from graph.settings import LLMSettings, Settings
from nodes.llm_failure import OPENAI_URL

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
    better: str = ""
    """What would do more than what is there."""


def doctor(settings: Settings) -> int:
    """Prints the report; 1 if something that is needed is missing or broken, else 0."""
    findings = list(examine(settings))
    for finding in findings:
        print(f"{_MARK[finding.standing]}  {finding.what:<12} {finding.found}")
        if finding.standing != "ok" and finding.advice:
            print(f"{'':9}{'':13}-> {finding.advice}")
        if finding.better:
            print(f"{'':9}{'':13}better: {finding.better}")
    bad = [finding.what for finding in findings if finding.needed and finding.standing != "ok"]
    print(f"\nto mend: {', '.join(bad)}" if bad else "\nall that is needed is here")
    return 1 if bad else 0


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check, one after another; a check that raises is a finding too."""
    checks = (_python, _data_dir, _personas, _judge, _ear, _voice, _memory, _embedder, _llm, _cuda)
    for check in checks:
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
    if settings.judge == "rules":
        better = "the encoder that ships: CLEANS2S_JUDGE=encoder"
        return Finding("judge", "ok", "rules: word cues, no model", better=better)
    from nodes.judgement.chosen import encoder

    try:
        asyncio.run(encoder().warm())
    except Unavailable as error:
        return Finding("judge", "broken", str(error), "until then word rules judge in its place")
    if settings.judge == "encoder":
        return Finding("judge", "ok", "encoder: small networks on the CPU, for every partial")
    asked = settings.llm_of_judge
    if not asked.model:
        advice = "CLEANS2S_JUDGE_LLM__MODEL (and __BASE_URL), or CLEANS2S_LLM__MODEL"
        return Finding("judge", "missing", "llm: no model is set", advice)
    variables = "CLEANS2S_JUDGE_LLM" if settings.judge_llm.base_url else "CLEANS2S_LLM"
    return _served("judge", asked, variables, "llm, over the encoder: ")


def _ear(settings: Settings) -> Finding:
    from audio_io.asr.registry import build_engine
    from audio_io.asr.whisper import DEFAULT_MODEL
    from audio_io.asr.whisper_model import local_model
    from server.serve import asr_options

    options = asr_options(settings.asr)
    named = "auto -> " if options.engine == "auto" else ""
    missing = ""
    if options.engine in ("auto", "whisper"):
        model = options.model or DEFAULT_MODEL
        if local_model(model):
            return Finding("ear", "ok", f"{named}whisper: {model}, on this machine")
        missing = f"the whisper model {model!r} is not here: `serve` gets it where it can"
    if options.engine == "whisper":
        advice = "or set CLEANS2S_ASR__MODEL to a folder that holds it"
        return Finding("ear", "missing", missing, advice, needed=False)
    engine = build_engine(replace(options, engine="pocketsphinx") if named else options)
    try:
        found = engine.describe()
    finally:
        engine.close()
    better = f"{missing}, else this one hears, and understands little" if missing else ""
    return Finding("ear", "ok", f"{named}{found}", better=better)


def _voice(settings: Settings) -> Finding:
    from audio_io.tts.registry import load_tts

    engine = load_tts(settings.tts)
    found, name = engine.describe(), engine.name
    asyncio.run(engine.close())
    named = "auto -> " if settings.tts.engine == "auto" else ""
    better = (
        "any server of /v1/audio/speech (Kokoro, CosyVoice, F5-TTS):"
        " CLEANS2S_TTS__BASE_URL=http://127.0.0.1:8880/v1"
    )
    return Finding("voice", "ok", f"{named}{found}", better=better if name == "espeak" else "")


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
    return _served("llm", llm, "CLEANS2S_LLM")


def _served(what: str, llm: LLMSettings, variables: str, kind: str = "") -> Finding:
    """Whether a model's server answers; `variables`: the beginning of those that name it."""
    url = (llm.base_url or OPENAI_URL).rstrip("/")
    request = urllib.request.Request(f"{url}/models")
    request.add_header("Authorization", f"Bearer {llm.key}")
    found = f"{kind}{llm.model} at {url}"
    try:
        with urllib.request.urlopen(request, timeout=5):
            return Finding(what, "ok", found)
    except urllib.error.HTTPError as error:
        if error.code in (404, 405, 501):  # not every server lists its models
            return Finding(what, "ok", f"{found} (answers, lists no models)")
        refused = error.code in (401, 403)
        advice = f"set {variables}__API_KEY" if refused else "see the server's log"
        return Finding(what, "broken", f"{url} answers {error.code} {error.reason}", advice)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        advice = f"start that server, or correct {variables}__BASE_URL"
        return Finding(what, "broken", f"{url} does not answer: {reason}", advice)


def _cuda(_: Settings) -> Finding:
    if Path("/dev/nvidia0").exists():
        return Finding(
            "gpu", "ok", "an NVIDIA card is here; local LLM and Whisper servers gain by it"
        )
    return Finding("gpu", "missing", "none; nothing here needs one", needed=False)


def _version(distribution: str) -> str:
    return importlib.metadata.version(distribution)
