"""Everything that can change a dialogue: one closed union of events.

An event's `type` is the snake case of its class; `at` is seconds of the session's clock. Events
are JSON on the wire and in the graph's state: `parse_event` reads them, `event_json` writes them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, cast, get_args

from pydantic import ConfigDict, Field

from graph.codec import dump, read
from graph.errors import BadInput
from graph.state import STRICT, Config, Estimate, Message, Recollection, Restriction

Segment = Annotated[int, Field(ge=1)]
"""The number of a stretch of speech; the ear counts them from 1."""


@dataclass(frozen=True, kw_only=True)
class Joined:
    """A user has come, or has come back."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["joined"] = "joined"
    at: float = 0.0
    user: str
    session: str
    """The checkpointer's thread; the same one when the session is resumed."""
    started: float
    """Unix seconds at which the session's clock stood at 0."""
    resumed: bool = False
    restriction: Restriction | None = None
    """One in force from an earlier session."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """The user has gone."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["left"] = "left"
    at: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Configured:
    """The client sets fields of `Config`."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["configured"] = "configured"
    at: float = 0.0
    patch: dict[str, Any]

    def __post_init__(self) -> None:
        """Raises `BadInput` for a field that `Config` does not have, or a wrong value."""
        config = Config().patched(self.patch)
        try:
            json.dumps(dump(config), ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise BadInput("patch", self.patch, f"cannot be kept as JSON: {error}") from None


@dataclass(frozen=True, kw_only=True)
class SpeechStarted:
    """The ear hears a voice; it has paused the agent's."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["speech_started"] = "speech_started"
    at: float = 0.0
    segment: Segment


@dataclass(frozen=True, kw_only=True)
class Partial:
    """What has been recognised of one segment so far, from the ear or from the client."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["partial"] = "partial"
    at: float = 0.0
    segment: Segment = 1
    text: str
    """The words of this segment only."""
    confirmed: Annotated[int, Field(ge=0)] = 0
    """Leading characters that will not be revised."""
    final: bool = False


@dataclass(frozen=True, kw_only=True)
class SpeechStopped:
    """The voice has been silent for 0.2 s; `at` is when it stopped."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["speech_stopped"] = "speech_stopped"
    at: float = 0.0
    segment: Segment


@dataclass(frozen=True, kw_only=True)
class TextTyped:
    """A complete turn in writing. It takes the floor at once."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["text_typed"] = "text_typed"
    at: float = 0.0
    text: str


@dataclass(frozen=True, kw_only=True)
class Respond:
    """The client wants an answer now, whatever the mind thinks of the turn's end."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["respond"] = "respond"
    at: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """The client wants the agent to stop."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["cancelled"] = "cancelled"
    at: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Committed:
    """The client says that the user's turn is over."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["committed"] = "committed"
    at: float = 0.0


@dataclass(frozen=True, kw_only=True)
class HistoryEdited:
    """The client adds, deletes or truncates an item of the history."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["history_edited"] = "history_edited"
    at: float = 0.0
    op: Literal["add", "delete", "truncate"]
    item: str
    """Id of the item."""
    message: Message | None = None
    """What to add."""
    after: str | None = None
    """Add behind this item; None: at the end."""
    heard: str | None = None
    """What is left of a truncated item."""

    def __post_init__(self) -> None:
        """Raises `BadInput` where the operation lacks what it needs."""
        if self.op == "add" and not (self.message and {"role", "content"} <= self.message.keys()):
            raise BadInput(
                "message", self.message, "op 'add' needs a message with role and content"
            )
        if self.op == "truncate" and self.heard is None:
            raise BadInput("heard", self.heard, "op 'truncate' needs the text that was heard")


@dataclass(frozen=True, kw_only=True)
class UtteranceStarted:
    """The first audio of an utterance has been played."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["utterance_started"] = "utterance_started"
    at: float = 0.0
    utterance: str


@dataclass(frozen=True, kw_only=True)
class UtteranceEnded:
    """An utterance is over; `heard` is the text that was really played."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["utterance_ended"] = "utterance_ended"
    at: float = 0.0
    utterance: str
    heard: str
    reason: Literal["finished", "cut", "failed", "tool"] = "finished"


@dataclass(frozen=True, kw_only=True)
class ToolCalled:
    """The model called a tool in an utterance; `arguments` is JSON text."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["tool_called"] = "tool_called"
    at: float = 0.0
    utterance: str
    call: str
    """Id of the call."""
    name: str
    arguments: str = "{}"


@dataclass(frozen=True, kw_only=True)
class ToolReturned:
    """The client has run a tool."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["tool_returned"] = "tool_returned"
    at: float = 0.0
    call: str
    output: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The LLM judge's estimate of a text of the open turn."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["verdict"] = "verdict"
    at: float = 0.0
    turn: str
    text: str
    """The words it judged."""
    estimate: Estimate


@dataclass(frozen=True, kw_only=True)
class Recalled:
    """What memory brought up for a turn."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["recalled"] = "recalled"
    at: float = 0.0
    turn: str
    recollection: Recollection


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """Memory has written all turns up to and including this one."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["remembered"] = "remembered"
    at: float = 0.0
    upto: str


@dataclass(frozen=True, kw_only=True)
class Summarised:
    """The summary now covers all messages up to and including this one."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["summarised"] = "summarised"
    at: float = 0.0
    summary: str
    upto: str


@dataclass(frozen=True, kw_only=True)
class Due:
    """A moment that the mind asked for with `wake` has come."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    type: Literal["due"] = "due"
    at: float = 0.0
    name: Literal["endpoint", "resume", "give_way"]


Event = (
    Joined | Left | Configured | SpeechStarted | Partial | SpeechStopped | TextTyped | Respond
    | Cancelled | Committed | HistoryEdited | UtteranceStarted | UtteranceEnded | ToolCalled
    | ToolReturned | Verdict | Recalled | Remembered | Summarised | Due
)  # fmt: skip

_KINDS: tuple[type[Event], ...] = get_args(Event)
EVENTS: Mapping[str, type[Event]] = {kind.type: kind for kind in _KINDS}


def parse_event(given: object) -> Event:
    """An event from its JSON form; an event is returned as it is.

    Raises `BadInput` with the field's name and value for an unknown type, an unknown field, a
    missing one, or one of the wrong type.
    """
    if isinstance(given, _KINDS):
        return given
    if not isinstance(given, Mapping):
        raise BadInput("event", given, "an event is an object such as {'type': 'text_typed', ...}")
    name = given.get("type")
    kind = EVENTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise BadInput("event.type", name, f"unknown; one of {', '.join(EVENTS)}")
    return cast("Event", read(kind, dict(given), "event"))


def event_json(event: Event) -> dict[str, Any]:
    """The JSON form of an event."""
    return dump(event)  # type: ignore[no-any-return]
