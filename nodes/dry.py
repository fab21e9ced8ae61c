"""The `Mind` of a run that has no session: it does at once what a session would do in time.

What a node asks for is done when the node has returned, and the events that come of it are folded
into the dialogue, so that one run of a typed turn ends with the reply in `messages`.
"""

import logging
from contextlib import aclosing
from typing import Literal

from graph.errors import CleanS2SError
from graph.events import Event, ToolCalled, UtteranceEnded, UtteranceStarted
from graph.mind import TextStream, Work
from graph.state import Dialogue, Restriction, Utterance
from nodes.fold import fold

log = logging.getLogger(__name__)


class DryMind:
    """Says everything in full, hears nothing, and lets no time pass."""

    def __init__(self) -> None:
        self._said: tuple[Utterance, TextStream] | None = None
        self._work: dict[str, Work] = {}
        self._hushed = False

    def say(self, utterance: Utterance, text: TextStream) -> None:
        """Keeps the utterance for `settle`; a held one is only held."""
        if utterance.status != "held":
            self._said = utterance, text

    def pause(self) -> None:
        """Nothing sounds, so nothing pauses."""

    def resume(self) -> None:
        """Nothing sounds, so nothing goes on."""

    def hush(self) -> None:
        """What was being said when the run began ends unheard: nobody played it."""
        self._hushed = True

    def start(self, work: Work) -> None:
        """Keeps the work for `settle`."""
        self._work[work.name] = work

    async def result(self, name: str, within: float) -> Event | None:
        """Nothing is ever under way: work is done before the next node runs."""
        return None

    def wake(self, name: Literal["endpoint", "resume", "give_way"], at: float | None) -> None:
        """Time passes only by the events that are sent: send the `due` event yourself."""

    def restrict(self, restriction: Restriction) -> None:
        """The restriction stands in the dialogue; there is no server to keep it."""

    async def settle(self, dialogue: Dialogue) -> Dialogue:
        """Does what was asked for, and folds the outcome into the dialogue."""
        utterance = dialogue.utterance
        if self._hushed and utterance and utterance.holds_floor:
            dialogue = fold(
                dialogue, UtteranceEnded(utterance=utterance.id, heard="", reason="cut")
            )
        for work in self._work.values():
            try:
                event = await work.run()
            except CleanS2SError as error:
                log.warning("%s failed: %s", work.name, error)
                continue
            if event is not None:
                dialogue = fold(dialogue, event)
        if self._said:
            for event in await _spoken(*self._said):
                dialogue = fold(dialogue, event)
        return dialogue


async def _spoken(utterance: Utterance, text: TextStream) -> list[Event]:
    """The events of an utterance that is heard in full."""
    at = utterance.began_at
    heard, calls = "", []
    events: list[Event] = [UtteranceStarted(at=at, utterance=utterance.id)]
    reason: Literal["finished", "failed", "tool"] = "finished"
    try:
        async with aclosing(text()) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if isinstance(piece, str):
                    heard += piece
                else:
                    calls.append(piece)
    except CleanS2SError as error:
        log.warning("utterance %s failed: %s", utterance.id, error)
        reason = "failed"
    for call in calls if reason == "finished" else ():
        events.append(
            ToolCalled(
                at=at,
                utterance=utterance.id,
                call=call["id"],
                name=call["name"],
                arguments=call["arguments"],
            )
        )
    if calls and reason == "finished":
        reason = "tool"
    events.append(UtteranceEnded(at=at, utterance=utterance.id, heard=heard.strip(), reason=reason))
    return events
