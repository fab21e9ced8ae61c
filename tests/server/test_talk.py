"""`cleans2s talk` against a running server: what it sends, prints, writes and returns."""

import argparse
import asyncio
import io
import json
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from audio_io.asr.recordings import load_recordings
from audio_io.asr.replay import ReplayEngine
from audio_io.clips import Clips
from audio_io.pcm import Samples, read_audio, resample
from audio_io.tts.tone import ToneEngine
from graph.errors import BadInput, Unavailable
from server.hub import Engines, ServerOptions
from server.protocol import server_messages as given
from server.talk import TalkOptions, add_arguments, options_of, talk, websocket_url
from server.talker import Manners
from tests.llm_server import Answer, Request, llm_server, says
from tests.server.serving import Served, services_in, serving, speech, until

one_server = pytest.mark.asyncio(loop_scope="module")

JFK = "openai_whisper/jfk.flac"
LAST_WORD = 10.46
"""Seconds into the recording at which "country" ends."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(tmp_path_factory):
    engine = ReplayEngine(load_recordings(speech("word_times.json").parent))
    engines = Engines(asr=engine, clips=Clips(ToneEngine()))
    async with serving(services_in(tmp_path_factory.mktemp("data")), engines) as running:
        yield running


async def said(served: Served, **options: Any) -> tuple[int, str, str]:
    """The exit code, and what was printed to stdout and stderr."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code = await asyncio.to_thread(talk, TalkOptions(url=served.http, **options), stdout, stderr)
    return code, stdout.getvalue(), stderr.getvalue()


def lines(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def of(messages: list[dict[str, Any]], type: str) -> list[dict[str, Any]]:
    return [message for message in messages if message["type"] == type]


@one_server
async def test_kennedy_is_heard_out_and_answered_once(served, tmp_path):
    wav = speech(JFK)
    code, stdout, _ = await said(served, wav=(wav,), json=True, out=tmp_path, tail=2.5)
    messages = lines(stdout)
    assert code == 0
    partials = [message for message in of(messages, "partial") if not message["final"]]
    assert len(partials) >= 15
    assert {round(message["at"]) for message in partials} >= {2, 4, 6, 7, 9, 10}
    [turn] = of(messages, "turn")
    assert turn["text"].startswith("and so my fellow americans ask not")
    assert turn["text"].endswith("ask what you can do for your country")
    [utterance], [end] = of(messages, "utterance"), of(messages, "utterance_end")
    assert utterance["behaviour"] == "reply"
    assert utterance["at"] > LAST_WORD
    assert end["reason"] == "finished"
    sound = sum(frame["bytes"] for frame in of(messages, "audio"))
    assert sound > 0

    left, right = _channels(tmp_path / "conversation.wav")
    samples, rate = read_audio(wav)
    original = resample(samples, rate, 24_000)
    assert np.array_equal(left[: len(original)], original)
    assert not right[: round(LAST_WORD * 24_000)].any()
    [file] = tmp_path.glob("001-reply.wav")
    heard, _ = read_audio(file)
    assert len(heard) == sound // 2
    start = int(np.flatnonzero(right)[0])
    first = int(np.flatnonzero(heard)[0])
    assert np.array_equal(right[start : start + 1000], heard[first : first + 1000])


@one_server
async def test_a_second_recording_cuts_into_the_answer_to_the_first(tmp_path):
    clubs, fives = speech("pocketsphinx/cards/001.wav"), speech("pocketsphinx/cards/004.wav")
    engine = ReplayEngine(load_recordings(clubs.parents[2]))
    engines = Engines(asr=engine, clips=Clips(ToneEngine()))

    def answer(request: Request) -> Answer:
        first = sum(message["role"] == "user" for message in request.messages) == 1
        return says("This goes on and on, one word behind the other. " * 4 if first else "Fine.")

    with llm_server(answer) as server:
        services = services_in(tmp_path / "data", llm={"model": "test", "base_url": server.url})
        async with serving(services, engines) as served:
            code, stdout, _ = await said(
                served, wav=(clubs, fives), json=True, out=tmp_path, gap=2.5, tail=0.5
            )
    messages = lines(stdout)
    assert code == 0
    first, *_ = of(messages, "utterance_end")
    assert first["reason"] == "cut"
    assert of(messages, "pause")
    assert of(messages, "flush")[0]["id"] == first["id"]
    assert of(messages, "turn")[0]["text"] == "ten of clubs"
    heard, _ = read_audio(next(tmp_path.glob("001-*.wav")))
    sent = sum(frame["bytes"] for frame in of(messages, "audio") if frame["utterance"] == 1)
    assert 0 < len(heard) <= sent // 2


@one_server
async def test_lines_are_typed_one_after_the_other(served):
    code, stdout, _ = await said(served, text=("hello there", "how are you?"), json=True, tail=0.5)
    messages = lines(stdout)
    assert code == 0
    told = [m["type"] for m in messages if m["type"] in ("turn", "utterance", "utterance_end")]
    assert told == ["turn", "utterance", "utterance_end"] * 2
    assert not of(messages, "audio")


@one_server
async def test_people_read_a_conversation(served, tmp_path):
    code, stdout, _ = await said(
        served, text=("hello there",), persona="max", name="Ann", tail=0.5, out=tmp_path
    )
    assert code == 0
    assert "you: hello there" in stdout
    assert "reply: " in stdout
    left, right = _channels(tmp_path / "conversation.wav")
    assert not left.any()
    assert right.any()


@one_server
async def test_a_session_is_gone_on_with(served):
    _, stdout, _ = await said(served, text=("hello there",), json=True, tail=0.5)
    welcome = lines(stdout)[0]
    await until(lambda: not served.hub.sessions)
    again = {"identity": welcome["identity"], "resume": welcome["session"]}
    _, stdout, _ = await said(served, text=("hello again",), json=True, tail=0.5, **again)
    assert lines(stdout)[0]["resume"]
    assert len(lines(stdout)[0]["history"]) == 2


@one_server
async def test_a_server_that_refuses_is_quoted(tmp_path):
    options = ServerOptions(api_keys=("alpha",))
    async with serving(services_in(tmp_path), options=options) as locked:
        code, _, stderr = await said(locked, text=("hello",))
        assert code == 1
        assert "the server refuses: key: missing; this server asks for one" in stderr
        code, _, _ = await said(locked, text=("hello",), key="alpha", tail=0.3)
        assert code == 0


@one_server
async def test_a_server_that_goes_away_is_told(tmp_path):
    async with serving(services_in(tmp_path)) as short:
        talking = asyncio.create_task(said(short, text=("hello",), tail=30.0))
        await until(lambda: bool(short.hub.sessions))
    code, _, stderr = await talking
    assert code == 1
    assert "the server has gone away" in stderr


def test_without_a_server_it_says_how_to_start_one():
    stderr = io.StringIO()
    code = talk(TalkOptions(url="127.0.0.1:9", text=("hello",)), io.StringIO(), stderr)
    assert code == 1
    assert "no server at ws://127.0.0.1:9/ws" in stderr.getvalue()
    assert "cleans2s serve" in stderr.getvalue()


def test_a_recording_that_is_not_there_is_named(tmp_path):
    stderr = io.StringIO()
    code = talk(TalkOptions(wav=(tmp_path / "no.wav",)), io.StringIO(), stderr)
    assert code == 1
    assert "no.wav" in stderr.getvalue()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8765", "ws://127.0.0.1:8765/ws"),
        ("127.0.0.1:8765", "ws://127.0.0.1:8765/ws"),
        ("https://agent.example/", "wss://agent.example/ws"),
        ("ws://host/other/ws?x=1", "ws://host/other/ws?x=1"),
    ],
)
def test_the_servers_address_is_understood_as_people_write_it(url, expected):
    assert websocket_url(url) == expected


@pytest.mark.parametrize("url", ["", "ftp://host", "http://", "8765"])
def test_what_is_no_address_is_refused(url):
    if url == "8765":
        assert websocket_url(url) == "ws://8765/ws"
        return
    with pytest.raises(BadInput, match="--url"):
        websocket_url(url)


def parsed(*flags: str) -> TalkOptions:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return options_of(parser.parse_args(flags))


def test_flags_become_options():
    options = parsed("--wav", "a.wav", "b.wav", "--json", "--out", "x", "--gap", "0.5")
    assert options == TalkOptions(
        wav=(Path("a.wav"), Path("b.wav")), json=True, out=Path("x"), gap=0.5
    )


@pytest.mark.parametrize(
    "flags", [("--text", " "), ("--text", "x", "--gap", "-1"), ("--text", "x", "--tail", "1e9")]
)
def test_a_wrong_flag_is_named(flags):
    with pytest.raises(BadInput, match=flags[-2]):
        parsed(*flags)


def test_the_ways_to_speak_exclude_each_other(capsys):
    with pytest.raises(SystemExit):
        parsed("--text", "x", "--mic")
    assert "not allowed with" in capsys.readouterr().err


# When to speak


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_next_turn_waits_for_the_end_of_the_answer():
    clock = Clock()
    manners = Manners(None, 3.0, clock)
    manners.said()
    manners.notice(given.Utterance(at=0, id=1, behaviour="reply", turn="t1"))
    clock.now = 20.0
    assert not manners.may_go_on(last=False)
    manners.notice(given.UtteranceEnd(at=0, id=1, heard="", reason="finished"))
    clock.now = 20.5
    assert not manners.may_go_on(last=False)
    clock.now = 20.7
    assert manners.may_go_on(last=False)
    assert not manners.may_go_on(last=True)
    clock.now = 23.1
    assert manners.may_go_on(last=True)


def test_no_answer_is_waited_for_only_so_long():
    clock = Clock()
    manners = Manners(None, 3.0, clock)
    manners.said()
    clock.now = 2.9
    assert not manners.may_go_on(last=False)
    clock.now = 3.0
    assert manners.may_go_on(last=False)


def test_a_fixed_gap_waits_for_nobody():
    clock = Clock()
    manners = Manners(0.5, 3.0, clock)
    manners.said()
    manners.notice(given.Utterance(at=0, id=1, behaviour="reply", turn="t1"))
    clock.now = 0.5
    assert manners.may_go_on(last=False)
    assert not manners.may_go_on(last=True)


def test_an_agent_that_never_speaks_though_it_has_the_floor_is_given_up():
    clock = Clock()
    manners = Manners(None, 3.0, clock)
    manners.notice(given.Floor(at=0, floor="agent"))
    clock.now = 31.0
    with pytest.raises(Unavailable, match="has the floor"):
        manners.may_go_on(last=True)


# The microphone


def test_without_the_library_the_microphone_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    stderr = io.StringIO()
    assert talk(TalkOptions(mic=True), io.StringIO(), stderr) == 1
    assert "pip install sounddevice" in stderr.getvalue()


class SoundCard(types.ModuleType):
    """The library sounddevice with a card that hears a recording and keeps what it plays."""

    class PortAudioError(Exception):
        """Of the library."""

    def __init__(self, heard: Samples) -> None:
        super().__init__("sounddevice")
        self.heard, self.played = heard.tobytes(), bytearray()
        self._stop = threading.Event()

    def check_input_settings(self, **settings: object) -> None:
        """It can do everything."""

    check_output_settings = check_input_settings

    def RawStream(self, **settings: Any) -> "SoundCard":
        self._settings = settings
        return self

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        frames, at = self._settings["blocksize"], 0
        while not self._stop.wait(frames / self._settings["samplerate"]):
            sound = self.heard[at : at + 2 * frames].ljust(2 * frames, b"\0")
            at, out = at + 2 * frames, bytearray(2 * frames)
            self._settings["callback"](sound, out, frames, time.monotonic(), None)
            self.played += out


@one_server
async def test_the_microphone_is_heard_and_the_answer_sounds(served, monkeypatch):
    from server.talk import _talk

    samples, rate = read_audio(speech("pocketsphinx/cards/001.wav"))
    card = SoundCard(resample(samples, rate, 24_000))
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    stdout = io.StringIO()
    talking = asyncio.create_task(_talk(TalkOptions(url=served.http, mic=True, json=True), stdout))
    await until(lambda: any(card.played) or talking.done(), 15.0)
    talking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await talking
    messages = lines(stdout.getvalue())
    assert of(messages, "turn")[0]["text"] == "ten of clubs"
    await until(lambda: not served.hub.sessions)


def _channels(path: Path) -> tuple[Samples, Samples]:
    import wave

    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 24_000)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return both[:, 0], both[:, 1]
