"""What the mind knows: the values, the JSON state that LangGraph carries, and the typed view of it.

`DialogueState` is plain JSON, so any checkpointer and Studio can hold it. Nodes never touch that
JSON: at a node's door `Dialogue.load` rebuilds the values and `Dialogue.changes` writes back those
that the node replaced. Times are seconds of the session's clock; where one must survive the
session (a restriction, a fact) it is unix seconds and says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from graph.codec import dump, read
from graph.errors import BadInput

Appraisal = Literal["plain", "affront", "unreasonable", "boring", "agreement", "conflict"]
"""What was said: the five situations of the paper, and none of them."""

Act = Literal["reply", "refuse", "deflect", "interrupt", "block"]
"""The actions that speak."""

Action = Literal[
    "keep_listening", "keep_talking", "reply", "refuse", "deflect", "interrupt", "block",
    "silence", "yield_floor",
]  # fmt: skip
"""What a judgement can choose."""

Floor = Literal["open", "user", "agent"]

Share = Annotated[float, Field(ge=0, le=1)]
"""0 to 1."""

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, str_min_length=0)
"""How values are read from outside: no unknown field, no NaN, no half of a surrogate pair (which a
length, of whatever number, makes pydantic look for)."""


class ToolRequest(TypedDict):
    """A call of a tool as the model asked for it; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


class Message(TypedDict, total=False):
    """One entry of the history: what a side said and the other heard, or a tool's output.

    `id` is the id of the turn or utterance (tool outputs: of the call), `at` unix seconds.
    """

    id: str
    role: Literal["user", "assistant", "tool"]
    content: str
    at: float
    behaviour: str
    tool_calls: list[ToolRequest]
    tool_call_id: str


def join_words(parts: Iterable[str]) -> str:
    """Joins pieces of speech by a space, or by nothing between two CJK characters."""
    text = ""
    for part in (part.strip() for part in parts):
        if text and part and not (is_cjk(text[-1]) and is_cjk(part[0])):
            text += " "
        text += part
    return text


def is_cjk(char: str) -> bool:
    """Whether a character belongs to a script that writes words without spaces."""
    return "\u2e80" <= char <= "\u9fff" or "\uff00" <= char <= "\uffef"


@dataclass(frozen=True)
class Estimate:
    """What an estimator makes of an unfinished turn; it chooses nothing."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    p_complete: Share
    """Probability that the turn is over, 0..1."""
    appraisal: Appraisal = "plain"
    p_appraisal: Share = 1.0
    """Probability of that appraisal, 0..1."""
    source: str = ""
    suggests: Action | None = None
    """An action that the estimator itself would take; the policy may follow it."""


@dataclass(frozen=True)
class Consultation:
    """What the LLM judge was asked about a turn last, and its newest verdict on it."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    asked: str
    """The words that it was asked about."""
    verdict: Estimate | None = None
    judged: str = ""
    """The words that the verdict is about."""


@dataclass(frozen=True)
class Impression:
    """What the estimates of a turn agree on, and since when."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    appraisal: Appraisal
    words: int
    """Words that the first of them was made on."""
    last_words: int
    """The most words that one of them was made on."""
    at: float
    """When the first of them came."""


@dataclass(frozen=True)
class Turn:
    """The user's newest turn: open until the mind acts on it, then closed."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    id: str
    segments: dict[int, str] = field(default_factory=dict)
    """The words of each of the ear's segments that belong to this turn."""
    owned: dict[int, int] = field(default_factory=dict)
    """Words at the head of a segment that an earlier turn has taken."""
    before: dict[int, int] = field(default_factory=dict)
    """The newest segments of earlier turns, with the words of each that are taken."""
    typed: str = ""
    """What was written, not said; it stands behind the segments."""
    newest: int = 0
    """The newest segment that has begun in this turn."""
    opened_at: float = 0.0
    words_at: float = 0.0
    """When the words last changed."""
    silent_since: float | None = None
    """When the user's voice stopped; None while it sounds."""
    paused: float = 0.0
    """Seconds of the longest silence after which the user went on."""
    awaits_final: bool = False
    """The recogniser has not given its last word for the newest segment."""
    complete: bool = False
    """The client says that the turn is over (typed, committed): nothing to guess."""
    asked: bool = False
    """The client wants an answer to it (`Respond`)."""
    closed: bool = False
    consulted: Consultation | None = None
    """None: no LLM judge was asked about this turn."""
    impression: Impression | None = None
    """What its estimates agree on; None where that is nothing."""

    @property
    def text(self) -> str:
        """The turn's words, its segments in order."""
        return join_words([*(self.segments[n] for n in sorted(self.segments)), self.typed])


@dataclass(frozen=True)
class Utterance:
    """The agent's newest utterance, from the decision to speak to its end."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    id: str
    behaviour: Act
    turn: str = ""
    """The turn that it answers; empty if the client asked for it out of the blue."""
    text_judged: str = ""
    """The words of the turn that it was made for."""
    opening: str = ""
    """Said at once, before any model is asked."""
    guidance: str = ""
    """What the model is told about how to go on; empty: nothing but the opening is said."""
    status: Literal["held", "speaking", "paused", "ended"] = "speaking"
    sounded: bool = False
    """Its first audio has been played."""
    began_at: float = 0.0
    """When it was decided on, then when it first sounded."""

    @property
    def holds_floor(self) -> bool:
        """Whether it is on its way to the user's ear, or paused on it."""
        return self.status in ("speaking", "paused")


@dataclass(frozen=True)
class Judgement:
    """What the policy chose for this event, and why in one line that a user understands."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    action: Action
    confidence: float
    reason: str
    delay: float | None = None
    """Seconds after which to judge again if nothing comes before; None: wait for an event."""
    hold: bool = False
    """Prepare the act without a sound, and decide after `delay`."""
    quiet: bool = False
    """Close the user's turn without an answer (with yield_floor)."""
    appraisal: Appraisal = "plain"
    turn: str = ""
    text: str = ""
    """The words judged."""
    at: float = 0.0


@dataclass(frozen=True)
class Fact:
    """Something that a user said once, as the memory kept it."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    text: str
    said_at: float = 0.0
    """Unix seconds."""
    score: float = 0.0
    """Nearness to the query, 0..1."""
    turn: str = ""


@dataclass(frozen=True)
class Recollection:
    """What the memory brought up for a turn."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    facts: tuple[Fact, ...] = ()
    summary: str = ""
    """What is known of earlier sessions, in one paragraph."""
    temporal: str = ""
    """Temporal signals, one readable line each."""
    as_of: float = 0.0
    """Unix seconds at which it was true."""
    query: str = ""
    """The words that it was looked up for."""


@dataclass(frozen=True)
class Exchange:
    """One closed turn with what the agent was heard to answer: the unit that memory keeps."""

    turn: str
    """An id that no other turn of this user has, in any session."""
    user: str
    agent: str
    at: float
    """Unix seconds."""


@dataclass(frozen=True)
class Rapport:
    """How the agent stands to the user. Changes once a turn, when the turn closes, and by time."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    patience: float = 1.0
    """0 (none left) to 1."""
    affronts: int = 0
    """Affronts in a row that were not made good by courtesy or time."""
    repeats: int = 0
    """Turns in a row that said what had been said before."""
    demands: int = 0
    """Turns in a row that asked for what the agent will not do."""
    affront_at: float = 0.0
    """Since when time makes affronts good: the last one, or the last that was made good."""
    updated_at: float = 0.0
    turn: str = ""
    """The last turn that counted."""
    interrupted_at: float | None = None
    """When the agent last cut in."""


@dataclass(frozen=True)
class Restriction:
    """A user is shut out until a moment; unix seconds, for it outlives the session."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    until: float
    reason: str


@dataclass(frozen=True)
class Tool:
    """A function that the client offers to the model; `parameters` is a JSON schema."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """What a client may set for its session, at any moment."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    persona: str = ""
    """A name of the catalogue; empty: the server's default."""
    language: str = "en"
    """BCP 47."""
    instructions: str = ""
    """Added to what the persona tells the model."""
    voice: str = ""
    """A voice of the TTS engine; empty: the persona's."""
    tools: tuple[Tool, ...] = ()
    turn_detection: Literal["auto", "manual"] = "auto"
    """manual: the agent speaks only when asked (`Respond`), for push-to-talk clients."""

    def patched(self, patch: Mapping[str, Any]) -> Self:
        """A copy with the fields of `patch` set; raises `BadInput` with the field's name."""
        return cast(Self, read(type(self), dump(self) | dict(patch), "config"))


class DialogueState(TypedDict, total=False):
    """The graph's state: JSON only, no reducers, one writer, parts replaced and never changed."""

    event: dict[str, Any]
    user: str
    session: str
    started: float
    messages: list[Message]
    summary: str
    turn: dict[str, Any] | None
    floor: Floor
    recollection: dict[str, Any]
    estimate: dict[str, Any] | None
    judgement: dict[str, Any] | None
    rapport: dict[str, Any]
    restriction: dict[str, Any] | None
    utterance: dict[str, Any] | None
    config: dict[str, Any]
    remembered_upto: str
    stale: int


@dataclass(frozen=True)
class Dialogue:
    """`DialogueState` with its values rebuilt: what nodes read and replace."""

    user: str = "local"
    """Who the server vouches for; memory is kept under this id."""
    session: str = ""
    """Id of the session (the checkpointer's thread); stays when the session is resumed."""
    started: float = 0.0
    """Unix seconds at which the session's clock stood at 0."""
    messages: list[Message] = field(default_factory=list)
    """What both sides heard, and tool messages. Never changed in place."""
    summary: str = ""
    """What was said before the oldest message."""
    turn: Turn | None = None
    floor: Floor = "open"
    recollection: Recollection = field(default_factory=Recollection)
    estimate: Estimate | None = None
    judgement: Judgement | None = None
    """What was chosen for this event; None where there was nothing to choose."""
    rapport: Rapport = field(default_factory=Rapport)
    restriction: Restriction | None = None
    utterance: Utterance | None = None
    config: Config = field(default_factory=Config)
    remembered_upto: str = ""
    """Id of the last turn that memory has confirmed."""
    stale: int = 0
    """Events that came too late to matter."""

    @property
    def open_turn(self) -> Turn | None:
        """The user's turn, if the mind has not acted on it yet."""
        return self.turn if self.turn and not self.turn.closed else None

    @property
    def agent_speaks(self) -> bool:
        """Whether an utterance is sounding, paused, or about to sound."""
        return self.utterance is not None and self.utterance.holds_floor

    @classmethod
    def load(cls, state: DialogueState) -> Self:
        """Rebuilds the values; raises `BadInput` with the key of a value of the wrong type."""
        given: dict[str, Any] = {}
        for name in _KEYS:
            value = state.get(name)
            if value is None:
                continue
            if name in _VALUES:
                value = _known_value(name, value)
            elif not isinstance(value, _PLAIN[name]):
                raise BadInput(name, value, f"should be {_PLAIN[name]}")
            given[name] = value
        return cls(**given)

    def changes(self, before: "Dialogue | None" = None) -> DialogueState:
        """The JSON of the fields that differ from `before`; of all fields without it."""
        changed: dict[str, Any] = {}
        for name in _KEYS:
            value = getattr(self, name)
            if before is None or value is not getattr(before, name):
                changed[name] = value
                if name in _VALUES and value is not None:
                    changed[name] = dump(value)
                    _NEWEST[name] = changed[name], value
        return changed  # type: ignore[return-value]


_KEYS = tuple(f.name for f in fields(Dialogue))
_VALUES: dict[str, Any] = {
    "turn": Turn, "recollection": Recollection, "estimate": Estimate, "judgement": Judgement,
    "rapport": Rapport, "restriction": Restriction, "utterance": Utterance, "config": Config,
    "floor": Floor,
}  # fmt: skip
_PLAIN: dict[str, Any] = {
    "user": str, "session": str, "started": float | int, "messages": list, "summary": str,
    "remembered_upto": str, "stale": int,
}  # fmt: skip
_NEWEST: dict[str, tuple[object, Any]] = {}
"""For each key the JSON that was read or written last, with its value: the nodes of a run pass the
same objects on, and reading them anew at every door costs as much as the nodes do."""


def _known_value(name: str, data: object) -> Any:
    known = _NEWEST.get(name)
    if known is None or known[0] is not data:
        known = _NEWEST[name] = data, read(_VALUES[name], data, name)
    return known[1]
