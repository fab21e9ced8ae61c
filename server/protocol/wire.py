"""What all messages of the native protocol have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

VERSION = 1
"""Of the protocol. A client with another one is refused."""

OUTPUT_RATE = 24_000
"""Hz of the agent's voice, int16 mono."""

MAX_MESSAGE_BYTES = 1_048_576
"""Of one websocket message. A larger one closes the connection with code 1009."""

Seconds = Annotated[float, Field(ge=0)]
"""Of the session's clock, which stood at 0 when the session began."""
Number = Annotated[int, Field(ge=0, lt=2**31)]
Id = Annotated[str, Field(min_length=1, max_length=200)]


class ClientMessage(BaseModel):
    """What a client sends. Strict: a field that is unknown or of another type is an error."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class ServerMessage(BaseModel):
    """What the server sends. A client ignores fields and types that it does not know."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
