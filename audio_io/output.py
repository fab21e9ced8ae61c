"""Where the voice's audio goes: a client over the wire, a file, a test."""

from typing import Literal, Protocol

from graph.state import Utterance

Ending = Literal["finished", "cut", "failed", "tool"]


class Output(Protocol):
    """Plays what the voice sends. Nothing here blocks; what cannot be sent now is queued.

    Utterances are numbered from 1 in the order in which they begin. Audio is int16 mono at 24 kHz
    and placed by its offset: it replaces what the player holds from there on, and a player that is
    already past that point goes back to it.
    """

    def begin(self, number: int, utterance: Utterance) -> None:
        """An utterance will be spoken under this number."""

    def text(self, number: int, delta: str) -> None:
        """More of its text, as it is composed: ahead of its audio."""

    def audio(self, number: int, offset_ms: int, pcm: bytes) -> None:
        """Audio that belongs at this offset in the utterance. Whole ms, save for its last piece."""

    def pause(self, number: int) -> None:
        """Stop playing now; keep what has not been played."""

    def resume(self, number: int, from_ms: int) -> None:
        """Play on; what is heard next is the audio at `from_ms`.

        After a short pause that is where playback stopped, and nothing is sent again. After a
        longer one it may be the start of that word, and audio from there on follows.
        """

    def flush(self, number: int) -> None:
        """Forget all audio of the utterance that has not been played."""

    def end(self, number: int, heard: str, reason: Ending) -> None:
        """The utterance is over; `heard` is the text that was played."""
