"""Bad input on the wire: it gets an error or a clean close, and nobody else notices."""

import asyncio
import json
import socket
from contextlib import suppress

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from graph.errors import BadInput
from server.hub import ServerOptions
from server.protocol.native import parse_client, unpack_audio
from tests.server.serving import HELLO, Served, client, guest, services_in, serving, until

one_server = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(tmp_path_factory):
    options = ServerOptions(hello_seconds=0.5)
    folder = tmp_path_factory.mktemp("data")
    async with serving(services_in(folder), options=options) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def bystander(served):
    """Another session, which must not notice anything."""
    async with guest(served) as one:
        yield one
        await one.send("text", text="hello there")
        await one.next("utterance_end")
        assert not one.of("error")


@one_server
@pytest.mark.parametrize(
    ("first", "code", "field"),
    [
        ("{", "bad_message", "message"),
        ("", "bad_message", "message"),
        ("[1]", "bad_message", "message"),
        ('{"type": "hallo"}', "bad_message", "type"),
        ('{"rate": 16000}', "bad_message", "type"),
        ('{"type": "text", "text": "hi"}', "hello_expected", "type"),
        ('{"type": "hello", "rate": 0}', "bad_message", "version"),
        ('{"type": "hello", "version": 1}', "bad_message", "rate"),
        ('{"type": "hello", "version": 2, "rate": 0}', "bad_version", "version"),
        ('{"type": "hello", "version": 2, "tempo": "new"}', "bad_version", "version"),
        ('{"type": "hello", "version": 1, "rate": 7}', "bad_message", "rate"),
        ('{"type": "hello", "version": 1, "rate": 96000}', "bad_message", "rate"),
        ('{"type": "hello", "version": 1, "rate": "16000"}', "bad_message", "rate"),
        ('{"type": "hello", "version": 1, "rate": 0, "admin": true}', "bad_message", "admin"),
        ('{"type": "hello", "version": 1, "rate": 0, "name": "a\\nb"}', "bad_message", "name"),
        ('{"type": "hello", "version": 1, "rate": 16000}', "unavailable", "rate"),
        (b"\0" * 640, "hello_expected", None),
    ],
)
async def test_a_wrong_first_message_is_refused_and_named(served, bystander, first, code, field):
    async with client(served) as one:
        await one.socket.send(first)
        error = await one.next("error")
        assert (error["code"], error["field"], error["fatal"]) == (code, field, True)
        assert await one.closed() == 1008


@one_server
async def test_who_never_says_hello_is_shown_out(served, bystander):
    async with client(served) as one:
        error = await one.next("error")
        assert error["code"] == "hello_expected"
        assert await one.closed() == 1008


@one_server
@pytest.mark.parametrize(
    ("content", "code", "field"),
    [
        ("nonsense", "bad_message", "message"),
        ('{"type": "sing"}', "bad_message", "type"),
        ('{"type": "text"}', "bad_message", "text"),
        ('{"type": "text", "text": ""}', "bad_message", "text"),
        ('{"type": "text", "text": 5}', "bad_message", "text"),
        ('{"type": "text", "text": "x", "loud": true}', "bad_message", "loud"),
        ('{"type": "played", "utterance": -1, "ms": 0}', "bad_message", "utterance"),
        ('{"type": "played", "utterance": 1, "ms": NaN}', "bad_message", "ms"),
        ('{"type": "configure", "language": "' + "x" * 50 + '"}', "bad_message", "language"),
        ('{"type": "configure", "persona": "nobody"}', "bad_config", "config.persona"),
        ('{"type": "configure", "tools": [{"title": "x"}]}', "bad_message", "tools.0.name"),
        ('{"type": "partial", "segment": 1, "text": "hi"}', "bad_state", None),
        ('{"type": "tool_result", "call": "", "output": ""}', "bad_message", "call"),
        (json.dumps(HELLO), "hello_twice", "type"),
        (b"\0" * 640, "bad_audio", "rate"),
        (b"\0", "bad_audio", "rate"),
        ("[" * 100_000, "bad_message", "message"),
    ],
)
async def test_a_wrong_message_is_named_and_the_session_goes_on(served, content, code, field):
    async with guest(served) as one:
        await one.socket.send(content)
        error = await one.next("error")
        assert (error["code"], error["field"], error["fatal"]) == (code, field, False)
        await one.send("text", text="hello there")
        assert (await one.next("utterance_end"))["heard"]


@one_server
async def test_a_hundred_megabytes_in_one_message_close_the_connection(served, bystander):
    async with guest(served) as one:
        with suppress(ConnectionClosed):
            await one.socket.send(b"\0" * 100_000_000)
        assert await one.closed() == 1009
    await until(lambda: len(served.hub.sessions) == 1)


@one_server
async def test_text_that_is_not_utf8_closes_the_connection(served, bystander):
    async with guest(served) as one:
        await one.socket.send(b"\xff\xfe hello", text=True)
        assert await one.closed() == 1007
    await until(lambda: len(served.hub.sessions) == 1)


@one_server
async def test_a_client_that_only_errs_is_shut_out(served, bystander):
    async with guest(served) as one:
        for _ in range(100):
            await one.socket.send("?")
        assert await one.closed() == 1008
        assert one.messages[-1]["code"] == "too_many_errors"


@one_server
async def test_a_client_that_vanishes_leaves_nothing(served, bystander):
    async with guest(served) as one:
        await one.send("text", text="tell me about the sea")
        one.socket.transport.abort()
        await until(lambda: len(served.hub.sessions) == 1)
        assert served.hub.connections == 1


@one_server
@pytest.mark.parametrize("path", ["/", "/wss", "/main.js", "/healthz"])
async def test_there_is_no_websocket_but_the_one(served, bystander, path):
    with pytest.raises(InvalidStatus, match="403"):
        await connect(f"ws://127.0.0.1:{served.port}{path}")


@one_server
async def test_half_a_websocket_handshake_disturbs_nobody(served, bystander):
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgr")
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_does_not_read_is_cut_off_and_blocks_nobody(tmp_path):
    options = ServerOptions(send_buffer_bytes=200_000)
    async with serving(services_in(tmp_path), options=options) as served, guest(served) as other:
        raw = await _deaf_client(served)
        await until(lambda: len(served.hub.sessions) == 2)
        texts = [json.dumps({"type": "configure", "instructions": c * 20_000}) for c in "xy"]
        loop = asyncio.get_running_loop()
        sent = 0
        with suppress(ConnectionResetError, BrokenPipeError):
            for sent in range(1_000):
                await asyncio.wait_for(loop.sock_sendall(raw, _frame(texts[sent % 2])), 5)
        assert sent < 999
        await until(lambda: len(served.hub.sessions) == 1)
        await until(lambda: len(served.server.server_state.connections) == 1)
        await other.send("text", text="hello there")
        assert (await other.next("utterance_end"))["heard"]
        raw.close()


async def _deaf_client(served: Served) -> socket.socket:
    """A websocket made by hand whose answers nobody reads."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", served.port))
    await loop.sock_sendall(
        raw,
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )
    await loop.sock_recv(raw, 1024)
    await loop.sock_sendall(raw, _frame(json.dumps(HELLO)))
    return raw


def _frame(text: str) -> bytes:
    """A masked text frame, with a mask of zeros."""
    data = text.encode()
    length = len(data)
    head = bytes([0x81, 0x80 | length]) if length < 126 else b"\x81\xfe" + length.to_bytes(2, "big")
    return head + bytes(4) + data


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=10,
)
TYPES = [
    "hello", "text", "partial", "speech_started", "speech_stopped", "played", "respond", "commit",
    "stop", "configure", "tool_result", "bye",
]  # fmt: skip
FIELDS = [
    "version", "rate", "text", "segment", "final", "utterance", "ms", "persona", "tools", "call",
    "output", "name", "silent_ms", "language",
]  # fmt: skip


def _type_or_field(content: str | bytes) -> str:
    """The message's type, or the field that is wrong; anything else is a bug."""
    try:
        return parse_client(content).type
    except BadInput as error:
        return error.field


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_whatever_comes_the_parser_gives_a_message_or_says_what_is_wrong(content):
    assert _type_or_field(content)


@given(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6))
def test_whatever_fields_a_message_has_the_wrong_one_is_named(type, fields):
    assert _type_or_field(json.dumps({"type": type, **fields}))


@given(st.binary(max_size=100))
def test_whatever_bytes_come_a_frame_is_whole_or_refused(content):
    try:
        frame = unpack_audio(content)
    except BadInput:
        assert len(content) < 8 or len(content) % 2
    else:
        assert len(frame.pcm) == len(content) - 8
