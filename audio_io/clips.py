"""Lines that are said again and again, kept as audio: one cache per process, in bounded memory."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass

from audio_io.sentences import cut, speakable
from audio_io.tts.protocol import Audio, TtsEngine, Word

Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Clip:
    """The whole audio of a text: int16 mono 24 kHz, and when its words sound."""

    pcm: bytes
    words: tuple[Word, ...]


class Clips:
    """A speech engine together with the audio of lines it has spoken, least used out first."""

    def __init__(self, engine: TtsEngine, max_bytes: int = 32_000_000) -> None:
        """`max_bytes`: of audio; 48,000 bytes are one second."""
        self.engine = engine
        self._max = max_bytes
        self._clips: OrderedDict[Key, Clip] = OrderedDict()
        self._bytes = 0
        self._warming = asyncio.Lock()

    def get(self, text: str, voice: str, language: str) -> Clip | None:
        """The audio of one piece of text as `sentences.cut` gives it, if it is here."""
        key = self._key(text, voice, language)
        if key in self._clips:
            self._clips.move_to_end(key)
        return self._clips.get(key)

    def put(self, text: str, voice: str, language: str, clip: Clip) -> None:
        """Keeps the audio of a piece of text; drops the least used where there is no room."""
        key = self._key(text, voice, language)
        if old := self._clips.pop(key, None):
            self._bytes -= len(old.pcm)
        self._clips[key] = clip
        self._bytes += len(clip.pcm)
        while self._bytes > self._max:
            _, dropped = self._clips.popitem(last=False)
            self._bytes -= len(dropped.pcm)

    async def warm(self, lines: Iterable[str], voice: str, language: str) -> None:
        """Speaks lines into the cache, one at a time. Raises `TtsFailed` at the first that fails.

        Called by many sessions at once, every line is made once.
        """
        for line in lines:
            for piece in filter(speakable, cut(line)):
                async with self._warming:
                    if self.get(piece, voice, language) is None:
                        self.put(piece, voice, language, await self._speak(piece, voice, language))

    @property
    def bytes_held(self) -> int:
        """Bytes of audio in memory."""
        return self._bytes

    def _key(self, text: str, voice: str, language: str) -> Key:
        return self.engine.name, voice, language, text.strip()

    async def _speak(self, piece: str, voice: str, language: str) -> Clip:
        parts: list[Audio] = []
        stream = self.engine.synthesise(piece.strip(), voice, language)
        async with aclosing(stream) as audio:
            async for part in audio:
                parts.append(part)
        words = tuple(word for part in parts for word in part.words)
        return Clip(b"".join(part.pcm for part in parts), words)
