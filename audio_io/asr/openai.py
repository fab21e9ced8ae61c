"""`openai`: any server with `/v1/audio/transcriptions`: OpenAI's, or a local one.

The segment so far is sent again at an interval and once at its end, as a WAV file.
https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from audio_io.asr.protocol import AsrOptions, Listener
from audio_io.asr.rolling import RollingRecogniser
from audio_io.pcm import EAR_RATE, Samples, wav_bytes
from graph.errors import Unavailable

if TYPE_CHECKING:
    from openai import OpenAI

DEFAULT_MODEL = "whisper-1"
_AT_ONCE = 32
_PROMPT_CHARS = 200


class OpenAIEngine:
    """One HTTP client for all sessions, up to 32 requests at once. Nothing is sent at the start."""

    def __init__(self, options: AsrOptions) -> None:
        import openai

        self._model = options.model or DEFAULT_MODEL
        self._interval = options.interval_seconds
        key = options.api_key or os.environ.get("OPENAI_API_KEY", "")
        if not key and not options.base_url:
            raise Unavailable("the openai recogniser needs OPENAI_API_KEY, or asr.base_url")
        self._client: OpenAI = openai.OpenAI(
            api_key=key or "none",
            base_url=options.base_url or None,
            timeout=options.timeout_seconds,
            max_retries=0,
        )
        self._url = str(self._client.base_url)
        self._executor = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="openai-asr")

    def open(self, listener: Listener) -> RollingRecogniser:
        """A session's recogniser."""
        return RollingRecogniser(self.transcribe, listener, self._executor, self._interval)

    def describe(self) -> str:
        """One line."""
        return f"openai: {self._model} at {self._url}"

    def close(self) -> None:
        """Ends requests that have not begun; the others end by their timeout."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def transcribe(self, samples: Samples, language: str, before: str) -> str:
        """The words of one piece of sound; blocks for the request.

        Raises `Unavailable`, naming the server and what to do; never the key.
        """
        import openai

        try:
            answer = self._client.audio.transcriptions.create(
                file=("segment.wav", wav_bytes(samples, EAR_RATE), "audio/wav"),
                model=self._model,
                language=language.split("-")[0].lower(),
                prompt=before[-_PROMPT_CHARS:] or openai.omit,
                response_format="json",
            )
        except openai.OpenAIError as error:
            raise Unavailable(f"{self._url}: {_trouble(error)}") from error
        text = getattr(answer, "text", None)
        if not isinstance(text, str):
            raise Unavailable(f"{self._url} answers no transcription: {str(answer)[:80]!r}")
        return text.strip()


def _trouble(error: Exception) -> str:
    """What went wrong and what to do, in one line."""
    import openai

    match error:
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return "refuses the key: set OPENAI_API_KEY or asr.api_key"
        case openai.RateLimitError():
            return "too many requests (429): raise asr.interval_seconds"
        case openai.NotFoundError():
            return "has no such model or address (404): see asr.model and asr.base_url"
        case openai.APIStatusError():
            return f"fails with status {error.status_code}"
        case openai.APITimeoutError():
            return "takes too long: see asr.timeout_seconds"
        case openai.APIConnectionError():
            return "cannot be reached, or broke off: is the server running, is asr.base_url right?"
        case _:
            return f"does not answer as it should ({type(error).__name__})"


def build(options: AsrOptions) -> OpenAIEngine:
    """The engine; raises `Unavailable` where there is neither a key nor a server of one's own."""
    return OpenAIEngine(options)
