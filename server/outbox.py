"""What goes to one client: sent in order by one task, and never waited for by the dialogue."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

from server.protocol.native import pack_audio
from server.protocol.server_messages import FromServer
from server.refusal import Closing

log = logging.getLogger(__name__)


class Socket(Protocol):
    """The sending half of a websocket."""

    async def send_text(self, data: str) -> None:
        """Sends a message; waits while the client does not read."""

    async def send_bytes(self, data: bytes) -> None:
        """Sends a binary message."""

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Sends the close frame."""


class Outbox:
    """A bounded queue in front of a socket. A client that lets it fill up has left in effect."""

    def __init__(self, socket: Socket, limit: int, on_full: Callable[[], None]) -> None:
        """`limit`: bytes that may wait. `on_full` is called once when more would have to."""
        self._socket = socket
        self._limit = limit
        self._on_full = on_full
        self._items: deque[tuple[int, str | bytes]] = deque()
        """The utterance that a piece of audio belongs to (0: no audio), and what is to be sent."""
        self._bytes = 0
        self._filled = asyncio.Event()
        self._closing: Closing | None = None
        self._task: asyncio.Task[None] | None = None
        self._late: asyncio.TimerHandle | None = None
        self.full = False
        """More had to wait than may."""

    @property
    def waiting_bytes(self) -> int:
        """Bytes that have not been handed to the socket."""
        return self._bytes

    def send(self, message: FromServer) -> None:
        """Queues a message."""
        self._put(0, message.model_dump_json())

    def audio(self, utterance: int, offset_ms: int, pcm: bytes) -> None:
        """Queues a piece of the agent's voice."""
        self._put(utterance, pack_audio(utterance, offset_ms, pcm))

    def drop_audio(self, utterance: int) -> None:
        """Forgets the audio of an utterance that still waits: nobody will play it."""
        kept = [item for item in self._items if item[0] != utterance]
        self._items = deque(kept)
        self._bytes = sum(len(content) for _, content in kept)

    def close(self, closing: Closing, within: float) -> None:
        """Ends it: with what waits, the error if there is one, and the close frame.

        A client that has not taken that `within` so many seconds is abandoned.
        """
        if self._closing is None:
            if closing.error:
                self.send(closing.error)
            self._closing = closing
            self._late = asyncio.get_running_loop().call_later(within, self.abandon)
            self._filled.set()

    def abandon(self) -> None:
        """Ends it now: nobody reads any more."""
        self._closing = Closing()
        self._items.clear()
        self._bytes = 0
        if self._task:
            self._task.cancel()

    async def run(self) -> None:
        """Sends until closed or abandoned."""
        self._task = asyncio.current_task()
        try:
            while True:
                await self._filled.wait()
                self._filled.clear()
                await self._send_all()
                if self._closing:
                    await self._socket.close(self._closing.code, self._closing.reason)
                    return
        except asyncio.CancelledError:
            if self._closing is None:
                raise
        except Exception as error:  # each server has its own for a client that is gone
            log.debug("the client is gone: %s", error)
        finally:
            self._closing = self._closing or Closing()
            if self._late:
                self._late.cancel()

    async def _send_all(self) -> None:
        while self._items:
            _, content = self._items.popleft()
            self._bytes -= len(content)
            if isinstance(content, str):
                await self._socket.send_text(content)
            else:
                await self._socket.send_bytes(content)

    def _put(self, utterance: int, content: str | bytes) -> None:
        if self._closing:
            return
        if self._bytes + len(content) > self._limit:
            self.full = True
            self._closing = Closing()
            self._on_full()
            return
        self._items.append((utterance, content))
        self._bytes += len(content)
        self._filled.set()
