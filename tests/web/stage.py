"""What the tests of the page have in common: a user's voice, a server that knows it, and a page."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn

from audio_io.pcm import EAR_RATE, Samples, read_audio, write_wav
from audio_io.tts.registry import load_tts
from evals.demo.actor import record
from evals.demo.scenes import Cue
from graph.settings import TtsSettings
from server.app import create_app
from server.hub import ServerOptions
from server.serve import build_engines
from server.websocket import uvicorn_config
from tests.server.serving import Served, services_in, settings_in, speech, until
from tests.web.browser import Browser
from tests.web.tab import Page

NO_PROCESSING = """
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (asked) => {
        const off = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
        return open({ audio: { ...asked.audio, ...off } });
    };
"""
"""A room that is not there has no echo and no noise: Chromium takes a synthetic voice for both, and
`replay` does not know it any more."""

TAP = """
    window.heard = [];
    const connect = AudioNode.prototype.connect;
    AudioNode.prototype.connect = function (target, ...rest) {
        if (target instanceof AudioDestinationNode) {
            const tap = this.context.createScriptProcessor(16384, 1, 1);
            tap.onaudioprocess = ({ inputBuffer }) =>
                heard.push(Int16Array.from(inputBuffer.getChannelData(0), (x) => x * 32768));
            connect.call(tap, target);
            connect.call(this, tap);
        }
        return connect.call(this, target, ...rest);
    };
    window.recorded = () => {
        const bytes = new Uint8Array(heard.flatMap((piece) => [...new Uint8Array(piece.buffer)]));
        let text = "";
        for (const byte of bytes) text += String.fromCharCode(byte);
        return btoa(text);
    };
"""
"""Records what goes to the loudspeaker: `recorded()` is PCM16 in base64."""

MS = 24
"""Samples of the agent's voice."""

JFK = "openai_whisper/jfk.flac"
MEETINGS = "No I meant the meetings, do you like meetings?"
INSULT = "You are such a useless and stupid piece of junk and you will never understand me."
LINES = ("Mhm.", MEETINGS, INSULT)
"""What the user can say by voice."""


@dataclass
class Stage:
    """A running server, a browser, and what the user says into its microphone."""

    served: Served
    browser: Browser
    lines: Path
    """What the ear knows."""
    microphone: Path
    sounds: dict[str, Samples]

    def say(self, *parts: str | float) -> None:
        """What the microphone gives when it is next turned on: known lines, seconds of silence."""
        pieces = [
            self.sounds[part] if isinstance(part, str) else _silence(part) for part in (*parts, 2.0)
        ]
        write_wav(self.microphone, np.concatenate(pieces), EAR_RATE)

    @asynccontextmanager
    async def page(self, *, before: str = NO_PROCESSING, **size: Any) -> AsyncIterator[Page]:
        """A new user's page, connected; in the end nothing may have gone wrong in it."""
        async with self.browser.page(self.served.http, before=before, **size) as page:
            await page.received("welcome")
            yield page
            assert page.problems == []


async def speak_lines(lines: Sequence[str], folder: Path) -> dict[str, Samples]:
    """Lines in another voice than the agents', with their words' times for `replay` in `folder`."""
    voice = load_tts(TtsSettings(engine="espeak"))
    sounds = await record([Cue(line, "reply") for line in lines], voice, folder)
    await voice.close()
    return dict(zip(lines, sounds, strict=True))


@asynccontextmanager
async def server_in(
    folder: Path,
    lines: Path,
    *,
    port: int = 0,
    options: ServerOptions = ServerOptions(),  # noqa: B008
    **given: Any,
) -> AsyncIterator[Served]:
    """The real server with espeak's voice, whose ear knows the lines. Port 0: a free one."""
    services = services_in(folder, **given)
    settings = settings_in(
        folder, asr={"engine": "replay", "replay": lines}, tts={"engine": "espeak"}
    )
    app = create_app(services, build_engines(settings), options)
    server = uvicorn.Server(uvicorn_config(app))
    with socket.create_server(("127.0.0.1", port)) as listener:
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await until(lambda: server.started or running.done())
            yield Served(listener.getsockname()[1], app.state.hub, server)
        finally:
            server.should_exit = True
            await running


def copy_jfk(folder: Path) -> None:
    """Kennedy's sentence with its words' times among the recordings; nothing without the data."""
    try:
        sound = speech(JFK)
        times = json.loads(speech("word_times.json").read_text(encoding="utf-8"))
    except pytest.skip.Exception:
        return
    write_wav(folder / "jfk.wav", *read_audio(sound))
    (folder / "jfk.json").write_text(json.dumps({"words": times[JFK]["words"]}))


def _silence(seconds: float) -> Samples:
    return np.zeros(round(EAR_RATE * seconds), dtype=np.int16)


async def type_turn(page: Page, text: str) -> None:
    await page.click("#line")
    await page.type(text)
    await page.enter()


async def choose(page: Page, persona: str) -> None:
    """As the list does when one is picked in it."""
    await page.evaluate(
        f"""document.getElementById("persona").value = "{persona}";
        document.getElementById("persona").dispatchEvent(new Event("change"))"""
    )
    await page.received("config")


async def bubbles(page: Page) -> list[tuple[str, str]]:
    """The conversation as it is shown: class and text of each bubble."""
    return [
        (kind, text)
        for kind, text in await page.evaluate(
            "[...document.querySelectorAll('#talk li')].map((li) => [li.className, li.innerText])"
        )
    ]


def played(page: Page) -> list[int]:
    """What the page reported of the first utterance, in ms."""
    return [m["ms"] for m in page.sent if m["type"] == "played" and m["utterance"] == 1]
