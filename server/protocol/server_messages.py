"""The messages of the server, one class a type."""

from typing import Literal

from graph.state import Act, Action, Appraisal, Config
from graph.state import Floor as WhoseFloor
from server.protocol.wire import OUTPUT_RATE, VERSION, Number, Seconds, ServerMessage

ErrorCode = Literal[
    "bad_message", "bad_version", "bad_audio", "bad_config", "bad_state",
    "hello_expected", "hello_twice", "unauthorised", "bad_identity", "resume_not_found",
    "unavailable", "blocked", "busy", "taken_over", "too_many_errors",
    "text_failed", "tts_failed", "voice_failed", "event_failed", "internal",
]  # fmt: skip


class PersonaInfo(ServerMessage):
    """A persona that can be chosen."""

    id: str
    """What `configure` takes."""
    name: str
    languages: tuple[str, ...]
    """BCP 47, of its own lines."""


class Said(ServerMessage):
    """One entry of the conversation so far."""

    id: str
    role: Literal["user", "assistant"]
    content: str
    """What the other side heard of it."""


class Welcome(ServerMessage):
    """The answer to `hello`: the session is open."""

    type: Literal["welcome"] = "welcome"
    version: int = VERSION
    session: str
    """Its id, for `hello.resume`."""
    identity: str | None
    """A token for `hello.identity`; null where an API key says who the user is."""
    resume: bool
    """It goes on with the session that `hello` asked for."""
    rate: int = OUTPUT_RATE
    """Hz of the agent's voice, int16 mono."""
    audio: bool
    """The agent's voice will be sent."""
    recognition: Literal["server", "client"]
    """Who recognises the user's speech."""
    personas: tuple[PersonaInfo, ...]
    config: Config
    history: tuple[Said, ...] = ()
    """What was said in the session that goes on."""


class SpeechStarted(ServerMessage):
    """The server hears a voice; the agent's is paused."""

    type: Literal["speech_started"] = "speech_started"
    at: Seconds
    segment: Number


class Partial(ServerMessage):
    """What the server has recognised of a segment so far."""

    type: Literal["partial"] = "partial"
    at: Seconds
    segment: Number
    text: str
    """The words of this segment only, as a whole."""
    confirmed: Number
    """Leading characters that will not be revised."""
    final: bool


class SpeechStopped(ServerMessage):
    """The voice has been silent for 0.2 s; `at` is when it stopped."""

    type: Literal["speech_stopped"] = "speech_stopped"
    at: Seconds
    segment: Number


class Turn(ServerMessage):
    """The user's turn is over and stands in the history; again if late words amend it."""

    type: Literal["turn"] = "turn"
    at: Seconds
    id: str
    text: str


class Judgement(ServerMessage):
    """What the agent makes of this moment."""

    type: Literal["judgement"] = "judgement"
    at: Seconds
    action: Action
    confidence: float
    """0..1."""
    reason: str
    """One line for people."""
    appraisal: Appraisal
    """Of what the user said."""
    p_complete: float | None
    """Probability that the user's turn is over; null: nothing was said."""
    patience: float
    """What is left of it: 0 (none) to 1."""
    delay: float | None
    """Seconds after which it judges again if nothing happens."""
    hold: bool
    """It prepares the act, in silence."""
    turn: str
    """Id of the open turn; empty: there is none."""
    text: str
    """The words that were judged."""


class Floor(ServerMessage):
    """Whose turn it is to speak now."""

    type: Literal["floor"] = "floor"
    at: Seconds
    floor: WhoseFloor


class Utterance(ServerMessage):
    """The agent begins to speak: its text and audio follow under this number."""

    type: Literal["utterance"] = "utterance"
    at: Seconds
    id: Number
    """Counts from 1 in every connection."""
    behaviour: Act
    turn: str
    """Id of the turn that it answers; empty: of none."""


class Text(ServerMessage):
    """More of an utterance's text, ahead of its audio."""

    type: Literal["text"] = "text"
    id: Number
    delta: str


class Pause(ServerMessage):
    """Stop playing now and keep what has not been played. Answer with `played`."""

    type: Literal["pause"] = "pause"
    at: Seconds
    id: Number


class Resume(ServerMessage):
    """Play on; the next sound is that at `from_ms`.

    Where that lies before the point at which playback paused, audio from there on follows.
    """

    type: Literal["resume"] = "resume"
    at: Seconds
    id: Number
    from_ms: Number


class Flush(ServerMessage):
    """Forget all audio of the utterance that has not been played, and any that still comes."""

    type: Literal["flush"] = "flush"
    at: Seconds
    id: Number


class UtteranceEnd(ServerMessage):
    """An utterance is over."""

    type: Literal["utterance_end"] = "utterance_end"
    at: Seconds
    id: Number
    heard: str
    """The text that was really played; this is what the history keeps."""
    reason: Literal["finished", "cut", "failed", "tool"]


class ToolCall(ServerMessage):
    """The model calls a tool of the client. Answer with `tool_result`."""

    type: Literal["tool_call"] = "tool_call"
    at: Seconds
    utterance: Number
    call: str
    name: str
    arguments: str
    """JSON text."""


class ConfigSet(ServerMessage):
    """What is set now."""

    type: Literal["config"] = "config"
    at: Seconds
    config: Config


class Blocked(ServerMessage):
    """The agent has ended the chat; until then it does not answer this user, in any session."""

    type: Literal["blocked"] = "blocked"
    until: float
    """Unix seconds."""
    reason: str


class Error(ServerMessage):
    """Something went wrong."""

    type: Literal["error"] = "error"
    code: ErrorCode
    field: str | None
    """Dotted path of the value that was wrong."""
    message: str
    """What was wrong, with which value, and what to do."""
    fatal: bool
    """The server closes the connection behind it."""


FromServer = (
    Welcome | SpeechStarted | Partial | SpeechStopped | Turn | Judgement | Floor | Utterance | Text
    | Pause | Resume | Flush | UtteranceEnd | ToolCall | ConfigSet | Blocked | Error
)  # fmt: skip
