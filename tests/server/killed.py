"""A session in a process of its own, which the test kills: what it saw happen goes into a pipe."""

import asyncio
import json
import zlib
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from graph.events import Joined, Partial, SpeechStarted, SpeechStopped, TextTyped, UtteranceEnded
from memory.embedder import Vectors
from memory.sqlite_backend import open_sqlite
from server.checkpoints import Checkpoints, open_saver
from server.journal import Journal
from server.session import Session, Step
from server.text_voice import TextVoice
from tests.server.stage import STARTED, Written, graph_of

SESSION, USER = "killed again and again", "ann"


class BagOfWords:
    """An embedder without a model: the process has to start fast."""

    dims = 32

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = np.full((len(texts), self.dims), 1e-3, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                row[zlib.crc32(word.encode()) % self.dims] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)  # type: ignore[no-any-return]


def warm_up() -> None:
    """What every life would have to do again: personas, validators, patterns."""
    event = {"type": "text_typed", "text": "I have a blue kettle."}
    asyncio.run(graph_of().ainvoke({"event": event}))


def live(folder: Path, life: int, pipe: Connection) -> None:
    """One life: comes back where the last one was killed, and talks until it is killed too."""
    asyncio.run(_live(folder, life, pipe))


async def _live(folder: Path, life: int, pipe: Connection) -> None:
    memory = open_sqlite(folder / "memory", BagOfWords())
    async with open_saver(folder) as saver:
        graph = graph_of(Written(("Well, ", "that is good to know.")), memory)
        keeping = graph_of(checkpointer=saver)
        checkpoints = Checkpoints(keeping, saver, Journal(folder / "journal"), 5)
        async with asyncio.TaskGroup() as group:
            group.create_task(checkpoints.run())
            state = await checkpoints.latest(SESSION)
            session = Session(
                graph,
                lambda now, post: TextVoice(now, post, words_per_second=300.0),
                state=state,
                keeper=checkpoints,
            )
            group.create_task(session.run())
            resumed = state is not None
            started = STARTED + 60.0 * life
            session.post(Joined(user=USER, session=SESSION, started=started, resumed=resumed))
            await session.settled()
            _tell(pipe, "back", session.state)
            session.watch(lambda step: _watch(pipe, step))
            await _talk(session, life)


async def _talk(session: Session, life: int) -> None:
    """Turns one after another, typed and spoken, some while the agent speaks."""
    number = 0
    while True:
        number += 1
        text = f"In life {life} my thing number {number} is a blue kettle."
        if number % 3:
            session.post(TextTyped(at=session.now(), text=text))
        else:
            session.post(SpeechStarted(at=session.now(), segment=number))
            session.post(Partial(at=session.now(), segment=number, text=text[:20]))
            await session.settled()
            session.post(Partial(at=session.now(), segment=number, text=text, final=True))
            session.post(SpeechStopped(at=session.now() - 1.0, segment=number))
        await session.settled()
        await asyncio.sleep(0.002 * (number % 4))


def _watch(pipe: Connection, step: Step) -> None:
    if step.before.get("messages") is not step.after.get("messages"):
        _tell(pipe, "heard" if isinstance(step.event, UtteranceEnded) else "closed", step.after)


def _tell(pipe: Connection, what: str, state: object) -> None:
    pipe.send_bytes(json.dumps([what, state]).encode())
