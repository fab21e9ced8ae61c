"""A typed turn: from its event to the first text put out, the composer costing nothing."""

import asyncio
import tempfile
import time
from pathlib import Path

from evals.bench import stage
from evals.bench.figure import Figure, spread
from graph.events import Joined, Left, TextTyped
from server.checkpoints import Checkpoints, open_saver
from server.journal import Journal
from server.session import Step

TURNS, WARM_UP = 200, 20


def measure() -> list[Figure]:
    """Turns of one session, one after another, checkpoints written meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        return stage.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Figure]:
    first: list[float] = []
    begun = 0.0

    def show(utterance: object, text: str) -> None:
        first.append(1000 * (time.perf_counter() - begun))

    async with open_saver(folder) as saver:
        checkpoints = Checkpoints(
            stage.dialogue(checkpointer=saver), saver, Journal(folder / "journal"), 5
        )
        writer = asyncio.create_task(checkpoints.run())
        session = stage.session(stage.dialogue(), keeper=checkpoints, show=show)
        ended = asyncio.Event()

        def watch(step: Step) -> None:
            if step.event.type == "utterance_ended":
                ended.set()

        session.watch(watch)
        running = asyncio.create_task(session.run())
        session.post(Joined(user="bench", session="bench", started=stage.STARTED))
        for number in range(WARM_UP + TURNS):
            await session.settled()
            await checkpoints.flush()
            ended.clear()
            text = f"This is turn number {number} and it asks you for something."
            begun = time.perf_counter()
            session.post(TextTyped(at=session.now(), text=text))
            await ended.wait()
        session.post(Left(at=session.now()))
        await running
        writer.cancel()
        await asyncio.wait({writer})
    return [spread("typed turn to first text", "ms", first[WARM_UP:])]
