"""A voice without sound: the text of an utterance, at the pace of speech or at once.

It drives text chats, tests and simulations, where it keeps the contract of the real voice: what was
heard is what had been put out when it ended.
"""

import asyncio
import contextvars
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Literal

from graph.errors import CleanS2SError
from graph.events import Event, ToolCalled, UtteranceEnded, UtteranceStarted
from graph.mind import TextStream
from graph.state import ToolRequest, Utterance

log = logging.getLogger(__name__)

Reason = Literal["finished", "cut", "failed", "tool"]


class TextVoice:
    """Puts out one utterance at a time."""

    def __init__(
        self,
        now: Callable[[], float],
        post: Callable[[Event], None],
        *,
        show: Callable[[Utterance, str], None] = lambda utterance, text: None,
        trouble: Callable[[], str] = lambda: "",
        words_per_second: float | None = None,
    ) -> None:
        """`show` gets every piece as it is put out; None words per second: at once.

        `trouble` gives the line that is said when composing fails before the first word.
        """
        self._now, self._post, self._show, self._trouble = now, post, show, trouble
        self._pace = words_per_second
        self._asked = asyncio.Event()
        self._next: tuple[Utterance, TextStream] | None = None
        self._held: tuple[str, _Ahead] | None = None
        self._group: asyncio.TaskGroup | None = None
        self._current: asyncio.Task[None] | None = None
        self._playing = asyncio.Event()
        self._playing.set()

    def say(self, utterance: Utterance, text: TextStream) -> None:
        """Composes a held utterance, and says any other in place of what is being said."""
        held, self._held = self._held, None
        if held and held[0] == utterance.id:
            text = held[1].stream
        elif held:
            held[1].drop()
        if utterance.status == "held":
            self._held = utterance.id, _Ahead(text)
            if self._group:
                self._held[1].start(self._group)
            return
        self._drop_next()
        self._next = utterance, text
        self._stop()
        self._playing.set()
        self._asked.set()

    def pause(self) -> None:
        """Holds back the next piece."""
        self._playing.clear()

    def resume(self) -> None:
        """Goes on."""
        self._playing.set()

    def hush(self) -> None:
        """Ends what is being said, and forgets what is held."""
        if self._held:
            self._held[1].drop()
            self._held = None
        self._drop_next()
        self._stop()
        self._playing.set()

    async def run(self) -> None:
        """Says what it is asked to, until cancelled; then what it was saying has been cut."""
        try:
            async with asyncio.TaskGroup() as self._group:
                if self._held:
                    self._held[1].start(self._group)
                while True:
                    await self._asked.wait()
                    self._asked.clear()
                    if self._next:
                        said, self._next = self._next, None
                        self._current = self._begun(self._group, *said)
                        await asyncio.wait({self._current})
        finally:
            self._group = self._current = None
            self._drop_next()

    def _begun(
        self, group: asyncio.TaskGroup, utterance: Utterance, text: TextStream
    ) -> asyncio.Task[None]:
        def ended(task: asyncio.Task[None]) -> None:
            if task.cancelled():  # before its first step
                self._post_cut(utterance)

        task = group.create_task(self._utter(utterance, text))
        task.add_done_callback(ended)
        return task

    def _drop_next(self) -> None:
        if self._next:
            self._post_cut(self._next[0])
            self._next = None

    def _post_cut(self, utterance: Utterance) -> None:
        self._post(UtteranceEnded(at=self._now(), utterance=utterance.id, heard="", reason="cut"))

    def _stop(self) -> None:
        if self._current:
            self._current.cancel()

    async def _utter(self, utterance: Utterance, text: TextStream) -> None:
        heard, calls, reason = "", [], "finished"  # type: str, list[ToolRequest], Reason
        try:
            try:
                async with aclosing(text()) as pieces:  # type: ignore[type-var]
                    async for piece in pieces:
                        if isinstance(piece, str):
                            for part in self._parts(piece):
                                heard = await self._put(utterance, heard, part)
                        else:
                            calls.append(piece)
            except Exception as error:
                _report(utterance, error)
                reason = "failed"
                for part in self._parts("" if heard else self._trouble()):
                    heard = await self._put(utterance, heard, part)
        except asyncio.CancelledError:
            reason = "cut"
        except Exception:
            log.exception("nor can the line for trouble be said")
        if reason == "finished" and calls:
            self._report_calls(utterance, calls)
            reason = "tool"
        self._post(
            UtteranceEnded(
                at=self._now(), utterance=utterance.id, heard=heard.strip(), reason=reason
            )
        )

    def _report_calls(self, utterance: Utterance, calls: list[ToolRequest]) -> None:
        for call in calls:
            self._post(
                ToolCalled(
                    at=self._now(),
                    utterance=utterance.id,
                    call=call["id"],
                    name=call["name"],
                    arguments=call["arguments"],
                )
            )

    def _parts(self, piece: str) -> list[str]:
        """Words where there is a pace to keep, else the whole piece."""
        # half a surrogate pair, which a model may give, would make the utterance's end no event
        piece = piece.encode("utf-8", "replace").decode("utf-8")
        if self._pace is None:
            return [piece] if piece else []
        return [word for word in _words_with_spaces(piece) if word]

    async def _put(self, utterance: Utterance, heard: str, part: str) -> str:
        """Puts a part out, and takes the time that saying it takes."""
        await self._playing.wait()
        if not heard:
            self._post(UtteranceStarted(at=self._now(), utterance=utterance.id))
        self._show(utterance, part)
        if self._pace is not None:
            await asyncio.sleep(len(part.split()) / self._pace)
            await self._playing.wait()
        return heard + part


class _Ahead:
    """A text stream that is read before anybody asks for it."""

    def __init__(self, text: TextStream) -> None:
        self._text = text
        self._pieces: asyncio.Queue[str | ToolRequest | Exception | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begins to read."""
        # a context of its own, or what the text traces belongs to the run that asked for it
        self._task = group.create_task(self._read(), context=contextvars.Context())

    async def stream(self) -> AsyncGenerator[str | ToolRequest]:
        """What has been read, then what comes; all of it, where reading was never begun."""
        if self._task is None:
            async with aclosing(self._text()) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    yield piece
            return
        try:
            while (read := await self._pieces.get()) is not None:
                if isinstance(read, Exception):
                    raise read
                yield read
        finally:
            self.drop()

    def drop(self) -> None:
        """Stops reading."""
        if self._task:
            self._task.cancel()

    async def _read(self) -> None:
        try:
            async with aclosing(self._text()) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    self._pieces.put_nowait(piece)
            self._pieces.put_nowait(None)
        except Exception as error:
            self._pieces.put_nowait(error)


def _report(utterance: Utterance, error: Exception) -> None:
    foreseen = isinstance(error, CleanS2SError)
    log.warning(
        "utterance %s failed: %s", utterance.id, error, exc_info=None if foreseen else error
    )


def _words_with_spaces(text: str) -> list[str]:
    parts, start = [], 0
    for index in range(1, len(text)):
        if text[index - 1].isspace() and not text[index].isspace():
            parts.append(text[start:index])
            start = index
    return [*parts, text[start:]]
