"""Any server with OpenAI's `/v1/audio/speech`: OpenAI itself, and those for F5-TTS, MeloTTS,
CosyVoice or Kokoro that speak the same. Raw PCM, played while it is still being made.

API: https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

import re
from collections.abc import AsyncGenerator

import httpx
import numpy as np

from audio_io.tts.protocol import RATE, Audio, TtsFailed, TtsFault, TtsOptions
from graph.errors import BadInput

BASE_URL = "https://api.openai.com/v1"
MODEL = "gpt-4o-mini-tts"
VOICE = "alloy"

# Servers are careless about the type of raw PCM; these can be nothing of the kind.
_NOT_PCM = frozenset(
    ["application/json", "text/html"]
    + [f"audio/{kind}" for kind in ("mpeg", "mp3", "mp4", "ogg", "opus", "aac", "flac", "webm")]
)
_FILE_MAGIC = (b"RIFF", b"fLaC", b"OggS", b"ID3")
_MAGIC_BYTES = 4


def build(options: TtsOptions) -> "OpenAIEngine":
    """For the entry point."""
    return OpenAIEngine(
        base_url=options.base_url or BASE_URL,
        model=options.model or MODEL,
        key=options.key,
        rate=options.rate,
        stall_seconds=options.first_audio_seconds,
    )


class OpenAIEngine:
    """Speech from a server. One connection pool for the process; belongs to one event loop.

    `rate`: Hz of the server's PCM, where its `Content-Type` does not name one. The API has no
    language: the model hears it from the text. Word times are not told.
    """

    name = "openai"
    bare = False

    def __init__(
        self,
        *,
        base_url: str = BASE_URL,
        model: str = MODEL,
        key: str = "",
        rate: int = RATE,
        stall_seconds: float = 3.0,
    ) -> None:
        """`stall_seconds`: silence of the server after which it counts as failed.

        Raises `BadInput` for a base URL that is none.
        """
        if not base_url.startswith(("http://", "https://")):
            raise BadInput("tts.base_url", base_url, "should begin with http:// or https://")
        self._url = base_url.rstrip("/") + "/audio/speech"
        self._model = model
        self._rate = rate
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(stall_seconds, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )

    async def synthesise(self, text: str, voice: str, language: str) -> AsyncGenerator[Audio, None]:
        """As `TtsEngine.synthesise`. Raises `TtsFailed` that names the address and what to do."""
        wanted = {
            "model": self._model,
            "voice": voice or VOICE,
            "input": text,
            "response_format": "pcm",
        }
        try:
            async with self._client.stream("POST", self._url, json=wanted) as response:
                await self._check(response)
                pcm = _Pcm(_rate_of(response) or self._rate)
                async for data in response.aiter_bytes():
                    if made := pcm.take(data):
                        yield Audio(made)
                if made := pcm.end():
                    yield Audio(made)
        except _Malformed as error:
            raise self._failed("malformed", str(error)) from error
        except httpx.TimeoutException as error:
            raise self._failed(
                "stalled", "nothing came in time; is the server overloaded?"
            ) from error
        except httpx.ConnectError as error:
            raise self._failed(
                "unreachable", f"no connection ({error}); is the server running?"
            ) from error
        except httpx.HTTPError as error:
            raise self._failed("died", f"the connection broke ({error!r})") from error

    def describe(self) -> str:
        """One line."""
        return f"openai ({self._model} at {self._url})"

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def _check(self, response: httpx.Response) -> None:
        if response.status_code == httpx.codes.OK:
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind in _NOT_PCM:
                raise _Malformed(f"it answers with {kind}, not with raw PCM (response_format=pcm)")
            return
        await response.aread()
        said = " ".join(response.text.split())[:200]
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise self._failed("unauthorised", f"the key is refused; check tts.api_key ({said})")
        raise self._failed("rejected", f"status {response.status_code}: {said}")

    def _failed(self, fault: TtsFault, problem: str) -> TtsFailed:
        return TtsFailed(fault, f"speech from {self._url}: {problem}")


class _Malformed(Exception):
    """What came is not the PCM that was asked for."""


class _Pcm:
    """Bytes as they come from the network -> whole samples at 24 kHz."""

    def __init__(self, rate: int) -> None:
        self._rest = b""
        self._begun = False
        self._resampler = None
        if rate != RATE:
            import soxr

            self._resampler = soxr.ResampleStream(rate, RATE, 1, dtype="int16", quality="HQ")

    def take(self, data: bytes) -> bytes:
        """Samples that are whole now."""
        data = self._rest + data
        if not self._begun and len(data) < _MAGIC_BYTES:
            self._rest = data
            return b""
        if not self._begun and data.startswith(_FILE_MAGIC):
            raise _Malformed("it sends an audio file, not raw PCM (response_format=pcm)")
        self._begun = True
        whole = len(data) // 2 * 2
        self._rest = data[whole:]
        return self._resampled(data[:whole], last=False)

    def end(self) -> bytes:
        """What is still held."""
        if not self._begun and not self._rest:
            raise _Malformed("it sends no audio")
        if len(self._rest) % 2:
            raise _Malformed("the audio ends in the middle of a sample")
        return self._resampled(self._rest, last=True)

    def _resampled(self, pcm: bytes, last: bool) -> bytes:
        if self._resampler is None:
            return pcm
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.int16, copy=False)
        made: bytes = self._resampler.resample_chunk(samples, last=last).astype("<i2").tobytes()
        return made


def _rate_of(response: httpx.Response) -> int:
    """The rate that a content type such as `audio/pcm;rate=22050` names; 0 if it does not."""
    found = re.search(r"rate=(\d+)", response.headers.get("Content-Type", ""))
    rate = int(found[1]) if found else 0
    return rate if 8_000 <= rate <= 192_000 else 0
