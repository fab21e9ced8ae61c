"""From the last voiced sample of real recordings to the agent's first audio, in real time.

Real ear, real judge, real voice (espeak); the words come from `replay`, with their known times.
"""

import asyncio
import json
import os
import time
from pathlib import Path

import numpy as np

from audio_io.asr.protocol import AsrEngine, AsrOptions
from audio_io.asr.registry import build_engine
from audio_io.clips import Clips
from audio_io.pcm import EAR_RATE, Samples, read_audio, resample
from audio_io.tts.registry import load_tts
from audio_io.voice import Voice
from evals.bench import stage
from evals.bench.figure import Figure, Target, spread
from evals.bench.first_audio import FirstAudio
from graph.events import Event, Joined, Left
from graph.settings import TtsSettings
from server.hearing import Hearing
from server.session import Session

CHUNK_SECONDS = 0.02
SILENCE_SECONDS = 3.0
AT_ONCE = 3
"""Recordings that are played side by side."""


def measure() -> list[Figure]:
    """Every recording of the data folder whose words are all known; nothing where it is missing."""
    folder = Path(os.environ.get("CLEANS2S_DATA", "../shared/data")) / "speech"
    if not (folder / "word_times.json").is_file():
        return [Figure("last voiced sample to first audio", "ms", 0, n=0, note=f"no {folder}")]
    return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> list[Figure]:
    times = json.loads((folder / "word_times.json").read_text(encoding="utf-8"))
    known = {name: entry for name, entry in times.items() if entry.get("complete", True)}
    ends = {name: float(entry["words"][-1][2]) for name, entry in known.items()}
    asr = await asyncio.to_thread(build_engine, AsrOptions(engine="replay", replay=folder))
    clips = Clips(load_tts(TtsSettings(engine="espeak")))
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(name: str, end: float) -> float | None:
        async with gate:
            samples, rate = await asyncio.to_thread(read_audio, folder / name)
            pcm = resample(samples, rate, EAR_RATE)[: round((end + 0.15) * EAR_RATE)]
            return await _play(pcm, end, asr, clips)

    waits = await asyncio.gather(*(one(name, end) for name, end in ends.items()))
    asr.close()
    await clips.engine.close()
    heard = [1000 * wait for wait in waits if wait is not None]
    early = sum(wait < 0 for wait in heard)
    note = f"{len(heard)} of {len(ends)} answered, {early} before the end; slowest {max(heard):.0f}"
    return [spread("last voiced sample to first audio", "ms", heard, Target(p50=450.0), note)]


async def _play(pcm: Samples, end: float, asr: AsrEngine, clips: Clips) -> float | None:
    """Seconds from the end of the last word to the first audio; None: no answer."""
    output = FirstAudio()
    session = Session(stage.dialogue(), lambda now, post: Voice(now, post, clips, output))

    def emit(event: Event) -> None:
        session.post(event)

    hearing = Hearing(
        asr,
        rate=EAR_RATE,
        language="en",
        now=session.now,
        emit=emit,
        on_onset=session._voice.pause,
    )
    running = asyncio.create_task(session.run())
    session.post(Joined(user="bench", session="bench", started=stage.STARTED))
    sound = np.concatenate([pcm, np.zeros(round(SILENCE_SECONDS * EAR_RATE), dtype=np.int16)])
    size = round(CHUNK_SECONDS * EAR_RATE)
    began = time.perf_counter()
    for number, start in enumerate(range(0, len(sound), size), 1):
        await hearing.feed(sound[start : start + size].astype("<i2").tobytes())
        if output.at and time.perf_counter() - began > end:
            break
        await asyncio.sleep(max(0.0, began + number * CHUNK_SECONDS - time.perf_counter()))
    hearing.close()
    session.post(Left(at=session.now()))
    await running
    return output.at - began - end if output.at else None
