"""The memory step: keeps the recollection current, and asks for writing and summarising.

It waits for nothing. What is asked for here comes back as `Recalled`, `Remembered`, `Summarised`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from graph.events import (
    Event,
    Joined,
    Left,
    Recalled,
    Remembered,
    Summarised,
    TextTyped,
    UtteranceEnded,
)
from graph.mind import Mind, Work
from graph.state import Dialogue, Exchange, Message, Recollection, Turn, Utterance
from nodes import history
from nodes.door import Node
from nodes.words import words, words_behind

RECALL_AFTER_WORDS = 3
"""Words with which a turn is first looked up, and by which it must grow to be looked up again."""

_WRITE_ON = UtteranceEnded | Left | Joined | Remembered | TextTyped
"""After these there may be turns to write; after `Remembered`, those that came meanwhile.

`TextTyped` is for runs without a session, where an utterance ends unseen inside the run before.
"""


class Memory(Protocol):
    """What this step needs of the memory."""

    async def recall(self, query: str, user: str, now: float) -> Recollection:
        """What is known of this user that bears on the query."""

    async def remember(self, turns: Sequence[Exchange], user: str, now: float) -> None:
        """Keeps closed turns; a turn that is kept already is left alone."""


class Summariser(Protocol):
    """What this step needs of the summariser."""

    async def summarise(self, previous: str, turns: Sequence[Exchange], now: float) -> str:
        """One summary of the previous one and of turns that leave the window."""


def remember_node(memory: Memory | None, summariser: Summariser) -> Node:
    """The node; without a memory it only summarises."""

    async def remember(dialogue: Dialogue, event: Event, mind: Mind) -> Dialogue:
        turn = dialogue.open_turn
        if memory and turn and _has_grown(turn, dialogue.recollection):
            mind.start(_recall(memory, dialogue, turn, event.at))
        if (
            memory
            and isinstance(event, _WRITE_ON)
            and (fresh := unremembered(dialogue, gone=isinstance(event, Left | Joined)))
        ):
            mind.start(_write(memory, dialogue, fresh, event.at))
        if isinstance(event, UtteranceEnded | Joined | TextTyped):
            full = history.overflow(dialogue.messages)
            if full:
                mind.start(_summary(summariser, dialogue, full, event.at))
        return dialogue

    return remember


def unremembered(dialogue: Dialogue, gone: bool = False) -> list[Exchange]:
    """Closed turns that memory has not confirmed, without one that is still being answered.

    Once the user is gone, no tool is waited for.
    """
    messages = dialogue.messages
    known = history.find(messages, dialogue.remembered_upto) if dialogue.remembered_upto else None
    fresh = messages[known + 1 :] if known is not None else messages
    if dialogue.utterance and (
        dialogue.agent_speaks or (not gone and _waits_for_tools(dialogue, dialogue.utterance))
    ):
        answering = history.find(fresh, dialogue.utterance.turn)
        fresh = fresh if answering is None else fresh[:answering]
    return exchanges(fresh, dialogue.session)


def _waits_for_tools(dialogue: Dialogue, utterance: Utterance) -> bool:
    index = history.find(dialogue.messages, utterance.id)
    calls = [] if index is None else dialogue.messages[index].get("tool_calls", [])
    return bool(history.pending_calls(dialogue.messages, calls)) if calls else False


def exchanges(messages: list[Message], session: str) -> list[Exchange]:
    """Messages as turns of the user, each with what the agent was heard to answer."""
    found: list[Exchange] = []
    for message in messages:
        if message["role"] == "user":
            turn = f"{session}/{message['id']}"
            found.append(Exchange(turn, message["content"], "", message.get("at", 0.0)))
        elif message["role"] == "assistant" and message["content"] and found:
            last = found[-1]
            agent = f"{last.agent} {message['content']}".strip()
            found[-1] = Exchange(last.turn, last.user, agent, last.at)
    return found


def _has_grown(turn: Turn, recollection: Recollection) -> bool:
    """Whether the turn says enough more than what was last looked up."""
    count = len(words(turn.text))
    behind = words_behind(recollection.query, turn.text) if recollection.query else None
    if behind is None:
        return count >= RECALL_AFTER_WORDS or (count > 0 and turn.complete)
    return behind >= RECALL_AFTER_WORDS or (turn.complete and behind > 0)


def _recall(memory: Memory, dialogue: Dialogue, turn: Turn, at: float) -> Work:
    text, now = turn.text, dialogue.started + at

    async def run() -> Event:
        recollection = await memory.recall(text, dialogue.user, now)
        return Recalled(at=at, turn=turn.id, recollection=replace(recollection, query=text))

    return Work("recall", run, twice="replace")


def _write(memory: Memory, dialogue: Dialogue, fresh: list[Exchange], at: float) -> Work:
    async def run() -> Event:
        await memory.remember(fresh, dialogue.user, dialogue.started + at)
        return Remembered(at=at, upto=fresh[-1].turn.removeprefix(f"{dialogue.session}/"))

    return Work("remember", run, keep=True)


def _summary(summariser: Summariser, dialogue: Dialogue, upto: str, at: float) -> Work:
    end = (history.find(dialogue.messages, upto) or 0) + 1
    leaving = exchanges(dialogue.messages[:end], dialogue.session)

    async def run() -> Event:
        summary = await summariser.summarise(dialogue.summary, leaving, dialogue.started + at)
        return Summarised(at=at, summary=summary, upto=upto)

    return Work("summarise", run, keep=True)
