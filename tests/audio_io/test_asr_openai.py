"""The openai recogniser against a small real server."""

import socket

import numpy as np
import pytest

from audio_io.asr.openai import OpenAIEngine, build
from audio_io.asr.protocol import AsrOptions
from evals.virtual_time import run_virtual
from graph.errors import Unavailable
from tests.audio_io.hearing import JFK, Heard, hear, speech
from tests.audio_io.transcription_server import Request, transcription_server

SECRET = "sk-very-secret"
SENTENCE = "and so my fellow americans ask not what your country can do for you".split()


def engine(url: str, **options) -> OpenAIEngine:
    return build(AsrOptions(base_url=url, api_key=SECRET, **options))


def by_length(request: Request) -> str:
    """Two words a second, as if they were understood."""
    return " ".join(SENTENCE[: len(request.samples) // 8000])


def heard_first_segment(asr: OpenAIEngine) -> Heard:
    """Kennedy's first segment; the clock stands still while a request is under way."""
    samples, rate = speech(JFK, 16000)
    heard = run_virtual(hear(asr, samples[:40000], rate, wait=0.5))
    asr.close()
    return heard


def test_the_segment_so_far_is_sent_and_its_words_come_as_partials():
    with transcription_server(by=by_length) as server:
        heard = heard_first_segment(engine(server.url, interval_seconds=0.3, model="base"))
    assert len(heard.partials) > 2
    assert heard.finals == [by_length(server.requests[-1])]
    assert heard.partials[-1].confirmed == len(heard.partials[-1].text)
    lengths = [len(request.samples) for request in server.requests]
    assert lengths == sorted(lengths)
    for request in server.requests:
        assert request.rate == 16000
        assert request.fields["model"] == "base"
        assert request.fields["language"] == "en"
        assert request.authorization == f"Bearer {SECRET}"
        assert np.array_equal(request.samples, server.requests[-1].samples[: len(request.samples)])


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (401, "set OPENAI_API_KEY"),
        (403, "set OPENAI_API_KEY"),
        (404, "asr.model and asr.base_url"),
        (429, "raise asr.interval_seconds"),
        (500, "status 500"),
        ("die", "cannot be reached"),
        ("torn", "cannot be reached"),
        ("html", "no transcription"),
        ("other", "no transcription"),
        ("hang", "asr.timeout_seconds"),
    ],
)
def test_a_failure_is_said_once_with_what_to_do_and_costs_the_words(answer, says, caplog):
    with transcription_server(answer) as server:
        heard = heard_first_segment(engine(server.url, timeout_seconds=0.3))
    assert heard.finals == [""]
    assert heard.failures >= 1
    assert says in caplog.text
    assert server.url in caplog.text
    assert SECRET not in caplog.text
    warnings = [line for line in caplog.records if line.name.startswith("audio_io")]
    assert len(warnings) == 1


def test_a_server_that_is_not_there_is_named(caplog):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        heard = heard_first_segment(engine(url))
    assert heard.finals == [""]
    assert f"{url}/: cannot be reached, or broke off: is the server running" in caplog.text


def test_words_known_before_the_server_fails_are_kept():
    with transcription_server("and so", "and so my", 500) as server:
        heard = heard_first_segment(engine(server.url, interval_seconds=0.3))
    assert heard.finals == ["and so my"]
    assert heard.failures >= 1


def test_a_server_that_recovers_is_used_again():
    with transcription_server(500, 500, "and so my fellow") as server:
        heard = heard_first_segment(engine(server.url, interval_seconds=0.3))
    assert heard.finals == ["and so my fellow"]
    assert heard.failures == 2


def test_openai_itself_needs_a_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(Unavailable, match="OPENAI_API_KEY"):
        build(AsrOptions())


def test_the_description_names_the_server_and_not_the_key():
    asr = engine("http://localhost:9/v1", model="base")
    assert asr.describe() == "openai: base at http://localhost:9/v1/"
    asr.close()
