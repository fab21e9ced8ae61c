"""The door between LangGraph and a node: JSON outside, values and the session's `Mind` inside.

A node is `async (dialogue, event, mind) -> dialogue`. The door rebuilds the values, hands over the
session's `Mind` where one came as the run's context, else a dry one that does the node's work
inline, and writes back what the node replaced.
"""

import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime

from graph.events import Event, parse_event
from graph.mind import Mind
from graph.state import Dialogue, DialogueState
from nodes.dry import DryMind

Node = Callable[[Dialogue, Event, Mind], Awaitable[Dialogue]]


def door(node: Node) -> Callable[..., Awaitable[DialogueState]]:
    """A LangGraph node around ours."""

    async def enter(
        state: DialogueState, config: RunnableConfig, runtime: Runtime[Any]
    ) -> DialogueState:
        before = Dialogue.load(state)
        mind = runtime.context
        if hasattr(mind, "say"):  # checking the whole protocol would cost as much as the node
            after = await node(before, _event(state.get("event")), mind)
            return after.changes(before)
        dry = DryMind()
        dialogue = _introduced(before, config)
        event = parse_event(_stamped(state.get("event"), dialogue))
        after = await dry.settle(await node(dialogue, event, dry))
        return after.changes(before if before.session else None)

    return enter


_newest: tuple[object, Event] | None = None
"""The event that was read last: all nodes of a run are given the same one."""


def _event(given: object) -> Event:
    global _newest
    if _newest is None or _newest[0] is not given:
        _newest = given, parse_event(given)
    return _newest[1]


def _introduced(dialogue: Dialogue, config: RunnableConfig) -> Dialogue:
    """Without a session nobody joins: the thread names the session, its first run starts it."""
    if dialogue.session:
        return dialogue
    thread = str(config.get("configurable", {}).get("thread_id") or uuid.uuid4())
    return replace(dialogue, session=thread, started=dialogue.started or time.time())


def _stamped(event: object, dialogue: Dialogue) -> object:
    """An event that a person types into Studio bears no time: it happens now."""
    if isinstance(event, dict) and "at" not in event:
        return event | {"at": max(0.0, time.time() - dialogue.started)}
    return event
