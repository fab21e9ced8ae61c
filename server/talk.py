"""`cleans2s talk`: a complete client of the native protocol for terminals, scripts and tests."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidURI

from graph.errors import BadInput, CleanS2SError, Unavailable
from server.microphone import Device, Lines, Recordings, Source
from server.protocol import client_messages as out
from server.protocol.wire import VERSION
from server.talk_output import Printer
from server.talker import Manners, Talker


@dataclass(frozen=True)
class TalkOptions:
    """What to say to which server, and what to do with the answers."""

    url: str = "http://127.0.0.1:8765"
    wav: tuple[Path, ...] = ()
    """Sound files to send in real time, one turn each."""
    text: tuple[str, ...] = ()
    """Lines to type, one turn each."""
    mic: bool = False
    json: bool = False
    """Print the server's messages as they come, one a line."""
    out: Path | None = None
    """Folder for the sound of the conversation."""
    gap: float | None = None
    """Seconds between two turns; None: until the agent has answered."""
    tail: float = 3.0
    """Seconds of quiet after which the conversation is over, or the agent will not answer."""
    persona: str = ""
    language: str = ""
    key: str | None = None
    identity: str | None = None
    name: str | None = None
    resume: str | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's flags."""
    default = TalkOptions()
    said = parser.add_mutually_exclusive_group(required=True)
    said.add_argument("--wav", nargs="+", type=Path, metavar="FILE", help="say these recordings")
    said.add_argument("--text", nargs="+", metavar="LINE", help="type these lines")
    said.add_argument("--mic", action="store_true", help="talk, until Ctrl-C (use headphones)")
    parser.add_argument("--url", default=default.url, help=f"the server (default: {default.url})")
    parser.add_argument("--json", action="store_true", help="print every message, one a line")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the sound as WAV files")
    parser.add_argument("--gap", type=float, help="seconds between turns (default: until answered)")
    parser.add_argument(
        "--tail", type=float, default=default.tail, help="seconds of quiet at the end"
    )
    for name, what in {
        "persona": "who to talk to",
        "language": "BCP 47, as in en or zh",
        "key": "API key",
        "identity": "token of an earlier welcome",
        "name": "what the agent may call you",
        "resume": "session to go on with",
    }.items():
        parser.add_argument(f"--{name}", default=getattr(default, name), help=what)


def options_of(parsed: argparse.Namespace) -> TalkOptions:
    """The options from the flags; raises `BadInput` for a wrong one."""
    fields = {name: getattr(parsed, name) for name in TalkOptions.__dataclass_fields__}
    options = TalkOptions(
        **{**fields, "wav": tuple(parsed.wav or ()), "text": tuple(parsed.text or ())}
    )
    for name in ("gap", "tail"):
        value = getattr(options, name)
        if value is not None and not 0 <= value <= 600:
            raise BadInput(f"--{name}", value, "should be 0 to 600 seconds")
    if any(not line.strip() for line in options.text):
        raise BadInput("--text", "", "an empty line is no turn")
    return options


def talk(options: TalkOptions, stdout: TextIO = sys.stdout, stderr: TextIO = sys.stderr) -> int:
    """Holds the conversation; 0 if it came to its end, 1 if not: the reason is on `stderr`."""
    try:
        asyncio.run(_talk(options, stdout))
    except CleanS2SError as error:
        stderr.write(f"cleans2s talk: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0 if options.mic else 130
    return 0


async def _talk(options: TalkOptions, stdout: TextIO) -> None:
    url = websocket_url(options.url)
    source, printer = _source(options), Printer(stdout, options.json)
    hello = out.Hello(
        version=VERSION,
        rate=source.rate,
        audio=options.mic or options.out is not None or bool(options.wav),
        key=options.key,
        identity=options.identity,
        name=options.name,
        resume=options.resume,
    )
    wish = out.Configure(persona=options.persona or None, language=options.language or None)
    attention = Manners(options.gap, options.tail)
    async with connected(url) as socket:
        talker = Talker(socket, source, attention, printer)
        try:
            await talker.run(hello, wish)
        finally:
            if options.out:
                talker.recording.write(options.out, talker.player.tracks)


def _source(options: TalkOptions) -> Source:
    if options.mic:
        return Device()
    return Recordings(options.wav) if options.wav else Lines(options.text)


def websocket_url(url: str) -> str:
    """The address of the protocol, from what people call the server's address.

    Raises `BadInput` for what is no address.
    """
    scheme, netloc, path, query, _ = urlsplit(url if "://" in url else f"http://{url}")
    schemes = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
    if scheme not in schemes or not netloc:
        raise BadInput("--url", url, "should be as in http://127.0.0.1:8765")
    return urlunsplit((schemes[scheme], netloc, path if path.strip("/") else "/ws", query, ""))


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[ClientConnection]:
    """A connection to the server; raises `Unavailable` where there is none."""
    local = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    try:
        socket = await connect(url, compression=None, proxy=None if local else True)
    except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
        raise Unavailable(
            f"no server at {url} ({error}): start one with `cleans2s serve`, or say --url"
        ) from error
    async with socket:
        yield socket
