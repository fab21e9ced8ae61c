"""A few lines a session: messages that no checkpoint holds yet.

One append, handed to the operating system before the agent says a word; it outlives a killed
process. A checkpoint that holds the messages empties it.
"""

import json
import logging
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from graph.state import Message

log = logging.getLogger(__name__)


class Journal:
    """Messages on their way to a checkpoint, one small file a session."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made if it is missing; raises `OSError` where it cannot be."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._notes: dict[str, int] = {}

    def note(self, session: str, messages: Sequence[Message]) -> None:
        """Appends messages; some microseconds."""
        if not messages:
            return
        lines = "".join(json.dumps(message, ensure_ascii=False) + "\n" for message in messages)
        try:
            with self._file(session).open("a", encoding="utf-8") as file:
                file.write(lines)
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

    def read(self, session: str) -> list[Message]:
        """What was noted and not forgotten; a last line that was cut off is left out."""
        file = self._file(session)
        if not file.exists():
            return []
        messages: list[Message] = []
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                messages.append(json.loads(line))
            except json.JSONDecodeError:
                log.warning("journal of session %s: a cut line is left out", session)
        return messages

    def _file(self, session: str) -> Path:
        """A file name that no session id can lead out of the folder."""
        return self._folder / (sha256(session.encode()).hexdigest()[:32] + ".jsonl")
