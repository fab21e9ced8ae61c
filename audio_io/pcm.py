"""PCM: the bytes of a client as 16 kHz samples for the ear, and sound files to and from disk.

Everywhere in the ear a sample is int16, the sound mono.
"""

import io
import wave
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
import soxr
from numpy.typing import NDArray

from graph.errors import BadInput

Samples: TypeAlias = NDArray[np.int16]

EAR_RATE = 16_000
"""Hz inside the ear."""
LOWEST_RATE = 8_000
HIGHEST_RATE = 48_000


class Inlet:
    """Turns one client's PCM16 mono at `rate` Hz into 16 kHz samples, chunk by chunk.

    Whatever the chunks, the samples are the same bit for bit. They come late by soxr's filter:
    10 to 14 ms at 24 to 48 kHz, 30 ms at 8 kHz, none at 16 kHz. Their times stand, to 0.1 ms.
    Raises `BadInput` for a rate that is not a whole number from 8,000 to 48,000.
    """

    def __init__(self, rate: int) -> None:
        if isinstance(rate, bool) or not isinstance(rate, int):
            raise BadInput("rate", rate, "should be a whole number of Hz")
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise BadInput("rate", rate, f"should be {LOWEST_RATE} to {HIGHEST_RATE} Hz")
        self.rate = rate
        # float32: for int16 soxr adds dither, which is random. vr: a constant delay of 10 to 30 ms,
        # where the fixed-ratio engine works in blocks and delays by up to 115 ms.
        self._stream = (
            None
            if rate == EAR_RATE
            else soxr.ResampleStream(rate, EAR_RATE, 1, dtype="float32", quality="HQ", vr=True)
        )

    def feed(self, pcm: bytes | bytearray | memoryview) -> Samples:
        """The samples that `pcm` completes; raises `BadInput` for half a sample at its end."""
        size = memoryview(pcm).nbytes
        if size % 2:
            raise BadInput("pcm", size, "PCM16 has two bytes a sample: an odd number is cut off")
        samples = np.frombuffer(pcm, dtype="<i2")
        if self._stream is None:
            return samples.astype(np.int16)
        return _rounded(self._stream.resample_chunk(samples.astype(np.float32)))


def resample(samples: Samples, rate: int, to_rate: int = EAR_RATE) -> Samples:
    """A whole recording at another rate."""
    if rate == to_rate:
        return samples
    return _rounded(soxr.resample(samples.astype(np.float32), rate, to_rate, quality="HQ"))


def _rounded(values: NDArray[np.float32]) -> Samples:
    return np.clip(np.rint(values), -32768, 32767).astype(np.int16)


def read_audio(path: Path | str) -> tuple[Samples, int]:
    """A sound file (WAV, FLAC, MP3, whatever FFmpeg reads) as mono samples, and its rate in Hz.

    Several channels become their mean. Raises `BadInput` where the file is missing or holds no
    sound that can be decoded.
    """
    import av

    if not Path(path).is_file():
        raise BadInput("path", str(path), "no such file")
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise BadInput("path", str(path), "holds no sound")
            rate = container.streams.audio[0].rate
            mono = av.AudioResampler(format="s16", layout="mono", rate=rate)
            pieces = [
                piece.to_ndarray()[0]
                for frame in chain(container.decode(audio=0), [None])
                for piece in mono.resample(frame)
            ]
    except av.FFmpegError as error:
        raise BadInput("path", str(path), f"cannot be decoded: {error.strerror}") from error
    if not pieces:
        raise BadInput("path", str(path), "holds no sound")
    return np.concatenate(pieces).astype(np.int16), rate


def write_wav(target: Path | str | BinaryIO, samples: Samples, rate: int) -> None:
    """Writes samples, (n,) for mono or (n, channels), as a PCM16 WAV file.

    Raises `BadInput` for samples of another type or shape.
    """
    if samples.dtype != np.int16 or samples.ndim > 2:
        raise BadInput("samples", (samples.dtype, samples.shape), "should be int16, one row a time")
    with wave.open(str(target) if isinstance(target, Path) else target, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())


def wav_bytes(samples: Samples, rate: int) -> bytes:
    """The same as bytes."""
    buffer = io.BytesIO()
    write_wav(buffer, samples, rate)
    return buffer.getvalue()
