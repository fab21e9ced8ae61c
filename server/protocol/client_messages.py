"""The messages of a client, one class a type."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from audio_io.pcm import HIGHEST_RATE, LOWEST_RATE
from graph.state import Tool
from server.protocol.wire import ClientMessage, Id, Number


def _rate(rate: int) -> int:
    if rate and not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(f"should be {LOWEST_RATE} to {HIGHEST_RATE} Hz, or 0 for no microphone")
    return rate


class Hello(ClientMessage):
    """The first message, within 10 s, and only once. The answer is `welcome`, or `error`."""

    type: Literal["hello"] = "hello"
    version: int
    """Of the protocol: 1."""
    rate: Annotated[int, AfterValidator(_rate)]
    """Hz of the microphone's PCM16 mono, 8,000 to 48,000; 0: no sound will be sent."""
    audio: bool = True
    """Send the agent's voice; false: its text only."""
    recognition: Literal["server", "client"] = "server"
    """client: the client recognises the speech itself and sends `partial`."""
    key: str | None = Field(default=None, max_length=500)
    """An API key, where the server asks for one."""
    identity: str | None = Field(default=None, max_length=500)
    """The token of an earlier `welcome`: makes the client the same user again."""
    name: str | None = Field(default=None, max_length=80, pattern=r"^[^\x00-\x1f\x7f<>]+$")
    """What the agent may call the user. It is only a name: it opens nothing."""
    resume: Id | None = None
    """The session to go on with; it must be this user's."""


class Text(ClientMessage):
    """A complete turn in writing. It takes the floor at once."""

    type: Literal["text"] = "text"
    text: str = Field(min_length=1, max_length=16_000)


class Partial(ClientMessage):
    """What the client has recognised of a segment so far (`recognition: client` only).

    A segment runs from where a voice starts to where it stops. Without a microphone at the server
    (`rate` 0) the first partial of a segment starts it and the final one stops it, unless
    `speech_started` and `speech_stopped` say so more exactly. With one, the server hears where
    speech starts and stops, and tells the segment's number by `speech_started`.
    """

    type: Literal["partial"] = "partial"
    segment: Annotated[int, Field(ge=1, lt=2**31)]
    """Segments count from 1 and do not go back by more than one."""
    text: str = Field(max_length=16_000)
    """The words of this segment only, as a whole."""
    confirmed: Number = 0
    """Leading characters that will not be revised."""
    final: bool = False
    """The segment's last partial."""


class SpeechStarted(ClientMessage):
    """A voice sounds (`recognition: client` and `rate` 0 only)."""

    type: Literal["speech_started"] = "speech_started"
    segment: Annotated[int, Field(ge=1, lt=2**31)]


class SpeechStopped(ClientMessage):
    """The voice has fallen silent (`recognition: client` and `rate` 0 only).

    Best sent after 0.2 s of silence, behind the segment's final `partial`.
    """

    type: Literal["speech_stopped"] = "speech_stopped"
    segment: Annotated[int, Field(ge=1, lt=2**31)]
    silent_ms: Annotated[int, Field(ge=0, le=10_000)] = 200
    """How long it has been silent already."""


class Played(ClientMessage):
    """How much of an utterance has sounded. Sent every 100 ms while it plays, and on `pause`."""

    type: Literal["played"] = "played"
    utterance: Number
    ms: Number
    """Its offset in the utterance, which goes back where `resume` does."""


class Respond(ClientMessage):
    """Answer now, whatever you think of the turn's end."""

    type: Literal["respond"] = "respond"


class Commit(ClientMessage):
    """The user's turn is over: whatever sounds unfinished about it, it is not waited for.

    A push-to-talk client sends it when the key is let go, with `turn_detection: manual` a `respond`
    behind it.
    """

    type: Literal["commit"] = "commit"


class Stop(ClientMessage):
    """Be quiet."""

    type: Literal["stop"] = "stop"


class Configure(ClientMessage):
    """Sets what is named and leaves the rest. The answer is `config`, or `error`."""

    type: Literal["configure"] = "configure"
    persona: str | None = Field(default=None, max_length=100)
    """One of those that `welcome` lists; empty: the server's default."""
    language: str | None = Field(
        default=None, max_length=35, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"
    )
    """BCP 47."""
    instructions: str | None = Field(default=None, max_length=20_000)
    """Added to what the persona tells the model."""
    voice: str | None = Field(default=None, max_length=100)
    """A voice of the speech engine; empty: the persona's."""
    tools: Annotated[tuple[Tool, ...], Field(max_length=64)] | None = None
    """Functions of the client that the model may call; they come as `tool_call`."""
    turn_detection: Literal["auto", "manual"] | None = None
    """manual: the agent speaks only when asked to by `respond`."""

    @property
    def patch(self) -> dict[str, Any]:
        """What is to be set, as JSON data."""
        return self.model_dump(mode="json", exclude={"type"}, exclude_none=True)


class ToolResult(ClientMessage):
    """What a tool gave."""

    type: Literal["tool_result"] = "tool_result"
    call: Id
    """Of the `tool_call`."""
    output: str = Field(max_length=200_000)


class Bye(ClientMessage):
    """The user leaves. The server closes with code 1000."""

    type: Literal["bye"] = "bye"


FromClient = (
    Hello | Text | Partial | SpeechStarted | SpeechStopped | Played | Respond | Commit | Stop
    | Configure | ToolResult | Bye
)  # fmt: skip
