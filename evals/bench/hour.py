"""An hour of one session in a minute: 10,000 partials, 400 turns, on a clock that jumps."""

import asyncio
import gc
import os
import sys
import tempfile
import time
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from evals.bench import stage
from evals.bench.figure import Figure, Target
from evals.virtual_time import run_virtual
from graph.dialogue import Graph
from graph.events import Event, Joined, Left, Partial, SpeechStarted, SpeechStopped
from graph.state import Exchange, Fact, Recollection
from server.checkpoints import Checkpoints, open_saver
from server.journal import Journal
from server.session import Session, Step

TURNS, PARTIALS, SECONDS = 400, 25, 9.0
"""Turns, partials of each, and seconds from one to the next: an hour."""
EARLY = TURNS // 6
"""The turn after ten minutes."""
CYCLE = 22
"""Turns that memory is averaged over: the history is summarised every 11, so it is a saw-tooth."""
WORDS = "i wanted to tell you about the garden behind my house".split()


class Notebook:
    """A memory that costs nothing, so that recall and writing take their part in every turn."""

    async def recall(self, query: str, user: str, now: float) -> Recollection:
        """Five facts, whatever the query."""
        facts = tuple(Fact(f"They said {number} about {query[:20]}", now) for number in range(5))
        return Recollection(facts=facts, as_of=now)

    async def remember(self, turns: Sequence[Exchange], user: str, now: float) -> None:
        """Forgets them."""


@dataclass
class _Meter:
    """What the hour weighs, turn by turn."""

    folder: Path
    session: Session
    own: list[int] = field(default_factory=list)
    """Bytes of the objects that only the session holds."""
    blocks: list[int] = field(default_factory=list)
    """Memory blocks that the interpreter has given out to anybody, after each cycle."""
    resident: list[int] = field(default_factory=list)
    """Bytes of the process in memory."""
    disk: int = 0
    """Most bytes that the checkpoint file had, with its write-ahead log."""
    partials: int = 0

    def read(self, graph: Graph) -> None:
        self.own.append(footprint(self.session, {id(graph)}))
        if len(self.own) % CYCLE == 0:
            gc.collect()
            self.blocks.append(sys.getallocatedblocks())
        self.resident.append(_resident_bytes())
        files = self.folder.glob("checkpoints.sqlite*")
        self.disk = max(self.disk, sum(file.stat().st_size for file in files))

    def saw(self, step: Step) -> None:
        self.partials += step.event.type == "partial"


def measure() -> list[Figure]:
    """A real session with real checkpoints; its memory after ten minutes, and at the end."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        meter = run_virtual(_hour(Path(folder)))
        seconds = time.perf_counter() - begun
    flat = Target(p50=5.0)
    return [
        Figure("hour: the session's own objects", "%", _growth(meter.own), n=CYCLE, target=flat,
               note=f"growth from minute 10; {mean(meter.own[-CYCLE:]) / 1024:,.0f} KB"),
        Figure("hour: the process (RSS)", "%", _growth(meter.resident), n=CYCLE, target=flat,
               note=f"growth from minute 10; {meter.resident[-1] / 2**20:,.0f} MB"),
        Figure("hour: memory blocks of the interpreter", "%",
               100 * (meter.blocks[-1] / meter.blocks[0] - 1),
               note=f"growth from minute 10, garbage collected; {meter.blocks[-1]:,}"),
        Figure("hour: checkpoint file", "MB", meter.disk / 1e6, target=Target(p50=20.0),
               note="at its largest, with its log"),
        Figure("hour: wall clock", "s", seconds, note=f"{meter.partials:,} partials judged"),
    ]  # fmt: skip


async def _hour(folder: Path) -> _Meter:
    async with open_saver(folder) as saver:
        checkpoints = Checkpoints(
            stage.dialogue(checkpointer=saver), saver, Journal(folder / "journal"), 5
        )
        writer = asyncio.create_task(checkpoints.run())
        graph = stage.dialogue(Notebook())
        session = stage.session(graph, keeper=checkpoints, pace=3.0)
        meter = _Meter(folder, session)
        session.watch(meter.saw)
        running = asyncio.create_task(session.run())
        session.post(Joined(user="bench", session="bench", started=stage.STARTED))
        for turn in range(1, TURNS + 1):
            await _speak(session, turn)
            await session.settled()
            # in real time seconds would pass here, and the writer would have long been done
            await checkpoints.flush()
            if EARLY < turn <= EARLY + CYCLE or turn > TURNS - CYCLE:
                meter.read(graph)
        assert checkpoints.failures == session.failures == session.mind_failures == 0
        session.post(Left(at=session.now()))
        await running
        writer.cancel()
        await asyncio.wait({writer})
    return meter


async def _speak(session: Session, turn: int) -> None:
    """One turn at five partials and two words and a half a second.

    Every fourth is cut short, so that the next one begins while the agent still speaks.
    """
    until = SECONDS * turn - (6.0 if turn % 4 == 3 else 0.0)
    words = [*WORDS, f"number {turn}."]
    _post(session, SpeechStarted(at=session.now(), segment=turn))
    text = ""
    for number in range(PARTIALS - 1):
        await asyncio.sleep(0.2)
        text = " ".join(words[: 1 + number // 2])
        _post(session, Partial(at=session.now(), segment=turn, text=text))
    stopped = session.now()
    await asyncio.sleep(0.2)
    _post(session, Partial(at=session.now(), segment=turn, text=text, final=True))
    _post(session, SpeechStopped(at=stopped, segment=turn))
    await asyncio.sleep(max(0.0, until - session.now()))


def _post(session: Session, event: Event) -> None:
    session.post(event)


def _growth(values: list[int]) -> float:
    """Percent from the mean of the first cycle to that of the last."""
    return 100 * (mean(values[-CYCLE:]) / mean(values[:CYCLE]) - 1)


def footprint(root: object, shared: set[int]) -> int:
    """Bytes of all objects that can be reached from one, but for code and what is `shared`."""
    seen, todo, total = set(shared), [root], 0
    while todo:
        thing = todo.pop()
        if id(thing) in seen or isinstance(thing, _CODE):
            continue
        seen.add(id(thing))
        total += sys.getsizeof(thing)
        todo += gc.get_referents(thing)
    return total


_CODE = (
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.CodeType,
    types.FrameType,
    types.CoroutineType,
    asyncio.AbstractEventLoop,
    asyncio.Future,
    Checkpoints,
    _Meter,
)


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # not Linux: the most it ever was, which is what is left to know
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")
