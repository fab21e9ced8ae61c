"""Why the server turns a client away, in the words of the protocol."""

from dataclasses import dataclass

from graph.errors import BadInput, CleanS2SError
from server.protocol.server_messages import Error, ErrorCode


@dataclass(frozen=True)
class Closing:
    """How a connection ends: the websocket's close code, and the error that goes before it."""

    code: int = 1000
    """RFC 6455, section 7.4.1."""
    error: Error | None = None

    @property
    def reason(self) -> str:
        """The close frame's reason: the error's code."""
        return self.error.code if self.error else ""


class Refused(CleanS2SError):
    """A client is turned away, or told that it did something wrong."""

    def __init__(
        self, code: ErrorCode, message: str, field: str | None = None, *, close: int = 1008
    ) -> None:
        """`close`: the websocket's close code where the refusal is fatal."""
        super().__init__(message)
        self.code = code
        self.field = field
        self.close = close

    def error(self, fatal: bool) -> Error:
        """As a message of the protocol."""
        return Error(code=self.code, field=self.field, message=str(self), fatal=fatal)

    def closing(self) -> Closing:
        """The end of the connection by it."""
        return Closing(self.close, self.error(fatal=True))


def refused(code: ErrorCode, error: BadInput) -> Refused:
    """Wrong input as a refusal."""
    return Refused(code, str(error), error.field)
