"""`cleans2s serve`: builds the engines that the settings name, says which, and listens."""

import asyncio
import logging
from urllib.parse import urlsplit

import uvicorn

from audio_io.asr.protocol import AsrOptions
from audio_io.asr.registry import build_engine
from audio_io.clips import Clips
from audio_io.tts.registry import load_tts
from graph.errors import Unavailable
from graph.services import build_services
from graph.settings import AsrSettings, Settings
from server.app import create_app, described
from server.hub import Engines, ServerOptions
from server.protocol.wire import MAX_MESSAGE_BYTES

log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serves until interrupted. Raises `BadInput` for a wrong setting, `Unavailable` for an engine
    that cannot run here or a port that is taken."""
    services = build_services(settings)
    engines = build_engines(settings)
    app = create_app(services, engines, options_of(settings))
    config = uvicorn.Config(
        app,
        host=settings.server.host,
        port=settings.server.port,
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        log_level="warning",
    )
    server = _Server(config, [f"{name}: {one}" for name, one in described(services, engines).items()])
    server.run()
    if not server.started:
        raise Unavailable(
            f"{settings.server.host}:{settings.server.port} cannot be listened on;"
            " set another one by --port or CLEANS2S_SERVER__PORT"
        )


def build_engines(settings: Settings) -> Engines:
    """Ear and voice. May take seconds: models are loaded."""
    asr = build_engine(asr_options(settings.asr))
    return Engines(asr=asr, clips=Clips(load_tts(settings.tts)))


def asr_options(asr: AsrSettings) -> AsrOptions:
    """The settings as the engines read them."""
    given = asr.model_dump(exclude={"api_key"})
    return AsrOptions(**given, api_key=asr.api_key.get_secret_value())


def options_of(settings: Settings) -> ServerOptions:
    """The settings as the connections read them."""
    return ServerOptions(
        api_keys=tuple(key.get_secret_value() for key in settings.server.api_keys),
        origins=tuple(settings.server.origins),
        max_sessions=settings.server.max_sessions,
        lead_seconds=settings.tts.lead_seconds,
        first_audio_seconds=settings.tts.first_audio_seconds,
    )
