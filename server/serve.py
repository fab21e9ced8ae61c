"""`cleans2s serve`: builds the engines that the settings name, says which, and listens."""

import gc
import socket
import sys
from collections.abc import Sequence

import uvicorn

from audio_io.asr.protocol import AsrOptions
from audio_io.asr.registry import build_engine
from audio_io.clips import Clips
from audio_io.tts.registry import load_tts
from graph.errors import Unavailable
from graph.services import build_services
from graph.settings import AsrSettings, Settings, key_for
from server.app import create_app, described
from server.hub import Engines, ServerOptions
from server.websocket import uvicorn_config


def serve(settings: Settings) -> None:
    """Serves until interrupted. Raises `BadInput` for a wrong setting, `Unavailable` for an engine
    that cannot run here or a port that is taken."""
    listening = _bound(settings.server.host, settings.server.port)
    services = build_services(settings)
    engines = build_engines(settings)
    app = create_app(services, engines, options_of(settings))
    host, port = listening.getsockname()[:2]
    host = f"[{host}]" if ":" in host else host
    told = [f"{name:>7}: {what}" for name, what in described(services, engines).items()]
    told.append(f"CleanS2S listens on http://{host}:{port} - open it in a browser; Ctrl-C ends it")
    Server(uvicorn_config(app), told).run(sockets=[listening])


class Server(uvicorn.Server):
    """Says what it runs on and where, once it does."""

    def __init__(self, config: uvicorn.Config, told: Sequence[str]) -> None:
        """`told`: the lines that it prints when it is ready."""
        super().__init__(config)
        self._told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            gc.collect()
            gc.freeze()  # what lives as long as the process need not be searched again: 0.1 s each
            sys.stdout.write("\n".join(self._told) + "\n")
            sys.stdout.flush()


def _bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise Unavailable(
            f"{host}:{port} cannot be listened on ({error.strerror}); set another place by"
            " --host and --port, or CLEANS2S_SERVER__PORT"
        ) from error


def build_engines(settings: Settings) -> Engines:
    """Ear and voice. May take seconds: models are loaded."""
    asr = build_engine(asr_options(settings.asr))
    return Engines(asr=asr, clips=Clips(load_tts(settings.tts)))


def asr_options(asr: AsrSettings) -> AsrOptions:
    """The settings as the engines read them."""
    given = asr.model_dump(exclude={"api_key"})
    return AsrOptions(**given, api_key=key_for(asr.base_url, asr.api_key))


def options_of(settings: Settings) -> ServerOptions:
    """The settings as the connections read them."""
    return ServerOptions(
        api_keys=tuple(key.get_secret_value() for key in settings.server.api_keys),
        origins=tuple(settings.server.origins),
        max_sessions=settings.server.max_sessions,
        lead_seconds=settings.tts.lead_seconds,
        first_audio_seconds=settings.tts.first_audio_seconds,
    )
