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


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a subcommand; 0 if it went well, 2 for bad input."""
    parser = _parser()
    options, rest = parser.parse_known_args(argv)
    if rest and not options.own_flags:
        parser.error(f"unknown: {' '.join(rest)}")
    options.rest = rest
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
    parser.set_defaults(own_flags=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    chat = commands.add_parser("chat", help="talk in the terminal, by text")
    _add_settings(chat)
    chat.add_argument("--user", default="local", help="whose memory is used (default: local)")
    chat.add_argument("--session", default="", help="a name under which to go on another time")
    chat.add_argument("--pace", type=float, metavar="WPS", help="words a second (default: at once)")
    chat.set_defaults(run=_chat)

    serve = commands.add_parser("serve", help="serve the agent, with a page to talk to")
    _add_settings(serve)
    serve.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on (default: 8765)")
    serve.add_argument("--asr", metavar="ENGINE", help="who recognises speech (default: auto)")
    serve.add_argument(
        "--asr-replay", type=Path, metavar="PATH", help="recordings for --asr replay"
    )
    serve.add_argument("--tts", metavar="ENGINE", help="who speaks (default: auto)")
    serve.set_defaults(run=_serve)

    talk = commands.add_parser(
        "talk", help="a client: send recordings, lines or the microphone", add_help=False
    )
    talk.set_defaults(run=_talk, own_flags=True)

    doctor = commands.add_parser("doctor", help="what this machine can run, and what is missing")
    _add_settings(doctor)
    doctor.set_defaults(run=_doctor)

    bench = commands.add_parser("bench", help="measure latency and load", add_help=False)
    bench.set_defaults(run=_bench, own_flags=True)

    evals = commands.add_parser(
        "evals", help="evaluate: judgement FILE..., endpointing, interruption", add_help=False
    )
    evals.add_argument(
        "what",
        choices=["judgement", "endpointing", "interruption"],
        help="labelled decision points; when to answer; whom to cut short",
    )
    evals.set_defaults(run=_evals, own_flags=True)

    demo = commands.add_parser("demo", help="one scripted conversation, with sound", add_help=False)
    demo.set_defaults(run=_demo, own_flags=True)

    sft = commands.add_parser(
        "sft", help="train a judge: data, encoder, llm, serve", add_help=False
    )
    sft.add_argument(
        "what",
        choices=_SFT,
        help="data: dialogues to examples; encoder; llm: LoRA; serve: what was trained",
    )
    sft.set_defaults(run=_sft, own_flags=True)
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
    nested = {
        "llm": {"model": "llm", "base_url": "llm_url"},
        "memory": {"backend": "memory"},
        "asr": {"engine": "asr", "replay": "asr_replay"},
        "tts": {"engine": "tts"},
        "server": {"host": "host", "port": "port"},
    }
    groups = {
        group: {
            **getattr(settings, group).model_dump(),
            **{
                field: value
                for field, flag in flags.items()
                if (value := getattr(options, flag, None)) is not None
            },
        }
        for group, flags in nested.items()
    }
    return load_settings(persona=options.persona, data_dir=options.data_dir, **groups)


def _chat(options: argparse.Namespace) -> None:
    from server.chat import chat

    asyncio.run(
        chat(_settings(options), user=options.user, session=options.session, pace=options.pace)
    )


def _serve(options: argparse.Namespace) -> None:
    from server.serve import serve

    serve(_settings(options))


def _talk(options: argparse.Namespace) -> int:
    from server.talk import add_arguments, options_of, talk

    parser = argparse.ArgumentParser(prog="cleans2s talk")
    add_arguments(parser)
    return talk(options_of(parser.parse_args(options.rest)))


def _doctor(options: argparse.Namespace) -> int:
    from server.doctor import doctor

    return doctor(_settings(options))


def _bench(options: argparse.Namespace) -> int:
    return int(importlib.import_module("evals.bench.run").main(options.rest))


def _evals(options: argparse.Namespace) -> int:
    return int(importlib.import_module(f"evals.{options.what}").main(options.rest))


def _demo(options: argparse.Namespace) -> int:
    return int(importlib.import_module("evals.demo.run").main(options.rest))


_SFT = {"data": "data", "encoder": "train", "llm": "llm.command", "serve": "llm.serve"}


def _sft(options: argparse.Namespace) -> int:
    module = importlib.import_module(f"nodes.judgement.sft.{_SFT[options.what]}")
    return int(module.main(options.rest))
