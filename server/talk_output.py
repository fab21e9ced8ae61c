"""What `cleans2s talk` leaves behind: lines on the terminal, and sound in a folder."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
from rich.console import Console
from rich.markup import escape

from audio_io.pcm import resample, write_wav
from graph.errors import Unavailable
from server.player import Track
from server.protocol import server_messages as given
from server.protocol.native import AudioFrame
from server.protocol.server_messages import FromServer
from server.protocol.wire import OUTPUT_RATE


class Printer:
    """Prints a conversation: for people, or every message as it came."""

    def __init__(self, stdout: TextIO, raw: bool) -> None:
        """`raw`: one JSON object a line, sound as `{"type": "audio", ...}` without its samples."""
        self._stdout, self._raw = stdout, raw
        self._console = Console(file=stdout, highlight=False, soft_wrap=True)
        self._agent = "agent"
        self._judged = ""

    def message(self, content: str) -> None:
        """A message as it came."""
        if self._raw:
            self._line(content)

    def audio(self, frame: AudioFrame) -> None:
        """A piece of sound."""
        if self._raw:
            told = {"utterance": frame.utterance, "offset_ms": frame.offset_ms}
            self._line(json.dumps({"type": "audio", **told, "bytes": len(frame.pcm)}))

    def show(self, message: FromServer) -> None:
        """A message as people read it."""
        if self._raw:
            return
        match message:
            case given.Welcome():
                self._name(message)
                self._print(f"[dim]session {message.session}[/]")
            case given.Partial(final=False, text=text) if text:
                self._print(f"[dim]  … {escape(text)}[/]")
            case given.Turn(text=text):
                self._print(f"[bold]you:[/] {escape(text)}")
            case given.Judgement(action=action, reason=reason):
                self._judgement(action, reason, message.confidence)
            case given.UtteranceEnd(heard=heard, reason=reason):
                how = "" if reason == "finished" else f" [yellow]({reason})[/]"
                self._print(f"[bold]{escape(self._agent)}:[/] {escape(heard)}{how}")
            case given.Blocked(until=until, reason=reason):
                end = time.strftime("%H:%M:%S", time.localtime(until))
                self._print(f"[yellow]the chat is closed until {end}: {escape(reason)}[/]")
            case given.ToolCall(name=name, arguments=arguments):
                self._print(f"[yellow]tool {escape(name)} {escape(arguments)}: nobody runs it[/]")
            case given.Error(code=code, message=text):
                self._print(f"[red]{code}: {escape(text)}[/]")

    def _name(self, welcome: given.Welcome) -> None:
        for persona in welcome.personas:
            if persona.id == welcome.config.persona:
                self._agent = persona.name

    def _judgement(self, action: str, reason: str, confidence: float) -> None:
        told = f"{action.replace('_', ' ')}: {reason}"
        if told != self._judged:
            self._judged = told
            self._print(f"[dim]  {confidence:.2f} {escape(told)}[/]")

    def _print(self, text: str) -> None:
        self._console.print(text)

    def _line(self, text: str) -> None:
        self._stdout.write(text + "\n")
        self._stdout.flush()


class Recording:
    """The conversation as both sides heard it, in real time: the user left, the agent right."""

    def __init__(self, rate: int) -> None:
        """`rate` of the user's sound in Hz; 0: the user types."""
        self._rate = rate
        self._user = bytearray()
        self._agent = bytearray()
        self._names: dict[int, str] = {}

    def name(self, utterance: int, behaviour: str) -> None:
        """What an utterance does; its file is called after it."""
        self._names[utterance] = behaviour

    def add(self, item: bytes | str | None, played: bytes) -> None:
        """One tick: what the user sent, and what sounded."""
        if isinstance(item, bytes):
            self._user += item
        self._agent += played

    def write(self, folder: Path, tracks: Sequence[Track]) -> None:
        """`conversation.wav`, and one file an utterance with what was heard of it.

        Raises `Unavailable` where the folder cannot be written.
        """
        user, agent = np.frombuffer(self._user, "<i2"), np.frombuffer(self._agent, "<i2")
        if self._rate:
            user = resample(user.astype(np.int16), self._rate, OUTPUT_RATE)
        both = np.zeros((max(len(user), len(agent)), 2), dtype=np.int16)
        both[: len(user), 0], both[: len(agent), 1] = user, agent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_wav(folder / "conversation.wav", both, OUTPUT_RATE)
            for track in tracks:
                name = f"{track.number:03d}-{self._names.get(track.number, 'unknown')}.wav"
                heard = np.frombuffer(track.heard, "<i2").astype(np.int16)
                write_wav(folder / name, heard, OUTPUT_RATE)
        except OSError as error:
            raise Unavailable(f"{folder} cannot be written: {error.strerror}") from error
