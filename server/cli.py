"""The command `cleans2s`. Every subcommand loads only what it needs."""

import argparse
import asyncio
import importlib
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from graph.errors import CleanS2SError
from graph.settings import Settings, load_settings

LATER = {"evals": "evaluations", "sft": "training of judges"}
"""Subcommands whose feature is still to come, and what it is called."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a subcommand; 0 if it went well, 2 for bad input."""
    options = _parser().parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
    )
    try:
        return int(options.run(options) or 0)
    except CleanS2SError as error:
        print(f"cleans2s: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cleans2s", description="A voice agent with a mind.")
    parser.add_argument("-v", "--verbose", action="store_true", help="log what happens")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    chat = commands.add_parser("chat", help="talk in the terminal, by text")
    _add_settings(chat)
    chat.add_argument("--user", default="local", help="whose memory is used (default: local)")
    chat.add_argument("--session", default="", help="a name under which to go on another time")
    chat.add_argument("--pace", type=float, metavar="WPS", help="words a second (default: at once)")
    chat.set_defaults(run=_chat)

    doctor = commands.add_parser("doctor", help="what this machine can run, and what is missing")
    _add_settings(doctor)
    doctor.set_defaults(run=_doctor)

    bench = commands.add_parser("bench", help="measure latency and load", add_help=False)
    bench.set_defaults(run=_bench)
    bench.add_argument("rest", nargs=argparse.REMAINDER)

    for name, what in LATER.items():
        later = commands.add_parser(name, help=f"{what} (not there yet)")
        later.set_defaults(run=_later, name=name)
        later.add_argument("rest", nargs=argparse.REMAINDER)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings (also CLEANS2S_* and cleans2s.yaml)")
    group.add_argument("--persona", help="who the agent is")
    group.add_argument("--data-dir", type=Path, help="where memory and sessions are kept")
    group.add_argument("--llm", metavar="MODEL", help="a chat model; none: the persona's own lines")
    group.add_argument("--llm-url", metavar="URL", help="its server, http://127.0.0.1:8000/v1")
    group.add_argument("--memory", help="mem0, sqlite or none")


def _settings(options: argparse.Namespace) -> Settings:
    settings = load_settings(persona=options.persona, data_dir=options.data_dir)
    llm = {"model": options.llm, "base_url": options.llm_url}
    memory = {"backend": options.memory}
    return load_settings(
        persona=options.persona,
        data_dir=options.data_dir,
        llm={**settings.llm.model_dump(), **_given(llm)},
        memory={**settings.memory.model_dump(), **_given(memory)},
    )


def _given(flags: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in flags.items() if value is not None}


def _chat(options: argparse.Namespace) -> None:
    from server.chat import chat

    asyncio.run(
        chat(_settings(options), user=options.user, session=options.session, pace=options.pace)
    )


def _doctor(options: argparse.Namespace) -> int:
    from server.doctor import doctor

    return doctor(_settings(options))


def _bench(options: argparse.Namespace) -> int:
    return int(importlib.import_module("evals.bench.run").main(options.rest))


def _later(options: argparse.Namespace) -> int:
    print(
        f"cleans2s {options.name}: {LATER[options.name]} come in a later version", file=sys.stderr
    )
    return 2
