"""What a speech engine is: text in, audio out. All audio of the voice is int16 mono at 24 kHz."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from graph.errors import CleanS2SError

RATE = 24_000
"""Samples a second of everything that the voice makes."""


@dataclass(frozen=True, slots=True)
class Word:
    """When a word sounds. Several words that the engine slurs together may be one."""

    first: int
    """Its first character in the text that was synthesised."""
    last: int
    """One past its last character."""
    start: float
    """Seconds from the beginning of the text's audio."""
    end: float


@dataclass(frozen=True, slots=True)
class Audio:
    """A piece of synthesised speech."""

    pcm: bytes
    """int16 little endian, mono, 24 kHz; always whole samples."""
    words: tuple[Word, ...] = ()
    """Words whose times are known now, in order, each told once."""


TtsFault = Literal["unreachable", "unauthorised", "rejected", "stalled", "died", "malformed"]


class TtsFailed(CleanS2SError):
    """An engine could not make the audio; `fault` says in which way."""

    def __init__(self, fault: TtsFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class TtsEngine(Protocol):
    """Makes speech. Built once per process and used by all its sessions at the same time."""

    @property
    def name(self) -> str:
        """The name under which it is registered."""

    @property
    def bare(self) -> bool:
        """Its audio has no silence at the edges: pauses between sentences are the voice's task."""

    def synthesise(self, text: str, voice: str, language: str) -> AsyncGenerator[Audio, None]:
        """Audio of one sentence, piece by piece as it is made.

        `voice` empty: the engine's default for `language` (BCP 47). Whoever stops early closes
        the generator, and the engine stops work. Raises `TtsFailed`.
        """

    def describe(self) -> str:
        """The engine in one line, for people."""

    async def close(self) -> None:
        """Lets go of what it holds; no synthesis may run."""


class TtsOptions(Protocol):
    """What an engine is built from: the part of the process's settings that it may read."""

    @property
    def engine(self) -> str:
        """Name of the engine, or `auto`."""

    @property
    def base_url(self) -> str:
        """Of a server; empty: the engine's own default."""

    @property
    def model(self) -> str:
        """Model of a server; empty: the engine's own default."""

    @property
    def key(self) -> str:
        """API key of a server; empty: none is sent."""

    @property
    def rate(self) -> int:
        """Hz of the raw PCM that a server sends where it does not say so."""

    @property
    def first_audio_seconds(self) -> float:
        """How long a server may be silent before it counts as failed."""
