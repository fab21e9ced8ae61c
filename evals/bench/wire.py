"""Over the wire: from a typed turn to its first byte of audio at a client in another process, with
the checkpointer on; and the memory of one more idle session."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from evals.bench.figure import Figure, Target, spread

TURNS, WARM_UP = 200, 20
BETWEEN_SECONDS = 0.15
"""Nobody types the next turn in the millisecond in which the agent falls silent."""
IDLE = 60
STARTS_WITHIN = 60.0


def measure() -> list[Figure]:
    """One server process; the client is this one."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "evals.bench.wire_server", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                return asyncio.run(_measure(int(server.stdout.readline()), server.pid))
            finally:
                server.terminate()


async def _measure(port: int, pid: int) -> list[Figure]:
    url = f"ws://127.0.0.1:{port}/ws"
    async with _joined(url) as socket:
        took = [await _turn(socket, number) for number in range(WARM_UP + TURNS)]
    target = Target(p50=5.0, p95=9.0)
    return [
        spread("typed turn to first audio byte, other process", "ms", took[WARM_UP:], target),
        await _idle(url, pid),
    ]


async def _turn(socket: ClientConnection, number: int) -> float:
    """Milliseconds to the first byte; the answer is then stopped and waited out."""
    begun = time.perf_counter()
    await socket.send(json.dumps({"type": "text", "text": f"What do you think of {number}?"}))
    while isinstance(await socket.recv(), str):
        pass
    took = 1000 * (time.perf_counter() - begun)
    await socket.send(json.dumps({"type": "stop"}))
    while True:
        message = await socket.recv()
        if isinstance(message, str) and json.loads(message)["type"] == "utterance_end":
            await asyncio.sleep(BETWEEN_SECONDS)
            return took


async def _idle(url: str, pid: int) -> Figure:
    async with AsyncExitStack() as sessions:
        for _ in range(IDLE // 3):  # what is made once for all is made by these
            await sessions.enter_async_context(_joined(url))
        before = _resident(pid)
        for _ in range(IDLE):
            await sessions.enter_async_context(_joined(url))
        await asyncio.sleep(0.5)
        each = (_resident(pid) - before) / IDLE
    return Figure("one more idle session", "MB", each, n=IDLE, target=Target(p50=2.0))


@asynccontextmanager
async def _joined(url: str) -> AsyncIterator[ClientConnection]:
    async with connect(url, compression=None, open_timeout=STARTS_WITHIN) as socket:
        await socket.send(json.dumps({"type": "hello", "version": 1, "rate": 16000}))
        while json.loads(await socket.recv())["type"] != "welcome":
            pass
        await socket.send(bytes(640))
        yield socket


def _resident(pid: int) -> float:
    """Megabytes of a process that are in memory (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1000
