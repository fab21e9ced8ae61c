"""`whisper`: faster-whisper on this machine, partials by agreement of two hypotheses."""

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from audio_io.asr.protocol import AsrOptions, Listener
from audio_io.asr.rolling import RollingRecogniser
from audio_io.asr.whisper_model import find_model
from audio_io.pcm import Samples
from graph.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

log = logging.getLogger(__name__)

DEFAULT_MODEL = "base"
_PROMPT_CHARS = 200


class WhisperEngine:
    """One model for all sessions; decodes run one after the other in one thread.

    Raises `Unavailable` where the model is neither here nor to be had, `BadInput` for a model or
    device that does not exist.
    """

    def __init__(self, options: AsrOptions) -> None:
        import faster_whisper

        self._name = options.model or DEFAULT_MODEL
        self._interval = options.interval_seconds
        path = find_model(self._name, options.download_seconds)
        threads = options.threads or min(4, os.cpu_count() or 1)
        try:
            self._model: WhisperModel = faster_whisper.WhisperModel(
                str(path), device=options.device, cpu_threads=threads
            )
        except ValueError as error:
            raise BadInput("asr.device", options.device, str(error)) from error
        except RuntimeError as error:
            raise Unavailable(f"the whisper model in {path} does not load: {error}") from error
        self._languages = frozenset(self._model.supported_languages)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="whisper")

    def open(self, listener: Listener) -> RollingRecogniser:
        """A session's recogniser."""
        return RollingRecogniser(self.transcribe, listener, self._executor, self._interval)

    def describe(self) -> str:
        """One line."""
        return f"whisper: {self._name}, {self._model.model.device}"

    def close(self) -> None:
        """Lets the decode that runs come to its end."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def transcribe(self, samples: Samples, language: str, before: str) -> str:
        """The words of one piece of sound; blocks for its decode.

        Greedy and without Whisper's retries at higher temperatures: a wrong word is mended by the
        next hypothesis, a late one is not.
        """
        spoken = language.split("-")[0].lower()
        segments, _ = self._model.transcribe(
            samples.astype(np.float32) / 32768,
            language=spoken if spoken in self._languages else None,
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            initial_prompt=before[-_PROMPT_CHARS:] or None,
            without_timestamps=True,
        )
        return "".join(segment.text for segment in segments).strip()


def build(options: AsrOptions) -> WhisperEngine:
    """The engine; loads the model, and downloads it first where it is not in the cache."""
    return WhisperEngine(options)
