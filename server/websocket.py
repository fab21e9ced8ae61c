"""uvicorn as we run it: with an end to clients that hold on to a connection."""

import asyncio
import socket

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from server.protocol.wire import MAX_MESSAGE_BYTES

GRACE_SECONDS = 30
"""At shutdown sessions may take so long to write what must be kept."""
LINGER_SECONDS = 11.0
"""After the application is done: uvicorn's own wait for the closing handshake, and one more."""
SOCKET_BUFFER_BYTES = 256 * 1024
"""What the system may hold for a client, so that one who does not read is noticed in time."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Closing a transport waits for its buffer: with a client that never reads, for ever.

    Here such a connection is aborted: when the application is done with it, and when the client
    does not answer a ping.
    """

    _linger: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As ever, with a smaller buffer in the system, and nothing held back in it.

        asyncio switches Nagle's algorithm off only where the listening socket names its protocol;
        with it on, the second of two small messages waits for the client's delayed ACK: 40 ms.
        """
        super().connection_made(transport)
        link = transport.get_extra_info("socket")
        if link is not None and link.family in (socket.AF_INET, socket.AF_INET6):
            link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """As ever."""
        super().connection_lost(exc)
        if self._linger:
            self._linger.cancel()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application is done."""
        super().on_task_complete(task)
        if self.disconnected:
            return
        if self.writable.is_set():
            self._linger = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        else:
            self.transport.abort()

    def keepalive_timeout(self) -> None:
        """No answer to a ping."""
        super().keepalive_timeout()
        self.transport.abort()


def uvicorn_config(app: FastAPI) -> uvicorn.Config:
    """How uvicorn serves the application, on sockets that it is given.

    Sound is not worth compressing.
    """
    return uvicorn.Config(
        app,
        ws=WebSocketProtocol,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        timeout_graceful_shutdown=GRACE_SECONDS,
        log_level="warning",
        access_log=False,
        server_header=False,
    )
