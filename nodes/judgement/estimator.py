"""What an estimator may look at, and what it must give: estimates, never decisions."""

from dataclasses import dataclass
from typing import Protocol

from graph.state import Dialogue, Estimate, Turn
from nodes.persona import Opinion


@dataclass(frozen=True)
class View:
    """The unfinished turn and what surrounds it. Equal views give equal estimates."""

    text: str
    context: tuple[tuple[str, str], ...] = ()
    """What was said before, oldest first: (user | agent, text)."""
    said_before: tuple[str, ...] = ()
    """The user's earlier turns, oldest first."""
    opinions: tuple[Opinion, ...] = ()
    language: str = "en"


class Estimator(Protocol):
    """Estimates on every partial; at most a few milliseconds, and never on the loop's thread."""

    async def estimate(self, view: View) -> Estimate:
        """The probability that the turn is over, and the appraisal of what was said."""


CONTEXT_MESSAGES = 4
SAID_BEFORE_TURNS = 12


def view_of(dialogue: Dialogue, turn: Turn, opinions: tuple[Opinion, ...]) -> View:
    """What an estimator may know of a turn."""
    spoken = [
        ("user" if message["role"] == "user" else "agent", message["content"])
        for message in dialogue.messages[-2 * SAID_BEFORE_TURNS :]
        if message["role"] in ("user", "assistant") and message["content"]
    ]
    return View(
        text=turn.text,
        context=tuple(spoken[-CONTEXT_MESSAGES:]),
        said_before=tuple(text for speaker, text in spoken if speaker == "user"),
        opinions=opinions,
        language=dialogue.config.language,
    )
