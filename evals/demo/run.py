"""`cleans2s demo`: one scripted conversation over the real server, in real time, with sound."""

import argparse
import asyncio
import io
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from rich.console import Console

from audio_io.tts.registry import load_tts
from evals.demo.actor import Actor, record
from evals.demo.page import write_page
from evals.demo.scenes import PERSONA, SCENES
from evals.demo.stage import Stage
from evals.demo.timeline import acts, rows, shown
from graph.services import build_services
from graph.settings import AsrSettings, LLMSettings, MemorySettings, Settings, TtsSettings
from server.app import create_app
from server.protocol import client_messages as out
from server.protocol.wire import MAX_MESSAGE_BYTES, VERSION
from server.serve import build_engines, options_of
from server.talk import connected
from server.talk_output import Printer
from server.talker import Talker
from server.websocket import WebSocketProtocol


def main(argv: Sequence[str]) -> int:
    """Plays the demo; 0 if every act was shown, 1 if one was not."""
    parser = argparse.ArgumentParser(prog="cleans2s demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder (default: demo)")
    options = parser.parse_args(argv)
    return asyncio.run(demo(options.out))


async def demo(folder: Path) -> int:
    """Plays the demo into `folder`: `conversation.wav` and `index.html`."""
    console = Console(highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as scratch:
        lines = Path(scratch) / "lines"
        lines.mkdir()
        user = load_tts(TtsSettings(engine="espeak"))
        sounds = await record(SCENES, user, lines)
        await user.close()
        stage = Stage()
        async with serving(_settings(Path(scratch), lines)) as url, connected(url) as link:
            actor = Actor(SCENES, sounds, stage)
            talker = Talker(link, actor, stage, Printer(io.StringIO(), raw=False))
            console.print("[dim]one conversation, in real time: about a minute[/]")
            hello = out.Hello(version=VERSION, rate=actor.rate)
            await talker.run(hello, out.Configure(persona=PERSONA))
    talker.recording.write(folder, talker.player.tracks)
    for row in rows(stage.book):
        console.print(f"{row.at:6.2f}  {row.who:<6} {row.text}", markup=False)
    write_page(folder / "index.html", folder / "conversation.wav", stage.book)
    missing = [cue for cue in SCENES if cue.shows not in acts(stage.book)]
    console.print(f"\n[bold]{shown(stage.book)}[/]")
    console.print(f"sound: {folder / 'conversation.wav'} (user left, agent right)")
    console.print(f"page:  {folder / 'index.html'}")
    if missing:
        names = ", ".join(dict.fromkeys(cue.shows for cue in missing))
        sys.stderr.write(f"cleans2s demo: not shown this time: {names}\n")
    return 1 if missing else 0


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[str]:
    """The real server on a free port of this machine, in this process."""
    services = build_services(settings)
    await services.warm()
    engines = await asyncio.to_thread(build_engines, settings)
    app = create_app(services, engines, options_of(settings))
    config = uvicorn.Config(
        app, ws=WebSocketProtocol, ws_max_size=MAX_MESSAGE_BYTES, log_level="warning"
    )
    server = _Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        await server.up.wait()
        try:
            yield f"ws://127.0.0.1:{listening.getsockname()[1]}/ws"
        finally:
            server.should_exit = True
            await task


class _Server(uvicorn.Server):
    """Tells when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


def _settings(scratch: Path, lines: Path) -> Settings:
    """The embedded default, and nothing of the user's own data."""
    return Settings(
        data_dir=scratch / "data",
        persona=PERSONA,
        asr=AsrSettings(engine="replay", replay=lines),
        tts=TtsSettings(engine="espeak"),
        llm=LLMSettings(),
        memory=MemorySettings(backend="sqlite"),
    )
