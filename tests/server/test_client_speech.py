"""A client that recognises speech itself: its messages become what the ear would have said."""

import pytest

from graph.errors import BadInput
from graph.events import Event, Partial, SpeechStarted, SpeechStopped
from server.client_speech import ClientSpeech
from server.protocol import client_messages as given


class Heard:
    """The speech of one client at a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1.0
        self.events: list[Event] = []
        self.onsets = 0
        self.speech = ClientSpeech(lambda: self.now, self.events.append, self._onset)

    def _onset(self) -> None:
        self.onsets += 1

    def partial(self, segment: int, text: str, final: bool = False) -> None:
        self.speech.partial(given.Partial(segment=segment, text=text, final=final))


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_the_first_words_start_a_segment_and_the_final_ones_end_it(heard):
    heard.partial(1, "hello")
    heard.now = 1.5
    heard.partial(1, "hello there", final=True)
    assert heard.events == [
        SpeechStarted(at=1.0, segment=1),
        Partial(at=1.0, segment=1, text="hello"),
        Partial(at=1.5, segment=1, text="hello there", final=True),
        SpeechStopped(at=1.5, segment=1),
    ]
    assert heard.onsets == 1


def test_a_client_that_says_when_the_voice_starts_also_says_when_it_stops(heard):
    heard.speech.started(given.SpeechStarted(segment=1))
    heard.partial(1, "hello", final=True)
    assert [event.type for event in heard.events] == ["speech_started", "partial"]
    heard.now = 2.0
    heard.speech.stopped(given.SpeechStopped(segment=1, silent_ms=250))
    assert heard.events[-1] == SpeechStopped(at=1.75, segment=1)


def test_a_new_segment_ends_one_that_was_left_open(heard):
    heard.speech.started(given.SpeechStarted(segment=1))
    heard.speech.started(given.SpeechStarted(segment=2))
    assert [event.type for event in heard.events] == [
        "speech_started", "speech_stopped", "speech_started"
    ]  # fmt: skip


def test_late_words_of_the_segment_before_are_taken(heard):
    heard.partial(1, "hello", final=True)
    heard.partial(2, "and")
    heard.partial(1, "hello you", final=True)
    assert [event.type for event in heard.events][-2:] == ["partial", "partial"]
    assert isinstance(heard.events[-1], Partial)
    assert heard.events[-1].segment == 1


def test_a_segment_that_is_long_over_is_refused(heard):
    heard.partial(3, "hello")
    with pytest.raises(BadInput, match="segment: is over; the newest is 3"):
        heard.partial(1, "what")
    with pytest.raises(BadInput, match="has begun already"):
        heard.speech.started(given.SpeechStarted(segment=3))


def test_silence_of_a_segment_that_does_not_sound_is_refused(heard):
    with pytest.raises(BadInput, match="does not sound"):
        heard.speech.stopped(given.SpeechStopped(segment=1))
    heard.partial(1, "hello", final=True)
    with pytest.raises(BadInput, match="does not sound"):
        heard.speech.stopped(given.SpeechStopped(segment=1))


def test_push_to_talk_ends_the_segment(heard):
    heard.partial(1, "hello")
    heard.speech.flush()
    heard.speech.flush()
    assert [event.type for event in heard.events][-1] == "speech_stopped"
    assert len(heard.events) == 3


def test_no_segment_stops_before_the_session_began(heard):
    heard.now = 0.1
    heard.speech.started(given.SpeechStarted(segment=1))
    heard.speech.stopped(given.SpeechStopped(segment=1, silent_ms=5000))
    assert heard.events[-1].at == 0.0
