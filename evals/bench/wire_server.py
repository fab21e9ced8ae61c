"""The server of the benches over the wire, as `cleans2s serve` runs it, with the rules judge.

Real but for text and speech, which cost nothing.

python -m evals.bench.wire_server FOLDER    # prints its port
"""

import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from audio_io.asr.client import ClientEngine
from audio_io.clips import Clips
from audio_io.tts.tone import ToneEngine
from graph.mind import Mind, TextStream
from graph.services import build_services
from graph.settings import MemorySettings, Settings
from graph.state import Dialogue, ToolRequest, Utterance
from nodes.compose import Composer
from server.app import create_app
from server.hub import Engines
from server.serve import Server
from server.websocket import uvicorn_config


class InstantComposer(Composer):
    """Composes in no time."""

    def compose(self, utterance: Utterance, dialogue: Dialogue, mind: Mind) -> TextStream:
        """One line of eleven words."""

        async def stream() -> AsyncIterator[str | ToolRequest]:
            yield f"This is answer {utterance.id} to what you said about it."

        return stream


def main(folder: Path) -> None:
    """Serves until it is ended."""
    settings = Settings(data_dir=folder, judge="rules", memory=MemorySettings(backend="none"))
    services = build_services(settings)
    composer = InstantComposer(services.personas, None, settings.llm)
    engines = Engines(asr=ClientEngine(), clips=Clips(ToneEngine()))
    app = create_app(replace(services, composer=composer), engines)
    listening = socket.create_server(("127.0.0.1", 0))
    port = str(listening.getsockname()[1])
    Server(uvicorn_config(app), [port]).run(sockets=[listening])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
