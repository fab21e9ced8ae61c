"""The dialogue graph as `langgraph dev` loads it: no checkpointer of its own, one input field.

`langgraph dev` brings its own checkpointer and refuses a second one; the nodes use the dry `Mind`.
"""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter, WithJsonSchema
from typing_extensions import TypedDict

from graph.events import EVENTS, Event
from graph.services import build_services
from graph.settings import load_settings


def event_schema() -> dict[str, Any]:
    """One JSON schema for the form: every event's fields, and which event has which."""
    kinds = TypeAdapter(Annotated[Event, Field(discriminator="type")]).json_schema()["$defs"]
    fields: dict[str, Any] = {"type": {"type": "string", "enum": list(EVENTS)}}
    lines = []
    for name, kind in EVENTS.items():
        own = {k: v for k, v in kinds[kind.__name__]["properties"].items() if k != "type"}
        required = kinds[kind.__name__].get("required", [])
        shown = [field if field in required else f"{field}?" for field in own]
        lines.append(f"- {name}: {', '.join(shown)}. {(kind.__doc__ or '').splitlines()[0]}")
        for field, schema in own.items():
            fields.setdefault(field, {k: v for k, v in schema.items() if k in _PLAIN})
    return {
        "type": "object",
        "title": "Event",
        "description": "What happens next. Without `at` it happens now.\n" + "\n".join(lines),
        "properties": fields,
        "required": ["type"],
        "default": {"type": "text_typed", "text": "Hello, who are you?"},
    }


_PLAIN = ("type", "title", "description", "enum")


class StudioInput(TypedDict):
    """What a run is started with."""

    event: Annotated[dict[str, Any], WithJsonSchema(event_schema())]


graph = build_services(load_settings()).graph(input_schema=StudioInput)
"""One graph for all threads; settings come from cleans2s.yaml and the environment."""
