"""A small real model hub: the part of the Hugging Face HTTP interface that a download uses."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "a" * 40


@dataclass
class ModelHub:
    url: str
    model: Path
    broken: bool
    """model.bin cannot be had."""
    paths: list[str] = field(default_factory=list)


@contextmanager
def model_hub(model: Path, broken: bool = False) -> Iterator[ModelHub]:
    """Serves one folder as every model."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    hub = ModelHub(f"http://127.0.0.1:{server.server_port}", model, broken)
    server.hub = hub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub: ModelHub = self.server.hub  # type: ignore[attr-defined]
        path = self.path.split("?")[0]
        hub.paths.append(path)
        files = {file.name: file.read_bytes() for file in hub.model.iterdir()}
        name = path.rsplit("/", 1)[1]
        if "/resolve/" in path and name in files:
            if hub.broken and name == "model.bin" and self.command == "GET":
                self._send(403, b"")
                return
            tag = f'"{_hash(files[name])}"'
            self._send(200, files[name], {"ETag": tag, "X-Repo-Commit": COMMIT})
        elif "/tree/" in path:
            self._send_json(
                [
                    {"type": "file", "path": name, "size": len(data), "oid": _hash(data)}
                    for name, data in files.items()
                ]
            )
        elif path.startswith("/api/models/"):
            siblings = [{"rfilename": name} for name in files]
            self._send_json({"id": "me/model", "sha": COMMIT, "siblings": siblings})
        else:
            self._send(404, b"")

    def _send_json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return None


def _hash(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()
