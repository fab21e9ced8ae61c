"""Engines by name, from the entry points of what is installed: ours and third parties'."""

from importlib.metadata import entry_points

from audio_io.asr.protocol import GROUP, AsrEngine, AsrOptions, BuildEngine
from graph.errors import BadInput


def engine_names() -> list[str]:
    """The names of all installed engines."""
    return sorted(entry_points(group=GROUP).names)


def build_engine(options: AsrOptions) -> AsrEngine:
    """The engine that `options.engine` names; may take seconds, so call it off the event loop.

    Raises `BadInput` for a name that nothing is installed under, and what the engine raises:
    `Unavailable` where it cannot run here.
    """
    found = entry_points(group=GROUP, name=options.engine)
    if not found:
        known = ", ".join(engine_names()) or "none: is cleans2s installed?"
        raise BadInput("asr.engine", options.engine, f"unknown; one of {known}")
    build: BuildEngine = next(iter(found)).load()
    return build(options)
