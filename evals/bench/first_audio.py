"""From a turn's event to its first audio, inside the process: instant text, instant speech."""

import asyncio
import time

from audio_io.clips import Clips
from audio_io.output import Ending
from audio_io.tts.tone import ToneEngine
from audio_io.voice import Voice
from evals.bench import stage
from evals.bench.figure import Figure, Target, spread
from graph.events import Joined, Left, TextTyped
from graph.state import Utterance
from server.session import Session, Step

TURNS, WARM_UP = 300, 30


class FirstAudio:
    """An output that notes when the first audio of each utterance came."""

    def __init__(self) -> None:
        self.at = 0.0

    def begin(self, number: int, utterance: Utterance) -> None:
        """The next audio is the first."""
        self.at = 0.0

    def text(self, number: int, delta: str) -> None:
        """Not measured."""

    def audio(self, number: int, offset_ms: int, pcm: bytes) -> None:
        """Notes the moment, once an utterance."""
        self.at = self.at or time.perf_counter()

    def pause(self, number: int) -> None:
        """Not measured."""

    def resume(self, number: int, from_ms: int) -> None:
        """Not measured."""

    def flush(self, number: int) -> None:
        """Not measured."""

    def end(self, number: int, heard: str, reason: Ending) -> None:
        """Not measured."""


def measure() -> list[Figure]:
    """Typed turns of one session, each cut as soon as it sounds."""
    return stage.run(_measure())


async def _measure() -> list[Figure]:
    output, took = FirstAudio(), list[float]()
    clips = Clips(ToneEngine())
    session = Session(stage.dialogue(), lambda now, post: Voice(now, post, clips, output))
    sounded, ended = asyncio.Event(), asyncio.Event()

    def watch(step: Step) -> None:
        if step.event.type == "utterance_started":
            sounded.set()
        elif step.event.type == "utterance_ended":
            ended.set()

    session.watch(watch)
    running = asyncio.create_task(session.run())
    session.post(Joined(user="bench", session="bench", started=stage.STARTED))
    for number in range(WARM_UP + TURNS):
        await session.settled()
        sounded.clear()
        ended.clear()
        begun = time.perf_counter()
        session.post(TextTyped(at=session.now(), text=f"What do you think of number {number}?"))
        await sounded.wait()
        took.append(1000 * (output.at - begun))
        session._voice.hush()
        await ended.wait()
    session.post(Left(at=session.now()))
    await running
    target = Target(p50=3.0, p95=6.0)
    return [spread("event to first audio, in the process", "ms", took[WARM_UP:], target)]
