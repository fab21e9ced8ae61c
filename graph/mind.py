"""What a node may ask of the session it runs in: the narrow `Mind` handle.

A node never waits for what it asks. The session does the work and brings the outcome back as an
event; without a session (Studio, tests, a plain `ainvoke`) the dry handle does it inline.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from graph.events import Event
from graph.state import Restriction, ToolRequest, Utterance

TextStream = Callable[[], AsyncIterator[str | ToolRequest]]
"""Starts composing when called: pieces of text as they come, then tool calls, if any."""


@dataclass(frozen=True)
class Work:
    """Long work that a node asks for; what `run` returns comes back as an event.

    Where work of that name still runs, the new one is skipped, or replaces it.
    """

    name: str
    run: Callable[[], Awaitable[Event | None]]
    twice: Literal["skip", "replace"] = "skip"
    keep: bool = False
    """Finish it even when the user leaves."""


class Mind(Protocol):
    """The session as a node sees it. Nothing here blocks."""

    def say(self, utterance: Utterance, text: TextStream) -> None:
        """Speaks. Status `held`: prepares text and first audio and keeps still.

        The same id again with status `speaking` lets a held utterance go; another id discards it.

        It is the last that a run asks for and does: a session carries it out at once, and all that
        the run has asked for and decided with it, without waiting for the graph to wind up.
        """

    def pause(self) -> None:
        """Pauses playback, reversibly."""

    def resume(self) -> None:
        """Goes on where playback paused."""

    def hush(self) -> None:
        """Ends the utterance, spoken or held; `UtteranceEnded` follows where it had begun."""

    def start(self, work: Work) -> None:
        """Does `work` in the background."""

    async def result(self, name: str, within: float) -> Event | None:
        """What running work of this name gives, if it does within so many seconds."""

    def wake(self, name: Literal["endpoint", "resume", "give_way"], at: float | None) -> None:
        """Sends `Due(name)` at this moment; replaces an earlier wake; None takes it back."""

    def restrict(self, restriction: Restriction) -> None:
        """Shuts the user out, here and in later sessions."""
