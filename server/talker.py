"""The client's side of one conversation: sends what the user says, plays what the agent says."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from graph.errors import BadInput, Unavailable
from server.microphone import TICK_SECONDS, Source
from server.player import Player
from server.protocol import client_messages as out
from server.protocol import server_messages as given
from server.protocol.client_messages import FromClient
from server.protocol.native import parse_server, unpack_audio
from server.protocol.server_messages import FromServer
from server.talk_output import Printer, Recording

PLAYED_TICKS = round(0.1 / TICK_SECONDS)
ANSWERED_SECONDS = 0.6
"""Quiet after an answer, before the next turn."""
STUCK_SECONDS = 30.0
"""Silence of a server that owes an answer."""
CLOSE_SECONDS = 5.0


class Manners:
    """When to speak: after the answer, or when there will be none."""

    def __init__(
        self, gap: float | None, tail: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`gap`: fixed seconds between two turns; None: until the agent has answered.

        `tail`: seconds of quiet after which no answer will come any more.
        """
        self._gap, self._tail, self._now = gap, tail, now
        self._speaking: set[int] = set()
        self._floor = "open"
        self._answered = False
        self._said_at = self._quiet_since = self._message_at = now()

    def said(self) -> None:
        """The user's turn has ended."""
        self._answered = False
        self._said_at = self._now()

    def notice(self, message: FromServer) -> None:
        """A message of the server."""
        self._message_at = self._now()
        match message:
            case given.Floor(floor=floor):
                self._floor = floor
            case given.Utterance(id=number):
                self._speaking.add(number)
            case given.UtteranceEnd(id=number):
                self._speaking.discard(number)
                self._answered = True
        if self._agent_has_floor:
            self._quiet_since = self._now()

    def may_go_on(self, last: bool) -> bool:
        """As `Attention.may_go_on`; raises `Unavailable` where the server owes an answer."""
        now = self._now()
        if self._gap is not None and not last:
            return now - self._said_at >= self._gap
        if self._agent_has_floor:
            self._quiet_since = now
            if now - self._message_at > STUCK_SECONDS:
                raise Unavailable(
                    f"the agent has the floor, and nothing came for {STUCK_SECONDS:g} s"
                )
            return False
        quiet = now - max(self._quiet_since, self._said_at)
        return quiet >= (ANSWERED_SECONDS if self._answered and not last else self._tail)

    @property
    def _agent_has_floor(self) -> bool:
        return bool(self._speaking) or self._floor == "agent"


class Talker:
    """Holds a conversation over an open connection."""

    def __init__(
        self, socket: ClientConnection, source: Source, manners: Manners, printer: Printer
    ) -> None:
        self.player = Player()
        self.recording = Recording(source.rate)
        self._socket, self._source = socket, source
        self._manners, self._printer = manners, printer
        self._fatal: given.Error | None = None

    async def run(self, hello: out.Hello, wish: out.Configure) -> None:
        """Talks to the end. Raises `Unavailable` where the server refuses, or goes away."""
        try:
            await self._send(hello)
            if wish.patch:
                await self._send(wish)
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(self._listen())
                await self._speak(listening)
                await self._send(out.Bye())
                await asyncio.wait({listening}, timeout=CLOSE_SECONDS)
                listening.cancel()
        except* ConnectionClosed as closed:
            self._explain(closed)
        if self._fatal:
            raise Unavailable(f"the server refuses: {self._fatal.message}")

    def _explain(self, closed: BaseExceptionGroup[ConnectionClosed]) -> None:
        if self._fatal is None:
            raise Unavailable(f"the server has gone away ({closed.exceptions[0]})")

    async def _speak(self, listening: asyncio.Task[None]) -> None:
        """Sends and plays, tick by tick, until all is said."""
        told, tick = None, 0
        async with aclosing(self._source.items(self.player, self._manners)) as items:
            async for item, played in items:
                if listening.done():
                    return
                self.recording.add(item, played)
                if isinstance(item, bytes):
                    await self._socket.send(item)
                elif item is not None:
                    await self._send(out.Text(text=item))
                tick += 1
                if tick % PLAYED_TICKS == 0 and (at := self.player.position) != told:
                    told = at
                    await self._report()

    async def _listen(self) -> None:
        async for content in self._socket:
            if isinstance(content, bytes):
                frame = unpack_audio(content)
                self._printer.audio(frame)
                self.player.audio(frame)
                continue
            self._printer.message(content)
            try:
                message = parse_server(content)
            except BadInput:
                continue  # of a newer server
            self._manners.notice(message)
            self._printer.show(message)
            await self._follow(message)

    async def _follow(self, message: FromServer) -> None:
        match message:
            case given.Utterance(id=number, behaviour=behaviour):
                self.recording.name(number, behaviour)
                self.player.begin(number)
            case given.Pause(id=number):
                self.player.pause(number)
                await self._report()
            case given.Resume(id=number, from_ms=ms):
                self.player.resume(number, ms)
            case given.Flush(id=number):
                self.player.flush(number)
            case given.UtteranceEnd(id=number):
                self.player.end(number)
            case given.Error(fatal=True):
                self._fatal = message

    async def _report(self) -> None:
        if at := self.player.position:
            await self._send(out.Played(utterance=at[0], ms=at[1]))

    async def _send(self, message: FromClient) -> None:
        await self._socket.send(message.model_dump_json(exclude_none=True))
