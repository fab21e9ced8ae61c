"""One websocket of the native protocol, from its hello to the last that its session leaves."""

import asyncio
import logging

from starlette.websockets import WebSocket

from graph.errors import BadInput, Unavailable
from graph.state import DialogueState
from server.access import COOKIE, User
from server.hub import Hub
from server.live import Live
from server.outbox import Outbox
from server.protocol.client_messages import Bye, FromClient, Hello
from server.protocol.native import offered_version, parse_client
from server.protocol.wire import VERSION
from server.refusal import Closing, Refused, refused

log = logging.getLogger(__name__)

MAX_ERRORS = 100
"""Mistakes after which a client is shut out: it will not mend its ways."""
CLOSE_SECONDS = 5.0
"""How long a client may take to read what waits for it when the connection ends."""


class _Gone(Exception):
    """The client has left without a word."""


class Connection:
    """A client. At most three tasks are its own: the session, its voice, and the writer."""

    def __init__(self, hub: Hub, socket: WebSocket) -> None:
        self._hub, self._socket = hub, socket
        self._outbox = Outbox(socket, hub.options.send_buffer_bytes, self._overflows)
        self._scope = asyncio.timeout(None)
        self._closing: Closing | None = None
        self._user: User | None = None
        self._live: Live | None = None
        self._id = ""
        self._errors = 0
        self._over = asyncio.Event()

    @property
    def user(self) -> User:
        """Who it is, once it has said hello."""
        assert self._user is not None
        return self._user

    @property
    def state(self) -> DialogueState:
        """The dialogue of its session."""
        return self._live.state if self._live else {}

    def end(self, closing: Closing) -> None:
        """Ends the connection and its session."""
        if self._closing is None:
            self._closing = closing
            self._scope.reschedule(asyncio.get_running_loop().time())

    async def gone(self) -> None:
        """Waits until the session is over and kept."""
        await self._over.wait()

    async def run(self) -> None:
        """Serves the client until either side ends it. Never raises but at cancellation."""
        self._hub.connections += 1
        try:
            await self._socket.accept()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._outbox.run())
                await self._serve_to_the_end(tasks)
        except* Exception:
            log.exception("a connection broke off")
            await self._say_internal_error()
        finally:
            self._hub.connections -= 1
            if self._id:
                self._hub.leave(self._id)
            self._over.set()

    async def _serve_to_the_end(self, tasks: asyncio.TaskGroup) -> None:
        try:
            closing = await self._outcome(tasks)
        finally:
            if self._live:
                self._live.leave()
        self._closing = closing or Closing()
        if closing:
            self._outbox.close(closing, CLOSE_SECONDS)
        else:
            self._outbox.abandon()

    async def _outcome(self, tasks: asyncio.TaskGroup) -> Closing | None:
        """Serves; returns how to close, None where nobody is left to be told."""
        try:
            async with self._scope:
                return await self._serve(tasks)
        except TimeoutError:
            if not self._scope.expired():
                raise
            if self._outbox.full:
                log.warning("a client of %s does not read: closed", self._id or "no session")
                return None
            return self._closing
        except Refused as refusal:
            return refusal.closing()
        except _Gone:
            return None

    async def _serve(self, tasks: asyncio.TaskGroup) -> Closing:
        hello = await self._hello()
        await self._open(hello, tasks)
        while True:
            content = await self._receive()
            try:
                if isinstance(content, bytes):
                    await self._talk.hear(content)
                    continue
                message = _parsed(content)
                if isinstance(message, Bye):
                    return Closing()
                await self._talk.take(message)
            except Refused as refusal:
                self._complain(refusal)
            except BadInput as error:
                self._complain(refused("bad_message", error))

    @property
    def _talk(self) -> Live:
        assert self._live is not None
        return self._live

    async def _hello(self) -> Hello:
        try:
            async with asyncio.timeout(self._hub.options.hello_seconds):
                content = await self._receive()
        except TimeoutError:
            limit = self._hub.options.hello_seconds
            raise Refused("hello_expected", f"no hello came within {limit:g} s") from None
        if isinstance(content, bytes):
            raise Refused("hello_expected", "sound came before hello")
        version = offered_version(content)
        if version not in (None, VERSION):
            raise Refused(
                "bad_version", f"version: this server speaks {VERSION}, not {version}", "version"
            )
        message = _parsed(content)
        if not isinstance(message, Hello):
            raise Refused("hello_expected", f"{message.type} came before hello", "type")
        return message

    async def _open(self, hello: Hello, tasks: asyncio.TaskGroup) -> None:
        hub = self._hub
        self._user = hub.access.admit(hello.key, hello.identity or self._socket.cookies.get(COOKIE))
        restriction = await hub.restrictions.of(self._user.id)
        self._id, state = await hub.open(hello.resume, self._user, self)
        try:
            self._live = Live(hub, self, self._outbox, hello, self._id, state, restriction)
        except Unavailable as error:
            raise Refused("unavailable", f"rate: {error}", "rate") from error
        self._live.join()
        tasks.create_task(self._live.run())

    async def _receive(self) -> str | bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise _Gone
        text: str | None = message.get("text")
        content: bytes = message.get("bytes") or b""
        return content if text is None else text

    def _complain(self, refusal: Refused) -> None:
        self._errors += 1
        if self._errors >= MAX_ERRORS:
            raise Refused("too_many_errors", f"{MAX_ERRORS} mistakes; the last: {refusal}")
        self._outbox.send(refusal.error(fatal=False))

    def _overflows(self) -> None:
        self.end(Closing(1008))

    async def _say_internal_error(self) -> None:
        error = Refused("internal", "the server made a mistake", close=1011).error(fatal=True)
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.send_text(error.model_dump_json())
                await self._socket.close(1011, error.code)
        except Exception as gone:
            log.debug("nobody is left to be told: %s", gone)


def _parsed(content: str) -> FromClient:
    try:
        return parse_client(content)
    except BadInput as error:
        raise refused("bad_message", error) from None
