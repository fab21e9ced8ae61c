"""A small real server with `/v1/audio/speech` that does, request by request, what a test asks."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Part = bytes | Literal["stall", "die"]


@dataclass(frozen=True)
class Reply:
    """An answer: its parts are sent as HTTP chunks, `die` breaks the connection."""

    parts: Sequence[Part] = ()
    status: int = 200
    kind: str = "audio/pcm"


@dataclass
class SpeechServer:
    url: str
    replies: list[Reply]
    """The next ones; the last is repeated."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hangups: int = 0
    """Clients that went away in mid-answer."""


@asynccontextmanager
async def speech_server(*replies: Reply) -> AsyncIterator[SpeechServer]:
    over = asyncio.Event()
    connections: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}
    state = SpeechServer("", list(replies))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections[asyncio.current_task()] = writer
        try:
            while request := await _request(reader):
                headers, body = request
                state.requests.append(body)
                state.headers.append(headers)
                reply = state.replies.pop(0) if len(state.replies) > 1 else state.replies[0]
                if not await _answer(writer, reply, over):
                    break
        except ConnectionError:
            state.hangups += 1
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield state
    finally:
        over.set()
        server.close()
        for writer in connections.values():
            writer.transport.abort()
        await asyncio.gather(*filter(None, connections), return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> tuple[dict[str, str], dict[str, Any]] | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    assert first.startswith("POST /v1/audio/speech ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return headers, json.loads(body)


async def _answer(writer: asyncio.StreamWriter, reply: Reply, over: asyncio.Event) -> bool:
    """Whether the connection may be used again."""
    writer.write(
        f"HTTP/1.1 {reply.status} Reason\r\nContent-Type: {reply.kind}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode()
    )
    for part in reply.parts:
        if isinstance(part, bytes):
            writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            await writer.drain()
        elif part == "stall":
            await over.wait()
        else:
            writer.transport.abort()
            return False
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


def speech(seconds: float = 0.3, rate: int = 24_000) -> bytes:
    """A rising tone as raw PCM."""
    time = np.arange(round(seconds * rate)) / rate
    wave = 6000 * np.sin(2 * np.pi * (200 + 300 * time) * time)
    return wave.astype("<i2").tobytes()
