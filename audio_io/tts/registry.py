"""Speech engines by name: every distribution adds its own by an entry point in `cleans2s.tts`.

The entry point names a callable that takes `TtsOptions` and returns a `TtsEngine`.
"""

import logging
from importlib.metadata import entry_points

from audio_io.tts.protocol import TtsEngine, TtsOptions
from graph.errors import BadInput, Unavailable

log = logging.getLogger(__name__)

GROUP = "cleans2s.tts"


def tts_names() -> list[str]:
    """The engines that are installed."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def load_tts(options: TtsOptions) -> TtsEngine:
    """Builds the engine that the options name and says in one log line which it is.

    `auto` is `openai` where a server or a model is set, else `espeak`. Raises `BadInput` for a name
    that is not installed, `Unavailable` for an engine that cannot be loaded here.
    """
    name = options.engine
    if name == "auto":
        name = "openai" if options.base_url or options.model else "espeak"
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(["auto", *sorted(found)])
        raise BadInput("tts.engine", name, f"no such speech engine; there are: {known}")
    try:
        build = found[name].load()
    except (ImportError, AttributeError) as error:
        raise Unavailable(f"speech engine {name!r} cannot be loaded: {error}") from error
    engine: TtsEngine = build(options)
    log.info("speech: %s", engine.describe())
    return engine
