"""The demo's stage manager: gives the actor the cues, and keeps the book of what happened when."""

from collections.abc import Callable
from dataclasses import dataclass, field

from evals.demo.scenes import Cue
from server.protocol import server_messages as given
from server.protocol.server_messages import FromServer
from server.talker import Manners

MISSED_CUE = 6.0
"""Seconds after which the actor goes on, whatever the agent does."""
CURTAIN = 1.2
"""Seconds of quiet at the end."""


@dataclass
class Book:
    """What happened, in seconds of the recording."""

    spoken: list[tuple[float, float, Cue]] = field(default_factory=list)
    """Begin and end of the user's lines."""
    messages: list[tuple[float, FromServer]] = field(default_factory=list)


class Stage(Manners):
    """Watches the server's messages for the moment at which the next line is due."""

    def __init__(self) -> None:
        super().__init__(gap=None, tail=CURTAIN)
        self.book = Book()
        self._clock: Callable[[], float] = lambda: 0.0
        self._sounding_since: float | None = None
        self._quiet_since_tick = 0.0
        self._answered_since_said = True
        self._said_tick = 0.0

    def begins(self, clock: Callable[[], float]) -> None:
        """The recording starts; `clock` gives its seconds."""
        self._clock = clock

    def notice(self, message: FromServer) -> None:
        """Enters a message in the book."""
        super().notice(message)
        now = self._clock()
        self.book.messages.append((now, message))
        match message:
            case given.Floor(floor="agent"):
                self._sounding_since = now
            case given.UtteranceEnd():
                self._sounding_since = None
                self._quiet_since_tick = now
                self._answered_since_said = True
            case given.Judgement(action="silence"):
                self._quiet_since_tick = now
                self._answered_since_said = True

    def speaks(self, cue: Cue, seconds: float) -> None:
        """The user begins a line."""
        now = self._clock()
        self.book.spoken.append((now, now + seconds, cue))
        self._answered_since_said = cue.shows == "backchannel"

    def said(self) -> None:
        """The user has ended a line."""
        super().said()
        self._said_tick = self._clock()

    def ready(self, cue: Cue) -> bool:
        """Whether it is time for this line."""
        now = self._clock()
        if now - max(self._said_tick, self._quiet_since_tick) > MISSED_CUE + cue.wait:
            return True
        if cue.when == "speaking":
            return self._sounding_since is not None and now - self._sounding_since >= cue.wait
        quiet = self._sounding_since is None and self._answered_since_said
        return quiet and now - max(self._quiet_since_tick, self._said_tick) >= cue.wait

    def over(self) -> bool:
        """Whether the last line has been answered."""
        return self.ready(Cue("", "reply", wait=CURTAIN))
