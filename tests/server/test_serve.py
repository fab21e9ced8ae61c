"""`cleans2s serve` as a process: it says where it listens, and ends when it is told to."""

import asyncio
import signal
import socket
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from graph.errors import BadInput, Unavailable
from server.access import KEY_FILE
from server.app import create_app
from server.serve import serve
from tests.server.serving import HELLO, Client, services_in, settings_in

ROOT = Path(__file__).parents[2]


async def test_a_served_session_is_kept_when_the_process_is_told_to_end(tmp_path):
    command = "import sys; from server.cli import main; sys.exit(main())"
    flags = ["--port", "0", "--asr", "client", "--memory", "none", "--data-dir", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", command, "serve", *flags, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    told = []
    while "listens on" not in (line := (await process.stdout.readline()).decode()):
        assert line, "it ended before it listened"
        told.append(line.split(":")[0].strip())
    assert told == ["ear", "voice", "judge", "llm", "memory"]
    url = line.split("http://")[1].split()[0]
    async with connect(f"ws://{url}/ws", max_queue=None) as connection:
        one = Client(connection)
        await one.send(**HELLO)
        await one.next("welcome")
        process.send_signal(signal.SIGTERM)
        assert await one.closed() == 1012
    assert await process.wait() in (0, -signal.SIGTERM)
    assert (tmp_path / "checkpoints.sqlite").exists()


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = settings_in(tmp_path, server={"port": port})
        with pytest.raises(Unavailable, match=rf"127\.0\.0\.1:{port} cannot be listened on"):
            serve(settings)


def test_a_damaged_signing_key_is_told_before_anything_runs(tmp_path):
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(BadInput, match=KEY_FILE):
        create_app(services_in(tmp_path))
