"""The history as a list of messages: every function returns a new list, none changes one."""

import re
from collections.abc import Iterable

from graph.errors import BadInput
from graph.events import HistoryEdited, ToolCalled, ToolReturned
from graph.state import Message, ToolRequest

WINDOW_TURNS = 40
"""Turns of the user that stay in the history word for word."""
BATCH_TURNS = 10
"""Turns that move into the summary at a time, so that it is not rewritten every turn."""
HARD_LIMIT_TURNS = 2 * WINDOW_TURNS
"""Turns kept while the summariser is behind; the oldest fall out beyond."""

_OURS = re.compile(r"[tu]\d+")


def find(messages: list[Message], item: str) -> int | None:
    """The position of a message, looked for from the end; None if it is not there."""
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].get("id") == item:
            return index
    return None


def put(messages: list[Message], message: Message, behind: str = "") -> list[Message]:
    """With a message in place of the one of its id (calls are kept), else at the end.

    Behind a user's message, if named and there: what was said meanwhile follows the answer.
    """
    index = find(messages, message["id"])
    if index is None:
        answered = find(messages, behind) if behind else None
        at = len(messages) if answered is None else _next_user(messages, answered)
        return _bounded([*messages[:at], message, *messages[at:]])
    merged: Message = {**messages[index], **message}
    return [*messages[:index], merged, *messages[index + 1 :]]


def without(messages: list[Message], item: str) -> list[Message]:
    """Without the message of this id."""
    index = find(messages, item)
    return messages if index is None else [*messages[:index], *messages[index + 1 :]]


def behind(messages: list[Message], item: str) -> list[Message] | None:
    """What stands behind the message of this id; None if there is none."""
    index = find(messages, item)
    return None if index is None else messages[index + 1 :]


def edited(messages: list[Message], edit: HistoryEdited) -> list[Message]:
    """As the client edited it; raises `BadInput` for an item that is not there."""
    index = find(messages, edit.item)
    if edit.op == "add":
        return _added(messages, edit)
    if index is None:
        raise BadInput("item", edit.item, "no such item in the history")
    if edit.op == "delete":
        return without(messages, edit.item)
    cut: Message = {**messages[index], "content": edit.heard or ""}
    return [*messages[:index], cut, *messages[index + 1 :]]


def _added(messages: list[Message], edit: HistoryEdited) -> list[Message]:
    if find(messages, edit.item) is not None:
        raise BadInput("item", edit.item, "is in the history already")
    if _OURS.fullmatch(edit.item):
        raise BadInput("item", edit.item, "ids such as t1 and u1 are the dialogue's own")
    at = len(messages)
    if edit.after is not None:
        behind_it = find(messages, edit.after)
        if behind_it is None:
            raise BadInput("after", edit.after, "no such item in the history")
        at = behind_it + 1
    message: Message = {**(edit.message or {}), "id": edit.item}
    return _bounded([*messages[:at], message, *messages[at:]])


def with_call(
    messages: list[Message], call: ToolCalled, at: float, behind: str = ""
) -> list[Message]:
    """With a tool call in the message of its utterance, which `put` enters if it is not there."""
    index = find(messages, call.utterance)
    before = messages[index] if index is not None else None
    request: ToolRequest = {"id": call.call, "name": call.name, "arguments": call.arguments}
    message: Message = {
        "id": call.utterance,
        "role": "assistant",
        "content": before["content"] if before else "",
        "at": at,
        "tool_calls": [*(before.get("tool_calls", []) if before else []), request],
    }
    return put(messages, message, behind)


def with_output(messages: list[Message], output: ToolReturned, at: float) -> list[Message] | None:
    """With a tool's output behind its call; None where no such call waits for one."""
    if output.call not in pending_calls(messages):
        return None
    index = find(messages, caller_of(messages, output.call)) or 0
    answer: Message = {
        "id": output.call,
        "role": "tool",
        "content": output.output,
        "at": at,
        "tool_call_id": output.call,
    }
    while index + 1 < len(messages) and messages[index + 1]["role"] == "tool":
        index += 1
    return [*messages[: index + 1], answer, *messages[index + 1 :]]


def pending_calls(messages: list[Message], calls: Iterable[ToolRequest] | None = None) -> set[str]:
    """Tool calls, of `calls` or of all, that have not returned."""
    if calls is None:
        calls = [call for message in messages for call in message.get("tool_calls", [])]
    return {call["id"] for call in calls} - {m.get("tool_call_id", "") for m in messages}


def caller_of(messages: list[Message], call: str) -> str:
    """Id of the newest message that made a tool call; empty if none did."""
    for message in reversed(messages):
        if any(request["id"] == call for request in message.get("tool_calls", [])):
            return message["id"]
    return ""


def output_of(messages: list[Message], call: str) -> Message | None:
    """What a tool call gave; None while it is under way."""
    return next((m for m in reversed(messages) if m.get("tool_call_id") == call), None)


def overflow(messages: list[Message]) -> str | None:
    """Id of the last message to summarise when the window is full; None while it is not."""
    turns = [index for index, message in enumerate(messages) if message["role"] == "user"]
    if len(turns) <= WINDOW_TURNS:
        return None
    first_kept = turns[len(turns) - WINDOW_TURNS + BATCH_TURNS]
    return messages[first_kept - 1]["id"]


def _next_user(messages: list[Message], index: int) -> int:
    """The position of the first message of the user behind `index`."""
    index += 1
    while index < len(messages) and messages[index]["role"] != "user":
        index += 1
    return index


def _bounded(messages: list[Message]) -> list[Message]:
    turns = [index for index, message in enumerate(messages) if message["role"] == "user"]
    if len(turns) <= HARD_LIMIT_TURNS:
        return messages
    return messages[turns[len(turns) - HARD_LIMIT_TURNS] :]
