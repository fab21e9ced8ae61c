"""A few lines a session: states that no checkpoint holds yet.

One append, handed to the operating system before the agent says a word; it outlives a killed
process. A line holds the whole state but for the history, of which it holds what is new and the
order. A checkpoint that holds the same empties the journal.
"""

import json
import logging
import os
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from graph.state import DialogueState, Message

log = logging.getLogger(__name__)


class Journal:
    """States on their way to a checkpoint, one small file a session."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made if it is missing; raises `OSError` where it cannot be."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._notes: dict[str, int] = {}

    def note(self, session: str, before: DialogueState, after: DialogueState) -> None:
        """Appends what leads from one state to the next; a tenth of a millisecond."""
        line = json.dumps(_change(before, after))
        try:
            # a line that was cut off before does not spoil this one
            _append(self._file(session), f"\n{line}\n".encode("ascii"))
        except OSError as error:
            log.error("journal of session %s: %s", session, error)
            return
        self._notes[session] = self.notes(session) + 1

    def notes(self, session: str) -> int:
        """How often this session was noted."""
        return self._notes.get(session, 0)

    def forget(self, session: str, notes: int) -> None:
        """Empties the journal of a session, if nothing was noted since it stood at `notes`."""
        if self.notes(session) == notes:
            self._file(session).unlink(missing_ok=True)
            self._notes.pop(session, None)

    def replay(self, session: str, state: DialogueState) -> DialogueState:
        """The newest state, from a checkpoint's; a line that was cut off is left out."""
        file = self._file(session)
        if not file.exists():
            return state
        for line in file.read_text(encoding="ascii", errors="replace").split("\n"):
            try:
                state = _changed(state, json.loads(line)) if line else state
            except (ValueError, KeyError, TypeError):
                log.warning("journal of session %s: a broken line is left out", session)
        return state

    def _file(self, session: str) -> Path:
        """A file name that no session id can lead out of the folder."""
        return self._folder / (sha256(session.encode()).hexdigest()[:32] + ".jsonl")


def _append(file: Path, content: bytes) -> None:
    """One write, without the layers of `open`, which cost more than the writing."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        if os.write(descriptor, content) < len(content):
            raise OSError("the disk is full")
    finally:
        os.close(descriptor)


def _change(before: DialogueState, after: DialogueState) -> dict[str, Any]:
    known = {id(message) for message in before.get("messages", [])}
    messages = after.get("messages", [])
    return {
        "state": {k: v for k, v in after.items() if k not in ("messages", "event")},
        "new": [message for message in messages if id(message) not in known],
        "order": [message["id"] for message in messages],
    }


def _changed(state: DialogueState, change: dict[str, Any]) -> DialogueState:
    known: dict[str, Message] = {m["id"]: m for m in [*state.get("messages", []), *change["new"]]}
    messages = [known[item] for item in change["order"] if item in known]
    return cast(DialogueState, {**change["state"], "messages": messages})
