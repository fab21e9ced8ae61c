"""The native protocol: JSON messages and binary audio over one websocket, both ways.

Text frames are JSON, one message each; the classes are in `client_messages` and `server_messages`.
A client's binary frames are PCM16 mono, little endian, at the rate of its `hello`. The server's
begin with a header of 8 bytes, see `pack_audio`.
"""

import struct
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from graph.errors import BadInput
from server.protocol.client_messages import FromClient
from server.protocol.server_messages import FromServer

T = TypeVar("T")

_HEADER = struct.Struct("<II")

_FROM_CLIENT: TypeAdapter[FromClient] = TypeAdapter(
    Annotated[FromClient, Field(discriminator="type")]
)
_FROM_SERVER: TypeAdapter[FromServer] = TypeAdapter(
    Annotated[FromServer, Field(discriminator="type")]
)


class _AnyHello(BaseModel):
    type: Literal["hello"]
    version: int


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """A piece of the agent's voice."""

    utterance: int
    offset_ms: int
    """Where it belongs in the utterance. It replaces what a player holds from there on."""
    pcm: bytes
    """int16 little endian, mono, 24 kHz."""


def parse_client(text: str | bytes) -> FromClient:
    """A client's message; raises `BadInput` that names the field and the value that is wrong."""
    return _parse(_FROM_CLIENT, text)


def offered_version(text: str | bytes) -> int | None:
    """The version of a hello, of whatever version it is; None for anything else."""
    try:
        return _AnyHello.model_validate_json(text).version
    except ValidationError:
        return None


def parse_server(text: str | bytes) -> FromServer:
    """A message of the server; raises `BadInput`, for a type that a newer server has as well."""
    return _parse(_FROM_SERVER, text)


def pack_audio(utterance: int, offset_ms: int, pcm: bytes) -> bytes:
    """A binary frame of the server: uint32 utterance, uint32 offset in ms (little endian), PCM."""
    return _HEADER.pack(utterance, offset_ms) + pcm


def unpack_audio(frame: bytes) -> AudioFrame:
    """The content of such a frame; raises `BadInput` for one that is cut off."""
    if len(frame) < _HEADER.size or len(frame) % 2:
        raise BadInput("frame", len(frame), "should be 8 bytes and whole samples of two bytes")
    utterance, offset_ms = _HEADER.unpack_from(frame)
    return AudioFrame(utterance, offset_ms, frame[_HEADER.size :])


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON schema of both directions, by the side that sends."""
    return {
        "client": _FROM_CLIENT.json_schema(),
        "server": _FROM_SERVER.json_schema(mode="serialization"),
    }


def _parse(adapter: TypeAdapter[T], text: str | bytes) -> T:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        raise _bad_input(error) from None


def _bad_input(error: ValidationError) -> BadInput:
    """The first mistake: the field as the message has it, without the name of its class."""
    first = error.errors(include_url=False)[0]
    match first["type"]:
        case "json_invalid":
            return BadInput("message", first["input"], f"no JSON: {first['ctx']['error']}")
        case "union_tag_not_found":
            return BadInput("type", first["input"], "a message is an object with a 'type'")
        case "union_tag_invalid":
            known = first["ctx"]["expected_tags"].replace("'", "")
            return BadInput("type", first["ctx"]["tag"], f"unknown; one of {known}")
    path = ".".join(str(part) for part in first["loc"][1:]) or "message"
    missing = first["type"] == "missing"
    problem = first["msg"].removeprefix("Value error, ")
    return BadInput(path, "nothing" if missing else first["input"], problem)
