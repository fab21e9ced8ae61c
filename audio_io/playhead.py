"""Where playback stands: by the pacing clock, and truer where the client says how far it is.

All positions are samples from the utterance's beginning, all moments seconds of the event loop.
"""

from audio_io.tts.protocol import RATE


class Playhead:
    """The clock that paces the sending of one utterance, and the client's distance from it."""

    def __init__(self) -> None:
        self.sent = 0
        """Samples handed to the output."""
        self._from = 0.0
        """Where the clock stood when it last started or stopped."""
        self._since: float | None = None
        """When it started; None while it stands."""
        self._behind = 0.0
        """How far the client is behind the clock, by its last report."""
        self._floor = 0

    def clock(self, now: float) -> float:
        """Where the client is if it plays without delay."""
        return min(float(self.sent), self._raw(now))

    def at(self, now: float) -> int:
        """Where the client is by all that is known."""
        return max(self._floor, min(self.sent, round(self._raw(now) - self._behind)))

    def advance(self, samples: int, now: float) -> None:
        """So many more were sent; a clock that had run out of audio goes on from there."""
        if self._since is None or self._raw(now) >= self.sent:
            self._rebase(now)
            self._since = now
        self.sent += samples

    def stop(self, now: float) -> None:
        """Playback pauses."""
        self._rebase(now)
        self._since = None

    def go(self, now: float) -> None:
        """Playback goes on where it stopped."""
        self._since = now

    def rewind(self, to: int) -> None:
        """A stopped playback goes back; all from there on is sent again."""
        self.sent = self._floor = to
        self._from, self._behind = float(to), max(0.0, self._behind)

    def report(self, samples: int, now: float) -> None:
        """The client says how far it has played; more than was sent counts as all of it."""
        self._behind = self._raw(now) - max(self._floor, min(self.sent, samples))

    def keep_from(self, sample: int) -> None:
        """Nothing goes back beyond this any more."""
        self._floor = max(self._floor, sample)

    def left(self, now: float, grace: float) -> float:
        """Seconds until all that was sent has been played.

        A client that lags is waited for, by at most `grace` seconds.
        """
        return (self.sent - self._raw(now) + min(self._behind, grace * RATE)) / RATE

    def _raw(self, now: float) -> float:
        return self._from if self._since is None else self._from + (now - self._since) * RATE

    def _rebase(self, now: float) -> None:
        """Sets the clock anew; past the end of what was sent, it goes back to that end."""
        raw = self._raw(now)
        if raw > self.sent:
            self._behind = float(self.sent - self.at(now))
        self._from = min(float(self.sent), raw)
        self._since = None if self._since is None else now
