"""faster-whisper with a tiny model of our own, and what happens where no model can be had."""

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from audio_io.asr import auto
from audio_io.asr.pocketsphinx import PocketsphinxEngine
from audio_io.asr.protocol import AsrOptions
from audio_io.asr.whisper import WhisperEngine, build
from audio_io.asr.whisper_model import find_model
from evals.virtual_time import run_virtual
from graph.errors import BadInput, Unavailable
from tests.audio_io.hearing import JFK, hear, speech
from tests.audio_io.model_hub import ModelHub, model_hub
from tests.audio_io.tiny_whisper import write_tiny_whisper

SENTENCE = "and so my fellow americans"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_whisper(tmp_path_factory.mktemp("whisper"), SENTENCE)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A hub that nobody serves, and an empty cache."""
    from huggingface_hub import constants

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        yield url


def test_the_model_transcribes_the_segment_so_far_and_agreement_confirms(model):
    asr = build(AsrOptions(model=str(model), interval_seconds=0.4, threads=1))
    samples, rate = speech(JFK, 16000)
    heard = run_virtual(hear(asr, samples[:40000], rate))
    assert heard.finals == [SENTENCE]
    assert [event.confirmed for event in heard.partials] == [0, len(SENTENCE), len(SENTENCE)]
    assert heard.partials[1].at < heard.stopped[0].at
    assert heard.failures == 0
    asr.close()


def test_a_language_the_model_does_not_know_and_words_before_are_no_trouble(model):
    asr = build(AsrOptions(model=str(model)))
    sound = np.zeros(16000, dtype=np.int16)
    assert asr.transcribe(sound, "en-US", "") == SENTENCE
    assert asr.transcribe(sound, "xx", "words " * 100).split() <= SENTENCE.split()
    asr.close()


def test_a_size_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(BadInput, match=r"asr\.model: .*tiny.*\(got 'enormous'\)"):
        build(AsrOptions(model="enormous"))


def test_a_device_that_does_not_exist_is_named(model):
    with pytest.raises(BadInput, match=r"asr\.device: "):
        build(AsrOptions(model=str(model), device="abacus"))


def test_a_folder_that_holds_no_model_is_named(tmp_path):
    with pytest.raises(Unavailable, match=str(tmp_path)):
        build(AsrOptions(model=str(tmp_path)))


def test_a_hub_that_refuses_gives_an_error_that_says_what_to_do(hub):
    with pytest.raises(Unavailable) as raised:
        build(AsrOptions(model="tiny"))
    message = str(raised.value)
    assert f"{hub} cannot be reached" in message
    assert "hf download Systran/faster-whisper-tiny" in message
    assert "asr.model" in message


def test_a_hub_that_never_answers_is_given_up(hub, monkeypatch):
    from huggingface_hub import constants

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(Unavailable, match=r"no answer within 0\.2 s|cannot be reached"):
            find_model("tiny", 0.2)


TRANSCRIBE = """
import logging, sys
import numpy as np
from audio_io.asr.protocol import AsrOptions
from audio_io.asr.whisper import build
from graph.errors import Unavailable
logging.basicConfig()
try:
    print(build(AsrOptions(model="me/model")).transcribe(np.zeros(16000, dtype=np.int16), "en", ""))
except Unavailable as error:
    print("Unavailable:", error)
"""


def transcribed(hub: ModelHub, home: Path) -> subprocess.CompletedProcess[str]:
    """Runs in a process of its own: the hub's client reads its address once, when imported."""
    settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    return subprocess.run(
        [sys.executable, "-c", TRANSCRIBE],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_a_model_is_downloaded_once_with_a_progress_bar(model, tmp_path):
    with model_hub(model) as hub:
        done = transcribed(hub, tmp_path)
        assert done.stdout.strip() == SENTENCE
        assert f"downloading the whisper model me/model from {hub.url}" in done.stderr
        assert "100%" in done.stderr
        asked = len(hub.paths)
        again = transcribed(hub, tmp_path)
        assert again.stdout.strip() == SENTENCE
        assert len(hub.paths) == asked


def test_a_download_that_is_refused_is_said_and_can_be_tried_again(model, tmp_path):
    with model_hub(model, broken=True) as hub:
        done = transcribed(hub, tmp_path)
        assert f"Unavailable: the whisper model me/model cannot be downloaded from {hub.url}" in (
            done.stdout
        )
        assert "hf download me/model" in done.stdout
        hub.broken = False
        assert transcribed(hub, tmp_path).stdout.strip() == SENTENCE


@contextlib.contextmanager
def answering(status: str) -> Iterator[str]:
    """A hub that answers one request with a status and no more."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def test_a_hub_without_the_model_is_named(hub, monkeypatch):
    from huggingface_hub import constants

    with answering("404 Not Found") as url:
        monkeypatch.setattr(constants, "ENDPOINT", url)
        with pytest.raises(Unavailable, match=r"api/models/me/my-model answers 404"):
            find_model("me/my-model", 5.0)


def test_where_the_hub_is_switched_off_nothing_is_asked(hub, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Unavailable, match="HF_HUB_OFFLINE"):
        find_model("base", 5.0)


def test_auto_takes_whisper_where_its_model_is_here(model, caplog):
    caplog.set_level(logging.INFO, "audio_io")
    asr = auto.build(AsrOptions(model=str(model)))
    assert isinstance(asr, WhisperEngine)
    assert f"speech recognition: whisper: {model}, cpu" in caplog.text
    asr.close()


def test_auto_takes_pocketsphinx_elsewhere_and_says_how_to_get_better(hub, caplog):
    asr = auto.build(AsrOptions(processes=1))
    assert isinstance(asr, PocketsphinxEngine)
    records = [record for record in caplog.records if record.name.startswith("audio_io")]
    assert len(records) == 1
    assert "pocketsphinx" in records[0].getMessage()
    assert "hf download Systran/faster-whisper-base" in records[0].getMessage()
    asr.close()
