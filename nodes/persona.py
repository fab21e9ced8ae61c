"""Who the agent is: voice, opinions, patience, boundaries, and its own lines for every act."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from string import Formatter
from typing import Annotated, ClassVar, Literal

import yaml
from pydantic import AfterValidator, ConfigDict, Field

from graph.state import STRICT, Appraisal, Message
from nodes.words import words

Kind = Literal[
    "greeting", "reply", "refuse", "deflect", "interrupt", "go_on", "block", "trouble"
]  # fmt: skip
"""Occasions that a persona has lines for."""

SLOTS = frozenset({"name", "fact", "opinion", "last"})
"""What a line may leave open: the user's name, what they said once, the opinion that their words
touch, and what the agent said last."""

_CUT_WORDS = 3
"""Words of a line that must have been heard before it counts as said."""


def slots(line: str) -> frozenset[str]:
    """The slots of a line; raises `ValueError` for braces that do not pair."""
    return frozenset(name for _, name, _, _ in Formatter().parse(line) if name is not None)


def _line(text: str) -> str:
    if not text.strip():
        raise ValueError("a line needs words")
    unknown = slots(text) - SLOTS
    if unknown:
        named = ", ".join(f"{{{name}}}" for name in sorted(SLOTS))
        raise ValueError(f"unknown slot {{{min(unknown)}}}; there are {named}")
    return text.strip()


Line = Annotated[str, AfterValidator(_line)]
Words = Annotated[str, Field(pattern=r"\S")]
Share = Annotated[float, Field(ge=0, le=1)]


@cache
def meanings() -> Mapping[str, tuple[str, ...]]:
    """What users say, by meaning: the examples that all personas share."""
    text = Path(__file__).with_name("meanings.yaml").read_text(encoding="utf-8")
    shared = yaml.load(text, Loader=yaml.BaseLoader)  # for whom "yes" is a word
    return {name: tuple(examples) for name, examples in shared.items()}


def _meaning(name: str) -> str:
    if name not in meanings():
        raise ValueError(f"no such meaning; there are {', '.join(meanings())}")
    return name


@dataclass(frozen=True)
class LineGroup:
    """Lines of one meaning, each as good as the other."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    say: Annotated[tuple[Line, ...], Field(min_length=1)]
    meaning: Annotated[str, AfterValidator(_meaning)] = ""
    """What a user says whom these lines answer, by a name of `meanings.yaml`."""
    to: tuple[Words, ...] = ()
    """The same, by examples."""
    when: tuple[Appraisal, ...] = ()
    """Appraisals of the user's words that these lines fit; none: any."""
    asked: bool = False
    """These lines answer any question; for a group without `meaning` and `to`."""

    @property
    def examples(self) -> tuple[str, ...]:
        """What a user says whom these lines answer; none: they fit anything."""
        return (*(meanings()[self.meaning] if self.meaning else ()), *self.to)


def _with_general(groups: tuple[LineGroup, ...]) -> tuple[LineGroup, ...]:
    fits_all = [g for g in groups if not g.examples and not g.when and not g.asked]
    if not any(not slots(line) for group in fits_all for line in group.say):
        raise ValueError("needs lines for anything: a group of `say` alone, one line without slot")
    return groups


Groups = Annotated[tuple[LineGroup, ...], AfterValidator(_with_general)]


@dataclass(frozen=True)
class Lines:
    """A persona's own words; each kind holds at least one line that fits anything."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    greeting: Groups
    """First words of a conversation."""
    reply: Groups
    refuse: Groups
    deflect: Groups
    """Leads away from a topic."""
    interrupt: Groups
    """What it cuts in with, before any model is asked."""
    go_on: Groups
    """What follows after it has cut in, where there is no model."""
    block: Groups
    """Last words before it ends the chat."""
    trouble: Groups
    """Something failed: said instead of an answer."""

    def of(self, kind: Kind) -> tuple[LineGroup, ...]:
        """The groups of one kind."""
        groups: tuple[LineGroup, ...] = getattr(self, kind)
        return groups


@dataclass(frozen=True)
class Opinion:
    """Where the persona stands on a topic."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    topic: Words
    stance: Words
    """One spoken sentence in the first person."""
    words: Annotated[tuple[Words, ...], Field(min_length=1)]
    """Words and phrases that touch the topic."""

    def touched_by(self, text: str) -> bool:
        """Whether the text holds one of the words as it stands, in any case."""
        said = _spoken(text)
        return any(_spoken(cue) in said for cue in self.words)


@dataclass(frozen=True)
class Patience:
    """How much the persona puts up with."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    start: Share
    """Patience at the start of a conversation, 0 (none) to 1."""
    recovers_per_minute: Share
    """What comes back in a minute without an affront."""


Seconds = Annotated[float, Field(ge=0, le=2)]


@dataclass(frozen=True)
class Gap:
    """The silence that the persona leaves before it answers, another one each time.

    Half of the gaps lie in the first quarter of the range; the default is that of people.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    shortest: Seconds = 0.1
    longest: Seconds = 0.5

    def __post_init__(self) -> None:
        if self.longest < self.shortest:
            raise ValueError(f"the longest gap should be at least the shortest, {self.shortest} s")


@dataclass(frozen=True)
class Persona:
    """Who the agent is. Written in a YAML file, see `nodes.catalogue.load_persona`."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: Words
    """What it calls itself."""
    languages: Annotated[tuple[Words, ...], Field(min_length=1)]
    """BCP 47, of its own lines; the first is the one it prefers."""
    about: Words
    """Who it is and how it talks, as the model is told."""
    patience: Patience
    eagerness: Share
    """How eagerly it cuts in: 0 never, 1 at the first occasion."""
    block_minutes: Annotated[float, Field(gt=0)]
    """How long a user is shut out."""
    affronts_to_block: Annotated[int, Field(ge=1)]
    """The affront in a row that ends the chat: with 3, a cool reply, a refusal, the end."""
    lines: Lines
    voices: dict[str, str] = field(default_factory=dict)
    """The voice for each TTS engine by name; an engine not named uses its own default."""
    opinions: tuple[Opinion, ...] = ()
    boundaries: tuple[Words, ...] = ()
    """What it will not do, one sentence each."""
    gap: Gap = Gap()
    """How soon it answers a turn that is surely over."""

    def voice(self, engine: str) -> str:
        """The voice for a TTS engine; empty: the engine's default."""
        return self.voices.get(engine, "")

    def line(
        self,
        kind: Kind,
        messages: Sequence[Message],
        seed: str,
        appraisal: Appraisal = "plain",
        asked: bool = False,
    ) -> str:
        """A line without slots for the appraisal, else for a question (`asked`), else for anything.

        Which one it is, see `choose`.
        """
        general = [group for group in self.lines.of(kind) if not group.examples]
        for groups in (
            [group for group in general if appraisal in group.when],
            [group for group in general if group.asked and asked and not group.when],
            [group for group in general if not group.asked and not group.when],
        ):
            plain = [line for group in groups for line in group.say if not slots(line)]
            if plain:
                return choose(plain, messages, seed)
        raise AssertionError("every kind has a general line, see _with_general")

    def trouble_line(self, messages: Sequence[Message], seed: str) -> str:
        """What to say where something failed before any sound."""
        return self.line("trouble", messages, seed)

    @property
    def set_phrases(self) -> tuple[str, ...]:
        """All lines that are said without asking a model: worth keeping as audio."""
        kinds: tuple[Kind, ...] = ("greeting", "interrupt", "block", "trouble")
        said = (line for kind in kinds for group in self.lines.of(kind) for line in group.say)
        return tuple(line for line in said if not slots(line))


def choose(lines: Sequence[str], messages: Sequence[Message], seed: str) -> str:
    """One of the lines that the agent has not said in these messages; the seed decides which.

    If it has said them all, the one that it said longest ago.
    """
    heard = [
        _spoken(message.get("content", ""))
        for message in messages
        if message.get("role") == "assistant"
    ]
    last_said = {line: _last_said(_spoken(line), heard) for line in lines}
    oldest = min(last_said.values())
    pool = [line for line in last_said if last_said[line] == oldest]
    return pool[zlib.crc32(seed.encode()) % len(pool)]


@lru_cache(maxsize=4096)
def _spoken(text: str) -> str:
    return f" {' '.join(words(text))} "


def _last_said(line: str, heard: Sequence[str]) -> int:
    for index in range(len(heard) - 1, -1, -1):
        cut = line.startswith(heard[index]) and heard[index].count(" ") > _CUT_WORDS
        if line in heard[index] or cut:
            return index
    return -1
