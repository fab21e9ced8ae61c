"""The user of the demo: lines in another voice, spoken at their cues, with known word times."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import numpy as np

from audio_io.pcm import EAR_RATE, Samples, resample, write_wav
from audio_io.tts.protocol import RATE, TtsEngine
from evals.demo.scenes import Cue
from evals.demo.stage import Stage
from server.microphone import TICK_SECONDS, Attention, Item
from server.player import Player
from server.protocol.wire import OUTPUT_RATE

VOICE = "+f2"
"""The user's voice; the agent's is another one."""
PATIENCE = 6.0
"""Seconds after which a cue that does not come is taken as given."""


class Actor:
    """A `Source`: silence, and the lines of the cues when their moment has come."""

    rate = EAR_RATE

    def __init__(self, cues: Sequence[Cue], sounds: Sequence[Samples], stage: Stage) -> None:
        self._cues, self._sounds, self._stage = cues, sounds, stage

    async def items(
        self, player: Player, attention: Attention
    ) -> AsyncGenerator[tuple[Item, bytes]]:
        """One item a tick of 20 ms, until the last line has been answered."""
        size = round(self.rate * TICK_SECONDS)
        began = time.monotonic()
        tick, number, left = 0, 0, np.zeros(0, dtype=np.int16)
        self._stage.begins(lambda: tick * TICK_SECONDS)
        while number < len(self._cues) or len(left) or not self._stage.over():
            if not len(left) and number < len(self._cues) and self._stage.ready(self._cues[number]):
                left = self._sounds[number]
                self._stage.speaks(self._cues[number], len(left) / self.rate)
                number += 1
            piece, left = left[:size], left[size:]
            if len(piece) and not len(left):
                self._stage.said()
            sound = np.pad(piece, (0, size - len(piece))).astype("<i2").tobytes()
            yield sound, player.take(round(OUTPUT_RATE * TICK_SECONDS))
            tick += 1
            await asyncio.sleep(max(0.0, began + tick * TICK_SECONDS - time.monotonic()))


async def record(cues: Sequence[Cue], engine: TtsEngine, folder: Path) -> list[Samples]:
    """Speaks the lines into `folder`, with a JSON of word times beside each, for `replay`.

    Returns them as int16 at 16 kHz, in the order of the cues.
    """
    sounds = []
    for number, cue in enumerate(cues):
        pcm, words = b"", []
        async for audio in engine.synthesise(cue.says, VOICE, "en"):
            pcm += audio.pcm
            words += [
                {"word": cue.says[w.first : w.last], "start": w.start, "end": w.end}
                for w in audio.words
            ]
        samples = resample(np.frombuffer(pcm, "<i2").astype(np.int16), RATE, EAR_RATE)
        sounds.append(samples)
        name = folder / f"{number:02d}.wav"
        write_wav(name, samples, EAR_RATE)
        name.with_suffix(".json").write_text(json.dumps({"words": words}))
    return sounds
