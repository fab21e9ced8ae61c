"""What the user of `cleans2s talk` sends: recordings in real time, typed lines, or a microphone.

Every source gives one item for each tick of 20 ms: sound, a line of text, or nothing.
"""

import asyncio
import importlib
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from audio_io.pcm import EAR_RATE, HIGHEST_RATE, LOWEST_RATE, read_audio, resample
from graph.errors import Unavailable
from server.player import Player
from server.protocol.wire import OUTPUT_RATE

TICK_SECONDS = 0.02

Item = bytes | str | None


class Attention(Protocol):
    """What a source must know of the conversation."""

    def said(self) -> None:
        """The user's turn has ended."""

    def may_go_on(self, last: bool) -> bool:
        """Whether the next turn may begin, or, after the last one, everything is said."""


class Source(Protocol):
    """Where the user's words come from."""

    @property
    def rate(self) -> int:
        """Hz of its sound; 0: it has none."""

    def items(self, player: Player, attention: Attention) -> AsyncGenerator[tuple[Item, bytes]]:
        """One item a tick, with what the player plays in this tick."""


class _Timed:
    """Items that are known before; time is kept to the tick, and a late tick is caught up."""

    async def items(
        self, player: Player, attention: Attention
    ) -> AsyncGenerator[tuple[Item, bytes]]:
        """As `Source.items`."""
        due = time.monotonic()
        for item in self._script(attention):
            yield item, player.take(round(OUTPUT_RATE * TICK_SECONDS))
            due += TICK_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _script(self, attention: Attention) -> Iterator[Item]:
        raise NotImplementedError


class Recordings(_Timed):
    """Sound files, one turn each, at one rate; the microphone stays open between them."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Reads them; raises `BadInput` for one that is missing or holds no sound."""
        read = [read_audio(file) for file in files]
        first = read[0][1]
        self.rate = first if LOWEST_RATE <= first <= HIGHEST_RATE else EAR_RATE
        self._sounds = [resample(samples, rate, self.rate).tobytes() for samples, rate in read]

    def _script(self, attention: Attention) -> Iterator[Item]:
        size = 2 * round(self.rate * TICK_SECONDS)
        for number, sound in enumerate(self._sounds, 1):
            for start in range(0, len(sound), size):
                yield sound[start : start + size].ljust(size, b"\0")
            attention.said()
            while not attention.may_go_on(last=number == len(self._sounds)):
                yield bytes(size)


class Lines(_Timed):
    """Typed lines, one turn each."""

    rate = 0

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines

    def _script(self, attention: Attention) -> Iterator[Item]:
        for number, line in enumerate(self._lines, 1):
            yield line
            attention.said()
            while not attention.may_go_on(last=number == len(self._lines)):
                yield None


class Device:
    """The machine's microphone and loudspeaker, until interrupted. Use headphones."""

    rate = OUTPUT_RATE

    def __init__(self) -> None:
        """Raises `Unavailable` where there is no sound card, or no library for it."""
        try:
            sounddevice = importlib.import_module("sounddevice")
        except (ImportError, OSError) as error:
            raise Unavailable(
                f"--mic needs the package sounddevice and PortAudio ({error}): pip install"
                " sounddevice, and on Debian apt-get install libportaudio2"
            ) from error
        self._library = sounddevice
        try:
            sounddevice.check_input_settings(samplerate=self.rate, channels=1, dtype="int16")
            sounddevice.check_output_settings(samplerate=self.rate, channels=1, dtype="int16")
        except (sounddevice.PortAudioError, ValueError) as error:
            raise Unavailable(f"--mic: no sound card that can be used: {error}") from error

    async def items(
        self, player: Player, attention: Attention
    ) -> AsyncGenerator[tuple[Item, bytes]]:
        """As `Source.items`; the sound card keeps the time."""
        loop = asyncio.get_running_loop()
        ticks: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()

        def tick(heard: bytes, played: bytearray, frames: int, when: object, state: object) -> None:
            played[:] = sound = player.take(frames)
            loop.call_soon_threadsafe(ticks.put_nowait, (bytes(heard), sound))

        with self._library.RawStream(
            samplerate=self.rate,
            blocksize=round(self.rate * TICK_SECONDS),
            channels=1,
            dtype="int16",
            callback=tick,
        ):
            while True:
                yield await ticks.get()
