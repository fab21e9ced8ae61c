"""Where a client's sound stands on the session's clock, and how fast it may come."""

from collections import deque

from graph.errors import BadInput

GAP_SECONDS = 1.0
"""No sound for so long: the microphone was off, or nothing got through."""
WINDOW_SECONDS = 5.0
"""How long a piece of sound bears witness to the delay of the way."""
BURST_SECONDS = 10.0
"""How far sound may run ahead of the time that it takes to speak."""


class AudioClock:
    """Maps seconds of sound received to seconds of the session.

    Sound is late by whatever the way takes, so the smallest lateness of the last seconds is
    nearest to the truth; after a gap it is learnt anew. Moments are seconds of the session's clock.
    """

    def __init__(self) -> None:
        self.received = 0.0
        """Seconds of sound."""
        self._late: deque[tuple[float, float]] = deque()
        """Arrivals and lateness, both rising: the first is the smallest of the window."""
        self._arrived = 0.0
        self._credit = BURST_SECONDS

    def take(self, seconds: float, now: float) -> None:
        """Notes that so much sound has arrived.

        Raises `BadInput`, and notes nothing, where it runs too far ahead: a file and no microphone.
        """
        credit = min(BURST_SECONDS, self._credit + now - self._arrived) - seconds
        if credit < 0:
            raise BadInput(
                "pcm",
                f"{seconds:.2f} s",
                f"sound comes faster than it can be spoken, by {BURST_SECONDS:g} s: send it as it"
                " is recorded",
            )
        if now - self._arrived > GAP_SECONDS + seconds:
            self._late.clear()
        self._credit, self._arrived = credit, now
        self.received += seconds
        late = now - self.received
        while self._late and self._late[-1][1] >= late:
            self._late.pop()
        self._late.append((now, late))
        while self._late[0][0] < now - WINDOW_SECONDS:
            self._late.popleft()

    def session_time(self, heard: float) -> float:
        """The session's second at which the sound of this second was made."""
        return max(0.0, heard + (self._late[0][1] if self._late else 0.0))
