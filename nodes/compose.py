"""Utterance to text: the opening at once, then the model's stream, or the persona's own line."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Protocol

from langchain_core.language_models import BaseChatModel

from graph.events import Recalled
from graph.mind import Mind, TextStream
from graph.settings import LLMSettings
from graph.state import Dialogue, Recollection, ToolRequest, Utterance, join_words
from nodes.lines import OwnLines
from nodes.llm import close, stream_reply
from nodes.meaning import Embedder
from nodes.persona import Persona
from nodes.prompt import prompt

RECALL = "recall"
"""Name of the work that looks up what memory holds for a turn."""

_RECALL_SECONDS = 0.05
"""How long a stream waits for a recollection that is on its way."""


class Personas(Protocol):
    """Where personas come from."""

    def get(self, name: str) -> Persona:
        """The persona of this name, the default one where it is empty."""


class Composer:
    """Composes the text of utterances, for all sessions of a process."""

    def __init__(
        self,
        personas: Personas,
        model: BaseChatModel | None,
        settings: LLMSettings,
        embedder: Embedder | None = None,
    ) -> None:
        """`model` None: personas speak their own lines, found by meaning with an `embedder`."""
        self._personas = personas
        self._model = model
        self._settings = settings
        self._lines = OwnLines(embedder)

    async def warm(self, name: str = "") -> None:
        """Makes the persona's own lines ready, where they are used, before somebody waits."""
        if self._model is None:
            await self._lines.warm(self._personas.get(name))

    async def aclose(self) -> None:
        """Closes the connections to the model."""
        if self._model is not None:
            await close(self._model)

    def compose(self, utterance: Utterance, dialogue: Dialogue, mind: Mind) -> TextStream:
        """The utterance's text as a stream, which begins its work when it is called.

        The opening comes first. The rest needs guidance: without any, nothing more is said.
        The stream raises `ComposeFailed`, and `BadInput` for a persona that is gone;
        what it has yielded by then stands. It offers no tools to a held utterance.
        """

        async def stream() -> AsyncGenerator[str | ToolRequest]:
            if utterance.opening:
                yield utterance.opening
            if not utterance.guidance:
                return
            recollection = await _newest(utterance, dialogue, mind)
            async with aclosing(self._rest(utterance, dialogue, recollection)) as rest:
                async for item in continued(utterance.opening, rest):
                    yield item

        return stream

    async def _rest(
        self, utterance: Utterance, dialogue: Dialogue, recollection: Recollection
    ) -> AsyncGenerator[str | ToolRequest]:
        persona = self._personas.get(dialogue.config.persona)
        if self._model is None:
            yield await self._lines.line(persona, utterance, dialogue, recollection)
            return
        messages = prompt(persona, utterance, dialogue, recollection)
        tools = () if utterance.status == "held" else dialogue.config.tools
        async with aclosing(stream_reply(self._model, messages, tools, self._settings)) as pieces:
            async for piece in pieces:
                yield piece


async def _newest(utterance: Utterance, dialogue: Dialogue, mind: Mind) -> Recollection:
    event = await mind.result(RECALL, _RECALL_SECONDS)
    if isinstance(event, Recalled) and event.turn == utterance.turn:
        return event.recollection
    return dialogue.recollection


async def continued(
    opening: str, pieces: AsyncIterator[str | ToolRequest]
) -> AsyncIterator[str | ToolRequest]:
    """What follows an opening: with the space between, without the opening said once more.

    Models like to begin by repeating it. Text is held back only while it may be that.
    """
    begun, held = not opening.strip(), ""
    async for piece in pieces:
        if not begun and isinstance(piece, str):
            held += piece
            if _letters(opening).startswith(_letters(held)):
                continue
            piece = _space(opening, held) + _without(opening, held)
        begun = True
        yield piece


def _without(opening: str, text: str) -> str:
    """The text behind a repeated opening; all of it where it does not repeat it."""
    left = len(_letters(opening))
    if not _letters(text).startswith(_letters(opening)):
        return text.lstrip()
    for index, char in enumerate(text):
        if left == 0:
            # "Hold on." is not repeated by "Hold on to that thought."
            repeats = not (char.isalnum() or char.isspace())
            return text[index:].lstrip(" ,.;:!?…—-，。！？") if repeats else text.lstrip()
        left -= len(_letters(char))
    return text.lstrip()


def _space(opening: str, text: str) -> str:
    pair = opening.strip()[-1] + text.lstrip()[0]
    return "" if opening[-1].isspace() else join_words(pair)[1:-1]


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
