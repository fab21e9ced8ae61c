"""Plays the agent's voice as the native protocol asks of a client: by utterance and by offset."""

import threading
from collections import deque
from dataclasses import dataclass, field

from server.protocol.native import AudioFrame
from server.protocol.wire import OUTPUT_RATE

MS = OUTPUT_RATE // 1000


@dataclass
class Track:
    """One utterance on the player. Positions are samples from its beginning."""

    number: int
    pcm: bytearray = field(default_factory=bytearray)
    """All audio that has come, played or not."""
    position: int = 0
    paused: bool = False
    ended: bool = False
    """No more audio will come."""
    heard: bytearray = field(default_factory=bytearray)
    """What has sounded, in the order in which it did."""

    @property
    def left(self) -> int:
        """Samples that are here and have not been played."""
        return len(self.pcm) // 2 - self.position

    def place(self, offset: int, pcm: bytes) -> None:
        """Audio from an offset on, in place of what was there; a hole before it is silent."""
        del self.pcm[2 * offset :]
        self.pcm += bytes(2 * offset - len(self.pcm)) + pcm

    def play(self, samples: int) -> bytes:
        """The next samples, as many as there are."""
        start = 2 * self.position
        pcm = bytes(self.pcm[start : start + 2 * samples])
        self.position += len(pcm) // 2
        self.heard += pcm
        return pcm


class Player:
    """Gives out the sound of each moment. Safe to be asked by the thread of a sound card."""

    def __init__(self) -> None:
        self._waiting: deque[Track] = deque()
        """Utterances to be played; the first one sounds."""
        self._tracks: dict[int, Track] = {}
        self._lock = threading.Lock()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Every utterance that was begun, in order."""
        return tuple(self._tracks.values())

    @property
    def idle(self) -> bool:
        """Whether nothing is left to play."""
        with self._lock:
            return not any(track.left for track in self._waiting)

    @property
    def position(self) -> tuple[int, int] | None:
        """The utterance that sounds, or is paused, and its ms; None between utterances."""
        with self._lock:
            if not self._waiting:
                return None
            track = self._waiting[0]
            return track.number, track.position // MS

    def begin(self, number: int) -> None:
        """An utterance is to come."""
        with self._lock:
            self._track(number)

    def audio(self, frame: AudioFrame) -> None:
        """A piece of it."""
        with self._lock:
            track = self._track(frame.utterance)
            if track in self._waiting:
                track.place(frame.offset_ms * MS, frame.pcm)

    def pause(self, number: int) -> None:
        """Stops at once and keeps the rest."""
        with self._lock:
            self._track(number).paused = True

    def resume(self, number: int, from_ms: int) -> None:
        """Goes on: at `from_ms`, unless playback has not come so far."""
        with self._lock:
            track = self._track(number)
            track.paused = False
            track.position = min(track.position, from_ms * MS)

    def flush(self, number: int) -> None:
        """Forgets what has not been played, and all that still comes."""
        with self._lock:
            track = self._track(number)
            if track in self._waiting:
                self._waiting.remove(track)

    def end(self, number: int) -> None:
        """Nothing more will come; what is here is played out."""
        with self._lock:
            self._track(number).ended = True

    def take(self, samples: int) -> bytes:
        """The sound of the next moment: so many samples, silence where there is nothing."""
        with self._lock:
            pcm = b""
            while len(pcm) < 2 * samples and (track := self._sounding()):
                pcm += track.play(samples - len(pcm) // 2)
            return pcm + bytes(2 * samples - len(pcm))

    def _sounding(self) -> Track | None:
        while self._waiting:
            track = self._waiting[0]
            if track.left:
                return None if track.paused else track
            if not track.ended:
                return None
            self._waiting.popleft()
        return None

    def _track(self, number: int) -> Track:
        if number not in self._tracks:
            self._tracks[number] = Track(number)
            self._waiting.append(self._tracks[number])
        return self._tracks[number]
