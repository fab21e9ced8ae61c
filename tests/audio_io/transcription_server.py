"""A small real server with `/v1/audio/transcriptions` that does what a test asks."""

import email.parser
import email.policy
import io
import json
import socket
import threading
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import numpy as np

from audio_io.pcm import Samples

Answer = str | int | Literal["hang", "die", "html", "torn", "other"]
"""Words, a status code, or a way to fail."""


@dataclass
class Request:
    fields: dict[str, str]
    samples: Samples
    rate: int
    authorization: str


@dataclass
class TranscriptionServer:
    url: str
    answers: Callable[[Request], Answer]
    requests: list[Request] = field(default_factory=list)


@contextmanager
def transcription_server(
    *answers: Answer, by: Callable[[Request], Answer] | None = None
) -> Iterator[TranscriptionServer]:
    """Gives the answers in turn, the last one again and again; or what `by` says."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    state = TranscriptionServer(
        f"http://127.0.0.1:{server.server_port}/v1", by or _in_turn(answers)
    )
    server.state = state  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _in_turn(answers: Sequence[Answer]) -> Callable[[Request], Answer]:
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/v1/audio/transcriptions":
            self._send(404, b"{}")
            return
        request = _request(self.headers["Content-Type"], body, self.headers["Authorization"])
        state: TranscriptionServer = self.server.state  # type: ignore[attr-defined]
        state.requests.append(request)
        answer = state.answers(request)
        if answer == "hang":
            time.sleep(1.5)
        elif answer == "die":
            self._hang_up()
        elif answer == "torn":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b'{"text": "half a')
            self._hang_up()
        elif answer == "html":
            self._send(200, b"<html>Welcome to nginx!</html>", "text/html")
        elif answer == "other":
            self._send(200, b'{"words": 3}')
        elif isinstance(answer, int):
            self._send(answer, json.dumps({"error": {"message": "no"}}).encode())
        else:
            self._send(200, json.dumps({"text": f" {answer}"}).encode())

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return None


def _request(kind: str, body: bytes, authorization: str) -> Request:
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    form = parser.parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    fields: dict[str, str] = {}
    samples, rate = np.zeros(0, dtype=np.int16), 0
    for part in form.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        assert isinstance(name, str)
        if name == "file":
            with wave.open(io.BytesIO(content)) as file:
                assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
                rate = file.getframerate()
                samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        else:
            fields[name] = content.decode()
    return Request(fields, samples, rate, authorization)
