"""Voice activity: silero VAD v6 on windows of 32 ms, and the rule that makes speech of it.

The model is one shared onnxruntime session; what differs between sessions is a state of 1 KB and
the last 64 samples. A window costs 0.2 to 0.3 ms, so it runs on the event loop.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from audio_io.pcm import EAR_RATE, Samples
from graph.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WINDOW = 512
"""Samples of 16 kHz that the model takes at once."""
WINDOW_SECONDS = WINDOW / EAR_RATE

_CONTEXT = 64
_MODEL = "silero_vad/data/silero_vad_16k_op15.onnx"
_SCALE = np.float32(1 / 32768)
_RATE = np.array(EAR_RATE, dtype=np.int64)


@lru_cache(maxsize=1)
def shared_model() -> "InferenceSession":
    """The model, loaded at the first call of the process (about 60 ms with onnxruntime).

    Raises `Unavailable` where the package silero-vad or its model file is missing. The package is
    not imported, for that would import torch.
    """
    import onnxruntime

    try:
        path = Path(str(distribution("silero-vad").locate_file(_MODEL)))
    except PackageNotFoundError:
        raise Unavailable("the package silero-vad is not installed: `make setup`") from None
    if not path.is_file():
        raise Unavailable(f"silero-vad lacks its model {path.name}: install silero-vad>=6.0")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class VoiceModel:
    """The model with the state of one session."""

    def __init__(self) -> None:
        self._model = shared_model()
        self._state = np.zeros((2, 1, 128), dtype=np.float32)
        self._input = np.zeros((1, _CONTEXT + WINDOW), dtype=np.float32)

    def probability(self, window: Samples) -> float:
        """The probability, 0..1, that the next 512 samples hold a voice."""
        self._input[:, :_CONTEXT] = self._input[:, -_CONTEXT:]
        np.multiply(window, _SCALE, out=self._input[0, _CONTEXT:])
        given = {"input": self._input, "state": self._state, "sr": _RATE}
        probability, self._state = self._model.run(None, given)
        return float(probability[0, 0])


@dataclass(frozen=True)
class VadOptions:
    """When a voice counts as speech. Raises `BadInput` for values that make no sense."""

    threshold: float = 0.5
    """A window above it speaks for a voice, one below it against."""
    evidence: float = 0.7
    """Speech starts once the excess over the threshold has added up to this: two windows of a
    clear voice, four of a doubtful one."""
    release: float = 0.35
    """A window below it is silent."""
    silence_seconds: float = 0.2
    """Speech stops after so much silence, to the nearest window."""

    def __post_init__(self) -> None:
        if not 0 < self.release <= self.threshold < 1:
            raise BadInput("release", self.release, "should be above 0, at most the threshold")
        if self.evidence <= 0:
            raise BadInput("evidence", self.evidence, "should be above 0")
        if self.silence_seconds < WINDOW_SECONDS:
            raise BadInput("silence_seconds", self.silence_seconds, f">= {WINDOW_SECONDS}")

    @property
    def silent_windows(self) -> int:
        """Windows of silence that end speech."""
        return max(1, round(self.silence_seconds / WINDOW_SECONDS))


@dataclass(frozen=True)
class Change:
    """Speech has started or stopped: seen in this window, true since the start of window `since`.

    Windows are counted from 0.
    """

    kind: Literal["started", "stopped"]
    since: int


class SpeechRule:
    """Windows' probabilities to starts and stops of speech.

    A start is a cumulative-sum test (Page 1954, "Continuous inspection schemes", Biometrika 41): a
    clear voice passes it at once, a breath or a click never, a faint voice a little later. Measured
    on the recordings of the data folder: starts 15 ms later than "two windows above 0.5", with no
    false start, against 15 in 104 runs.
    """

    def __init__(self, options: VadOptions) -> None:
        self._options = options
        self.speaking = False
        self._window = 0
        self._evidence = 0.0
        self._began = 0
        self._silent = 0

    def feed(self, probability: float) -> Change | None:
        """What the next window's probability changes."""
        self._window += 1
        return (
            self._still_speaking(probability) if self.speaking else self._still_silent(probability)
        )

    def stop(self) -> Change:
        """Ends speech by decree, at its last voiced window."""
        self.speaking = False
        self._evidence = 0.0
        return Change("stopped", self._window - self._silent)

    def _still_silent(self, probability: float) -> Change | None:
        if self._evidence == 0.0:
            self._began = self._window - 1
        self._evidence = max(0.0, self._evidence + probability - self._options.threshold)
        if self._evidence < self._options.evidence:
            return None
        self.speaking = True
        self._silent = 0
        return Change("started", self._began)

    def _still_speaking(self, probability: float) -> Change | None:
        self._silent = self._silent + 1 if probability < self._options.release else 0
        return self.stop() if self._silent >= self._options.silent_windows else None
