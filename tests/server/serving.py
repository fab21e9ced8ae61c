"""A whole server on a port of its own, and clients that talk to it over real websockets."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from graph.services import Services, build_services
from graph.settings import Settings, load_settings
from nodes.compose import Composer
from server.app import create_app
from server.hub import Engines, Hub, ServerOptions
from server.protocol.native import AudioFrame, unpack_audio
from server.websocket import uvicorn_config

Message = dict[str, Any]

HELLO: Message = {"type": "hello", "version": 1, "rate": 0, "audio": False}


def settings_in(folder: Path, **given: Any) -> Settings:
    return load_settings(**{"data_dir": folder, "memory": {"backend": "none"}, **given})


def services_in(folder: Path, **given: Any) -> Services:
    """Real services; without the embedder, whose loading would be most of a test's time."""
    services = build_services(settings_in(folder, **given))
    if services.settings.llm.model:
        return services
    return replace(
        services, composer=Composer(services.personas, None, services.settings.llm, None)
    )


def speech(name: str) -> Path:
    """A file of the data folder's `speech`; skips the test where it is missing."""
    root = Path(__file__).parents[2]
    folder = root / os.environ.get("CLEANS2S_DATA", "../shared/data") / "speech"
    if not (folder / name).exists():
        pytest.skip(f"needs {name} in {folder} (CLEANS2S_DATA)")
    return folder / name


@dataclass
class Served:
    """A running server."""

    port: int
    hub: Hub
    server: uvicorn.Server

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(
    services: Services,
    engines: Engines = Engines(),  # noqa: B008
    options: ServerOptions = ServerOptions(),  # noqa: B008
) -> AsyncIterator[Served]:
    app = create_app(services, engines, options)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn_config(app))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await until(lambda: server.started or running.done())
        if running.done():
            running.result()
        yield Served(listener.getsockname()[1], app.state.hub, server)
    finally:
        server.should_exit = True
        await running


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Waits for something that this process does but tells nobody."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@dataclass
class Client:
    """A client that keeps all it gets."""

    socket: ClientConnection
    messages: list[Message] = field(default_factory=list)
    frames: list[AudioFrame] = field(default_factory=list)

    async def send(self, type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def sound(self, pcm: bytes) -> None:
        await self.socket.send(pcm)

    async def next(self, type: str | None = None, seconds: float = 10.0, **fields: Any) -> Message:
        """The next message of this type with these fields; those before it are kept as well."""
        async with asyncio.timeout(seconds):
            while True:
                message = await self._receive()
                if (
                    message
                    and type in (None, message["type"])
                    and fields.items() <= message.items()
                ):
                    return message

    async def audio(self, ms: int, seconds: float = 10.0) -> None:
        """Reads on until so much sound has come."""
        async with asyncio.timeout(seconds):
            while sum(len(frame.pcm) for frame in self.frames) < ms * 48:
                await self._receive()

    async def _receive(self) -> Message | None:
        content = await self.socket.recv()
        if isinstance(content, bytes):
            self.frames.append(unpack_audio(content))
            return None
        message: Message = json.loads(content)
        self.messages.append(message)
        return message

    async def closed(self, seconds: float = 10.0) -> int:
        """Reads to the end; the close code."""
        try:
            while True:
                await self.next(seconds=seconds)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006

    def of(self, type: str) -> list[Message]:
        """The messages of a type that have been read."""
        return [message for message in self.messages if message["type"] == type]


@asynccontextmanager
async def client(
    served: Served, hello: Message | None = None, **given: Any
) -> AsyncIterator[Client]:
    """A client that has said hello, if it is given one."""
    async with connect(served.url, compression=None, max_queue=None, **given) as socket:
        one = Client(socket)
        if hello is not None:
            await socket.send(json.dumps(hello))
        yield one


@asynccontextmanager
async def guest(served: Served, **fields: Any) -> AsyncIterator[Client]:
    """A client that types, and has been welcomed."""
    async with client(served, {**HELLO, **fields}) as one:
        await one.next("welcome")
        yield one
