"""How one utterance is made: its text becomes sentences, and these become audio."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from audio_io.clips import Clip, Clips
from audio_io.playback import Playback
from audio_io.sentences import Sentences, cut, speakable
from audio_io.tts.protocol import Audio, TtsFailed
from graph.mind import TextStream
from graph.state import ToolRequest, Utterance

log = logging.getLogger(__name__)

T = TypeVar("T")
Stage = Literal["text", "tts"]
_END: Final = object()


class StageFailed(Exception):
    """Text or speech could not be made."""

    def __init__(self, stage: Stage, cause: Exception) -> None:
        super().__init__(str(cause))
        self.stage = stage
        self.cause = cause


@dataclass(frozen=True)
class Manner:
    """How to speak: the engine's voice (empty: its default), the language (BCP 47)."""

    voice: str
    language: str
    first_audio_seconds: float
    """How long the engine may be silent."""


class Production:
    """Feeds the playback of one utterance, a sentence ahead of what is played."""

    def __init__(
        self,
        utterance: Utterance,
        text: TextStream,
        playback: Playback,
        clips: Clips,
        manner: Manner,
    ) -> None:
        self._opening = utterance.opening.strip()
        self._text, self._playback, self._clips, self._manner = text, playback, clips, manner
        self._sentences = Sentences()

    async def run(self) -> list[ToolRequest]:
        """Makes all of it; returns the tools that the text ended with. Raises `StageFailed`."""
        calls: list[ToolRequest] = []
        opening = bool(self._opening)
        stream = self._text_stream()
        async with _closing(stream):
            while (piece := await self._next_piece(stream)) is not None:
                if not isinstance(piece, str):
                    calls.append(piece)
                    continue
                self._playback.show(piece)
                opening = opening and piece.strip() == self._opening
                for sentence in self._sentences.feed(piece, last=opening):
                    await self._speak(sentence, keep=opening)
                if opening:
                    await self._speak_rest(keep=True)
                opening = False
        await self._speak_rest()
        return calls

    async def finish_sentence(self) -> None:
        """After a failure of the text: says the last sentence if all of it had come."""
        if self._sentences.rest_is_whole:
            await self._speak_rest()

    async def say_line(self, line: str, synthesise: bool) -> None:
        """Says a ready line; without `synthesise` only what of it is in the cache."""
        for sentence in cut(line):
            known = self._clips.get(sentence, self._manner.voice, self._manner.language)
            if known or synthesise or not speakable(sentence):
                self._playback.show(sentence)
                await self._speak(sentence, keep=True)

    async def _speak_rest(self, keep: bool = False) -> None:
        for sentence in self._sentences.flush():
            await self._speak(sentence, keep)

    async def _speak(self, sentence: str, keep: bool = False) -> None:
        await self._playback.room()
        self._playback.begin_sentence(sentence)
        text, manner = sentence.strip(), self._manner
        if clip := self._clips.get(text, manner.voice, manner.language):
            await self._feed(Audio(clip.pcm, clip.words))
        elif speakable(text):
            await self._synthesise(text, keep)
        self._playback.end_sentence()

    async def _synthesise(self, text: str, keep: bool) -> None:
        manner, made = self._manner, list[Audio]()
        try:
            stream = self._clips.engine.synthesise(text, manner.voice, manner.language)
            async with _closing(stream):
                while (audio := await _within(manner.first_audio_seconds, stream)) is not None:
                    await self._feed(audio)
                    if keep:
                        made.append(audio)
        except TimeoutError as error:
            problem = f"no audio for {manner.first_audio_seconds:g} s"
            raise StageFailed("tts", TtsFailed("stalled", problem)) from error
        except Exception as error:
            raise StageFailed("tts", error) from error
        if keep:
            pcm = b"".join(audio.pcm for audio in made)
            words = tuple(word for audio in made for word in audio.words)
            self._clips.put(text, manner.voice, manner.language, Clip(pcm, words))

    async def _feed(self, audio: Audio) -> None:
        """Audio for playback. What goes out of it leaves before more is made.

        An engine that never waits would hold it back till the sentence is done.
        """
        self._playback.feed(audio)
        await asyncio.sleep(0)

    def _text_stream(self) -> AsyncIterator[str | ToolRequest]:
        try:
            return self._text()
        except Exception as error:
            raise StageFailed("text", error) from error

    async def _next_piece(
        self, stream: AsyncIterator[str | ToolRequest]
    ) -> str | ToolRequest | None:
        try:
            return await anext(stream, None)
        except Exception as error:
            raise StageFailed("text", error) from error


async def _within(seconds: float, stream: AsyncIterator[T]) -> T | None:
    """The next item; raises `TimeoutError` if it takes too long."""
    async with asyncio.timeout(seconds):
        return await anext(stream, None)


@asynccontextmanager
async def _closing(stream: AsyncIterator[T]) -> AsyncIterator[None]:
    """Closes the stream at the end, if it can be closed: generators can, plain iterators not."""
    try:
        yield
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
