"""The protocol's messages: what is documented is what is parsed."""

import json
import re
from typing import get_args

import pytest
from pydantic import TypeAdapter

from graph.errors import BadInput
from graph.state import Tool
from server.protocol import client_messages, server_messages
from server.protocol.client_messages import Configure, FromClient
from server.protocol.document import DOCUMENT, document
from server.protocol.native import (
    AudioFrame,
    offered_version,
    pack_audio,
    parse_client,
    parse_server,
    unpack_audio,
)
from server.protocol.server_messages import ErrorCode, FromServer


def test_the_page_about_the_protocol_is_what_the_classes_say():
    current = DOCUMENT.read_text(encoding="utf-8")
    assert document(current) == current, "run: python -m server.protocol.document"


def test_the_page_documents_every_error_code():
    prose = DOCUMENT.read_text(encoding="utf-8").partition("## Messages of the client")[0]
    assert set(get_args(ErrorCode)) <= set(re.findall(r"`(\w+)`", prose))


def test_the_page_holds_a_json_schema_that_accepts_what_is_sent():
    blocks = re.findall(r"```json\n(.*?)\n```", DOCUMENT.read_text(encoding="utf-8"), re.S)
    sides = [json.loads(block) for block in blocks]
    for schema, union in zip(sides, (FromClient, FromServer), strict=True):
        types = {message.model_fields["type"].default for message in get_args(union)}
        assert set(schema["discriminator"]["mapping"]) == types


@pytest.mark.parametrize("union", [FromClient, FromServer])
def test_every_message_and_every_side_says_what_it_is_for(union):
    for message in get_args(union):
        assert message.__doc__, message


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "hello", "version": 1, "rate": 16000}',
        '{"type": "configure", "tools": [{"name": "dice", "parameters": {"type": "object"}}]}',
        '{"type": "tool_result", "call": "c1", "output": "4"}',
        '{"type": "partial", "segment": 1, "text": "你好", "confirmed": 1, "final": true}',
        '{"type": "bye"}',
    ],
)
def test_what_a_client_sends_is_read_and_written_back(text):
    message = parse_client(text)
    assert message.type == json.loads(text)["type"]
    assert parse_client(message.model_dump_json(exclude_none=True)) == message


def test_a_tool_arrives_as_the_dialogue_knows_it():
    message = parse_client('{"type": "configure", "tools": [{"name": "dice"}], "persona": ""}')
    assert isinstance(message, Configure)
    assert message.tools == (Tool(name="dice"),)
    assert message.patch == {
        "persona": "",
        "tools": [{"name": "dice", "description": "", "parameters": {}}],
    }


def test_a_client_ignores_what_a_newer_server_adds():
    given = '{"type": "floor", "at": 1.5, "floor": "user", "colour": "blue"}'
    assert parse_server(given) == server_messages.Floor(at=1.5, floor="user")
    with pytest.raises(BadInput, match="unknown; one of"):
        parse_server('{"type": "smell"}')


def test_audio_frames_go_there_and_back():
    frame = pack_audio(7, 70_000, b"\1\2\3\4")
    assert frame[:8] == b"\7\0\0\0" + (70_000).to_bytes(4, "little")
    assert unpack_audio(frame) == AudioFrame(7, 70_000, b"\1\2\3\4")


@pytest.mark.parametrize("frame", [b"", b"1234567", b"123456789"])
def test_a_frame_that_is_cut_off_is_refused(frame):
    with pytest.raises(BadInput, match="8 bytes and whole samples"):
        unpack_audio(frame)


def test_the_version_is_read_from_a_hello_of_any_version():
    assert offered_version('{"type": "hello", "version": 9, "taste": "sweet"}') == 9
    assert offered_version('{"type": "text", "version": 9}') is None
    assert offered_version("no json") is None


def test_the_example_of_a_hello_with_everything_is_valid():
    fields = TypeAdapter(client_messages.Hello).json_schema()["properties"]
    assert set(fields) == {
        "type", "version", "rate", "audio", "recognition", "key", "identity", "name", "resume"
    }  # fmt: skip
