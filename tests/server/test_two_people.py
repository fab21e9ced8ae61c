"""A real telephone call: each of the two as the user, the other one muted, in real time."""

import asyncio
import io
from pathlib import Path

import numpy as np

from audio_io.asr.protocol import AsrOptions
from audio_io.asr.registry import build_engine
from audio_io.clips import Clips
from audio_io.pcm import Samples, read_audio, write_wav
from audio_io.tts.registry import load_tts
from graph.settings import TtsSettings
from server.hub import Engines
from server.talk import TalkOptions, talk
from tests.server.serving import services_in, serving, speech

CALL = "pyannote_sample_2spk/sample.wav"
FRAME_SECONDS = 0.02
PAUSE_FRAMES = 15
"""Quiet frames behind which the agent's sound counts as a new start."""
HEARD_FRAMES = 8
"""Frames of a voice before the ear can know of it: who begins in the same moment cannot help it."""


async def test_the_agent_does_not_start_inside_a_word_of_either(tmp_path: Path) -> None:
    alone = _each_alone(speech(CALL), tmp_path)
    assert len(alone) == 2
    asr = await asyncio.to_thread(build_engine, AsrOptions(engine="pocketsphinx"))
    engines = Engines(asr=asr, clips=Clips(load_tts(TtsSettings(engine="espeak"))))
    async with serving(services_in(tmp_path / "data"), engines) as served:
        codes = await asyncio.gather(
            *(
                asyncio.to_thread(
                    talk,
                    TalkOptions(url=served.http, wav=(wav,), out=tmp_path / wav.stem),
                    io.StringIO(),
                    io.StringIO(),
                )
                for wav in alone
            )
        )
    assert codes == [0, 0]
    for wav in alone:
        user, agent = _loudness(tmp_path / wav.stem / "conversation.wav")
        starts = _starts(agent)
        assert starts, f"{wav.stem} was never answered"
        voiced = user > 0.1 * np.percentile(user, 97)
        inside = [at for at in starts if voiced[at] and voiced[max(0, at - HEARD_FRAMES)]]
        assert not inside, f"{wav.stem}: at {[at * FRAME_SECONDS for at in inside]} s"


def _each_alone(call: Path, folder: Path) -> list[Path]:
    """The call once for each speaker, with silence where only the other one speaks."""
    samples, rate = read_audio(call)
    rows = [line.split() for line in call.with_suffix(".rttm").read_text().splitlines()]
    files = []
    for speaker in sorted({row[7] for row in rows}):
        keep = np.zeros(len(samples), dtype=bool)
        for row in rows:
            if row[7] == speaker:
                start, length = float(row[3]), float(row[4])
                keep[round(start * rate) : round((start + length) * rate)] = True
        files.append(folder / f"{speaker}.wav")
        write_wav(files[-1], np.where(keep, samples, 0).astype(np.int16), rate)
    return files


def _loudness(wav: Path) -> tuple[Samples, Samples]:
    """Root mean square of each frame: the user's, the agent's."""
    import wave

    with wave.open(str(wav)) as file:
        rate = file.getframerate()
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    size = round(rate * FRAME_SECONDS)
    frames = both[: len(both) // size * size].reshape(-1, size, 2).astype(np.float64)
    loud = np.sqrt((frames**2).mean(axis=1))
    return loud[:, 0], loud[:, 1]


def _starts(agent: Samples) -> list[int]:
    """Frames at which the agent begins to sound."""
    found, last = [], -PAUSE_FRAMES - 1
    for at in np.flatnonzero(agent > 20):
        if at - last > PAUSE_FRAMES:
            found.append(int(at))
        last = int(at)
    return found
