"""The voice's output to a client over the native protocol, with sound or in writing."""

from collections.abc import Callable

from audio_io.output import Ending
from graph.events import Event, UtteranceEnded
from graph.state import Utterance
from server.outbox import Outbox
from server.protocol import server_messages as out
from server.text_voice import TextVoice


class WireOutput:
    """Turns what the voice does into messages; an `audio_io.output.Output`."""

    def __init__(self, outbox: Outbox, now: Callable[[], float]) -> None:
        """`now`: the session's clock."""
        self._outbox = outbox
        self._now = now
        self._numbers: dict[str, int] = {}

    def number_of(self, utterance: str) -> int:
        """The number of the newest utterances by id; 0 for one that is long gone."""
        return self._numbers.get(utterance, 0)

    def begin(self, number: int, utterance: Utterance) -> None:
        """As `Output.begin`."""
        self._numbers = {**dict(list(self._numbers.items())[-1:]), utterance.id: number}
        self._outbox.send(
            out.Utterance(
                at=self._now(), id=number, behaviour=utterance.behaviour, turn=utterance.turn
            )
        )

    def text(self, number: int, delta: str) -> None:
        """As `Output.text`."""
        self._outbox.send(out.Text(id=number, delta=delta))

    def audio(self, number: int, offset_ms: int, pcm: bytes) -> None:
        """As `Output.audio`."""
        self._outbox.audio(number, offset_ms, pcm)

    def pause(self, number: int) -> None:
        """As `Output.pause`."""
        self._outbox.send(out.Pause(at=self._now(), id=number))

    def resume(self, number: int, from_ms: int) -> None:
        """As `Output.resume`."""
        self._outbox.send(out.Resume(at=self._now(), id=number, from_ms=from_ms))

    def flush(self, number: int) -> None:
        """As `Output.flush`; audio that has not left is not sent any more."""
        self._outbox.drop_audio(number)
        self._outbox.send(out.Flush(at=self._now(), id=number))

    def end(self, number: int, heard: str, reason: Ending) -> None:
        """As `Output.end`."""
        self._outbox.send(out.UtteranceEnd(at=self._now(), id=number, heard=heard, reason=reason))


def written_voice(
    now: Callable[[], float],
    post: Callable[[Event], None],
    output: WireOutput,
    trouble: Callable[[], str],
) -> TextVoice:
    """A voice for a client that wants text only: it puts out the text at once."""
    begun = 0

    def show(utterance: Utterance, text: str) -> None:
        nonlocal begun
        if not output.number_of(utterance.id):
            begun += 1
            output.begin(begun, utterance)
        output.text(output.number_of(utterance.id), text)

    def posted(event: Event) -> None:
        post(event)
        if isinstance(event, UtteranceEnded) and (number := output.number_of(event.utterance)):
            output.end(number, event.heard, event.reason)

    return TextVoice(now, posted, show=show, trouble=trouble)
