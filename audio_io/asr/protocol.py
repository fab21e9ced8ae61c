"""The contract between the ear and speech recognition.

An `AsrEngine` is built once per process and holds what is heavy: a model, a pool of processes, an
HTTP client. `open` gives a session its `Recogniser`, which is light while nobody speaks.

Results are pushed, so neither side needs a task: the ear calls the recogniser, and the recogniser
calls the `Listener`, at any time, on the event loop. Nothing in a `Recogniser` blocks: a decoder
that does runs in the loop's threads (`loop.run_in_executor`), one decode a session at a time, on
the newest audio.

Engines register by name in the entry point group `cleans2s.asr`; the entry is a function that
takes `AsrOptions` and returns the engine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from audio_io.pcm import Samples
from graph.errors import BadInput

GROUP = "cleans2s.asr"


class Listener(Protocol):
    """Who is told what a recogniser makes of the sound. Called on the event loop only."""

    def heard(self, segment: int, text: str, confirmed: int, final: bool) -> None:
        """`text` is all of the segment so far; its first `confirmed` characters stay as they are.

        A segment that was started and finished ends in exactly one `heard` with `final`, even
        after a failure: then with the text that was known.
        """

    def failed(self, segment: int, error: Exception) -> None:
        """Something went wrong; what follows is not said by it."""


class Recogniser(Protocol):
    """One session's recogniser. One segment at a time is fed; earlier ones may still be decoded."""

    def start(self, segment: int, at: float, language: str) -> None:
        """A segment begins; its first sample is at `at` seconds of the ear's clock.

        `language` is BCP 47.
        """

    def feed(self, samples: Samples) -> None:
        """More of the segment: int16, 16 kHz, mono. The recogniser may keep the array."""

    def finish(self, spoken: float) -> None:
        """The segment is over; its voice stopped `spoken` seconds after the segment's start.

        The final result follows, now or later.
        """

    def close(self) -> None:
        """The session is over: nothing is pushed from now on, pending work is dropped."""


class AsrEngine(Protocol):
    """What a process needs of one way to recognise speech."""

    def open(self, listener: Listener) -> Recogniser | None:
        """A session's recogniser; None where the client recognises the speech itself."""

    def describe(self) -> str:
        """One line: what it is and how well it can do."""

    def close(self) -> None:
        """Lets go of models, threads and processes."""


@dataclass(frozen=True)
class AsrOptions:
    """Settings of recognition; each engine reads what concerns it."""

    engine: str = "auto"
    model: str = ""
    """whisper: a size (tiny, base, small, ...), a folder, or a Hugging Face id; empty: base.
    openai: the model's name; empty: whisper-1."""
    device: str = "auto"
    """whisper: auto, cpu or cuda."""
    threads: int = 0
    """whisper: CPU threads of one decode; 0: as many as cores, at most 4."""
    processes: int = 0
    """pocketsphinx: decoders at most, 130 MB each; 0: one for each core."""
    base_url: str = ""
    """openai: the server, as in http://localhost:8000/v1; empty: api.openai.com."""
    api_key: str = ""
    """openai: empty: OPENAI_API_KEY, else none is sent."""
    timeout_seconds: float = 10.0
    """openai: a transcription that takes longer has failed."""
    interval_seconds: float = 0.5
    """whisper, openai: new audio between two decodes of a segment."""
    download_seconds: float = 5.0
    """whisper: how long to wait for the model hub to answer, before it counts as unreachable."""
    replay: Path | None = None
    """replay: a recording, or a folder of them."""

    def __post_init__(self) -> None:
        for name in ("timeout_seconds", "interval_seconds", "download_seconds"):
            if not getattr(self, name) > 0:
                raise BadInput(f"asr.{name}", getattr(self, name), "should be above 0")
        for name in ("threads", "processes"):
            if getattr(self, name) < 0:
                raise BadInput(f"asr.{name}", getattr(self, name), "should not be negative")


BuildEngine = Callable[[AsrOptions], AsrEngine]
"""What an entry point of the group names. It may take seconds (a model is loaded): call it at
start-up, off the event loop. Raises `Unavailable` or `BadInput`."""
