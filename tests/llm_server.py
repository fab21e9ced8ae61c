"""A small real HTTP server that speaks OpenAI's chat completions, and fails on demand.

    with llm_server([says("Hello."), dies("Well, ")]) as server:
        settings = LLMSettings(model="test", base_url=server.url)
        ...
        assert server.requests[0].system == ...

A script is a list of answers, taken one a request, or a function from the request to its answer.
"""

import json
import math
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal


@dataclass(frozen=True)
class Answer:
    """What the server does with one request."""

    pieces: tuple[str, ...] = ()
    """Text deltas."""
    calls: tuple[tuple[str, str, str], ...] = ()
    """Tool calls as id, name, arguments; the arguments are sent in pieces of a few characters."""
    then: Literal["finish", "reset", "end", "stall", "garbage", "error", "linger"] = "finish"
    """Behind the pieces: finish properly; reset the connection; end the body without a finish; send
    nothing more; send what is no JSON; send an error object; finish but keep the stream open."""
    status: int = 200
    body: str = ""
    """The whole body where the status is not 200, or where it is no stream."""
    content_type: str = "text/event-stream"
    headers: dict[str, str] = field(default_factory=dict)
    gap: float = 0.0
    """Seconds before each piece."""
    empty_chunks: int = 0
    """Chunks without content before the first piece."""
    odds: tuple[Mapping[str, float], ...] = ()
    """For each piece the probabilities of what might stand there; sent as log probabilities to
    those who ask for them."""


def says(*pieces: str, gap: float = 0.0) -> Answer:
    """A reply; one text is cut into words, several are sent as they are."""
    cut = tuple(pieces[0].replace(" ", " \0").split("\0")) if len(pieces) == 1 else pieces
    return Answer(cut, gap=gap)


def calls(*requested: tuple[str, str, str], text: str = "") -> Answer:
    """Tool calls as id, name, arguments; the text, if any, comes before."""
    return replace(says(text) if text else Answer(), calls=requested)


def judges(*odds: Mapping[str, float], gap: float = 0.0) -> Answer:
    """A reply of the likeliest tokens, of which the server knows how likely each was."""
    return Answer(tuple(max(place, key=place.__getitem__) for place in odds), odds=odds, gap=gap)


def dies(*pieces: str) -> Answer:
    """Breaks the connection behind these pieces; without pieces, before it answers at all."""
    return Answer(pieces, then="reset")


def ends(*pieces: str) -> Answer:
    """Ends the body behind these pieces without having finished the reply."""
    return Answer(pieces, then="end")


def stalls(*pieces: str) -> Answer:
    """Sends nothing more behind these pieces, and keeps the connection."""
    return Answer(pieces, then="stall")


def garbage(*pieces: str) -> Answer:
    """Sends a line that is no JSON behind these pieces."""
    return Answer(pieces, then="garbage")


def refuses(status: int, message: str = "no", **headers: str) -> Answer:
    """An HTTP error, as OpenAI's servers write it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"error": {"message": message, "type": "test", "code": str(status)}})
    return Answer(status=status, body=body, content_type="application/json", headers=named)


def page(body: str = "<html><body>It works!</body></html>") -> Answer:
    """A web page with status 200: the URL is not that of a model server."""
    return Answer(body=body, content_type="text/html")


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The prompt."""
        messages: list[dict[str, Any]] = self.body["messages"]
        return messages

    @property
    def system(self) -> str:
        """The text of all system messages."""
        return "\n".join(m["content"] for m in self.messages if m["role"] == "system")


Script = Sequence[Answer] | Callable[[Request], Answer]


class LLMServer(ThreadingHTTPServer):
    """The server; `requests` holds what it was asked, `hung_up` counts clients that left early."""

    daemon_threads = True

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Request] = []
        self.hung_up = threading.Semaphore(0)
        """Released whenever a client leaves before its answer is complete."""
        self.closing = threading.Event()
        self._script = script
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def answer(self, request: Request) -> Answer:
        """The script's answer; past its end, an error that fails the test."""
        with self._lock:
            self.requests.append(request)
            if callable(self._script):
                return self._script(request)
            if len(self.requests) > len(self._script):
                return refuses(500, "the script of the test server is at its end")
            return self._script[len(self.requests) - 1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is what some tests are about."""


@contextmanager
def llm_server(script: Script) -> Iterator[LLMServer]:
    """Runs the server on a free port of this machine."""
    server = LLMServer(script)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LLMServer

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        request = Request(self.path, dict(self.headers.items()), json.loads(raw))
        answer = self.server.answer(request)
        if answer.then == "reset" and not answer.pieces:
            self._reset()
        elif answer.body:
            self._whole(answer)
        else:
            try:
                self._stream(answer, bool(request.body.get("logprobs")))
            except OSError:
                self.close_connection = True
                self.server.hung_up.release()

    def _whole(self, answer: Answer) -> None:
        data = answer.body.encode()
        self._head(answer, {"content-length": str(len(data)), **answer.headers})
        self.wfile.write(data)

    def _stream(self, answer: Answer, wants_odds: bool) -> None:
        self._head(answer, {"transfer-encoding": "chunked", **answer.headers})
        if answer.then != "stall" or answer.pieces:
            self._delta({"role": "assistant", "content": ""})
        for _ in range(answer.empty_chunks):
            self._wait(0.02)
            self._delta({"content": ""})
        for number, piece in enumerate(answer.pieces):
            self._wait(answer.gap)
            told = answer.odds[number] if wants_odds and answer.odds else None
            self._delta({"content": piece}, odds=told)
        self._calls(answer)
        match answer.then:
            case "finish" | "linger":
                self._delta({}, "tool_calls" if answer.calls else "stop")
                if answer.then == "linger":
                    self._wait(60)
                self._send("[DONE]")
                self._body_end()
            case "end":
                self._body_end()
            case "reset":
                self._reset()
            case "stall":
                self._wait(60)
            case "garbage":
                self._send('{"choices": [{"index": 0, "delta": {"conte')
                self._body_end()
            case "error":
                self._send(json.dumps({"error": {"message": "out of memory", "code": "500"}}))
                self._body_end()

    def _calls(self, answer: Answer) -> None:
        for index, (item, name, arguments) in enumerate(answer.calls):
            first = {"index": index, "id": item, "type": "function"}
            self._delta({"tool_calls": [{**first, "function": {"name": name, "arguments": ""}}]})
            for start in range(0, len(arguments), 5):
                part = {"arguments": arguments[start : start + 5]}
                self._delta({"tool_calls": [{"index": index, "function": part}]})

    def _delta(
        self,
        delta: dict[str, Any],
        finish: str | None = None,
        odds: Mapping[str, float] | None = None,
    ) -> None:
        choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": finish}
        if odds:
            told = [{"token": t, "logprob": math.log(p), "bytes": None} for t, p in odds.items()]
            (chosen,) = (one for one in told if one["token"] == delta["content"])
            choice["logprobs"] = {"content": [chosen | {"top_logprobs": told}], "refusal": None}
        chunk = {
            "id": "chatcmpl-test",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "test",
            "choices": [choice],
        }
        self._send(json.dumps(chunk))

    def _send(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        self.wfile.flush()

    def _body_end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _head(self, answer: Answer, headers: dict[str, str]) -> None:
        self.send_response(answer.status)
        self.send_header("content-type", answer.content_type)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _wait(self, seconds: float) -> None:
        """Waits, but no longer than the client or the test does."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.server.closing.is_set():
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.02))
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError("the client has left")

    def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps the test's output clean."""
