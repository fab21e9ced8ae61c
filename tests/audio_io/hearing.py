"""Real speech from the data folder, and an ear that hears it in virtual real time."""

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from audio_io.asr.protocol import AsrEngine, Listener
from audio_io.ear import Ear, EarOptions
from audio_io.pcm import Samples, read_audio, resample
from graph.events import Event, Partial, SpeechStarted, SpeechStopped

JFK = "openai_whisper/jfk.flac"
LIBRI = "wenet_en_zh/librispeech-1995-1837-0001.wav"
DASHWOOD = "pocketsphinx/librivox/sense_and_sensibility_01_austen_64kb-0870.wav"
TELEPHONE = "pyannote_sample_2spk/sample.wav"
DIGITS = "vosk_api/test.wav"


def data(name: str) -> Path:
    """A file of the data folder's `speech`; skips the test where it is missing."""
    root = Path(__file__).parents[2]
    folder = root / os.environ.get("CLEANS2S_DATA", "../shared/data") / "speech"
    if not (folder / name).exists():
        pytest.skip(f"needs {name} in {folder} (CLEANS2S_DATA)")
    return folder / name


def speech(name: str, rate: int | None = None) -> tuple[Samples, int]:
    """A recording, at its own rate or another."""
    samples, own = read_audio(data(name))
    return (samples, own) if rate is None else (resample(samples, own, rate), rate)


def silence(seconds: float, rate: int) -> Samples:
    return np.zeros(int(seconds * rate), dtype=np.int16)


@dataclass
class Heard:
    """What an ear told, in order; the reflex is the string `onset`."""

    told: list[Event | str] = field(default_factory=list)
    failures: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, item: Event | str) -> None:
        self.told.append(item)
        self._news.set()

    async def until(self, finals: int) -> None:
        """Waits for so many final partials."""
        async with asyncio.timeout(60):
            while len(self.finals) < finals:
                self._news.clear()
                await self._news.wait()

    @property
    def events(self) -> list[Event]:
        return [item for item in self.told if not isinstance(item, str)]

    @property
    def started(self) -> list[SpeechStarted]:
        return [event for event in self.events if isinstance(event, SpeechStarted)]

    @property
    def stopped(self) -> list[SpeechStopped]:
        return [event for event in self.events if isinstance(event, SpeechStopped)]

    @property
    def partials(self) -> list[Partial]:
        return [event for event in self.events if isinstance(event, Partial)]

    @property
    def finals(self) -> list[str]:
        return [event.text for event in self.partials if event.final]

    @property
    def spans(self) -> list[tuple[float, float]]:
        return [(start.at, stop.at) for start, stop in zip(self.started, self.stopped, strict=True)]

    def ear(
        self,
        engine: AsrEngine,
        rate: int,
        *,
        offset: float = 0.0,
        options: EarOptions | None = None,
    ) -> Ear:
        """An ear that tells this."""
        return Ear(
            engine,
            rate=rate,
            emit=self.tell,
            on_onset=lambda: self.tell("onset"),
            offset=offset,
            options=options,
        )


async def hear(
    engine: AsrEngine,
    samples: Samples,
    rate: int,
    *,
    chunk: float = 0.02,
    tail: float = 1.0,
    wait: float = 2.0,
) -> Heard:
    """Feeds a recording and a second of silence at the pace of real time."""
    heard = Heard()
    ear = heard.ear(engine, rate)
    samples = np.concatenate([samples, silence(tail, rate)])
    step = max(1, int(chunk * rate))
    for start in range(0, len(samples), step):
        await ear.feed(samples[start : start + step].tobytes())
        await asyncio.sleep(chunk)
    await asyncio.sleep(wait)
    heard.failures = ear.failures
    ear.close()
    return heard


class Notes(Listener):
    """What a listener is told."""

    def __init__(self) -> None:
        self.said: list[tuple[int, str, int, bool]] = []
        self.errors: list[tuple[int, Exception]] = []
        self._news = asyncio.Event()

    def heard(self, segment: int, text: str, confirmed: int, final: bool) -> None:
        self.said.append((segment, text, confirmed, final))
        self._news.set()

    def failed(self, segment: int, error: Exception) -> None:
        self.errors.append((segment, error))
        self._news.set()

    async def until(self, said: int = 0, finals: int = 0) -> None:
        """Waits for so many results of any kind, and so many final ones."""
        async with asyncio.timeout(10):
            while len(self.said) < said or len(self.finals) < finals:
                self._news.clear()
                await self._news.wait()

    @property
    def finals(self) -> dict[int, str]:
        return {segment: text for segment, text, _, final in self.said if final}


class Tape:
    """A recogniser that keeps the sound it is given, and says what a test tells it to."""

    def __init__(self, final_after: float | None = 0.0) -> None:
        self.final_after = final_after
        """Seconds from the segment's end to its final result; None: never."""
        self.segments: dict[int, list[Samples]] = {}
        self.starts: dict[int, float] = {}
        self.languages: dict[int, str] = {}
        self.closed = False
        self._number = 0

    def open(self, listener: Listener) -> "Tape":
        self.listener = listener
        return self

    def describe(self) -> str:
        return "tape"

    def start(self, segment: int, at: float, language: str) -> None:
        self._number = segment
        self.segments[segment] = []
        self.starts[segment] = at
        self.languages[segment] = language

    def feed(self, samples: Samples) -> None:
        self.segments[self._number].append(samples)

    def finish(self, spoken: float) -> None:
        number = self._number
        if self.final_after == 0.0:
            self.say(number, f"words {number}", final=True)
        elif self.final_after is not None:
            asyncio.get_running_loop().call_later(
                self.final_after, lambda: self.say(number, f"words {number}", final=True)
            )

    def say(self, number: int, text: str, confirmed: int = 0, final: bool = False) -> None:
        self.listener.heard(number, text, confirmed, final)

    def close(self) -> None:
        self.closed = True

    def sound(self, number: int) -> Samples:
        return np.concatenate(self.segments[number])
