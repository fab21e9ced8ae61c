"""A player like that of a client, on the event loop's clock, and what tests of the voice share."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from audio_io.clips import Clips
from audio_io.sentences import cut, pause_after, speakable
from audio_io.tts.protocol import RATE, Audio, TtsEngine, Word
from audio_io.tts.tone import ToneEngine
from audio_io.voice import Voice
from graph.events import Event, UtteranceEnded
from graph.mind import TextStream
from graph.state import Act, ToolRequest, Utterance

T = TypeVar("T")
MS = RATE // 1000
TEXT = "The train leaves at noon today. It goes by the river, past the old mill. You will like it."


class WatchedEngine(ToneEngine):
    """The tone engine, with a note of what it was asked: text, voice, language."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    async def synthesise(self, text: str, voice: str, language: str) -> AsyncGenerator[Audio, None]:
        self.asked.append((text, voice, language))
        async for audio in super().synthesise(text, voice, language):
            yield audio


@dataclass
class Track:
    """One utterance at the player."""

    number: int
    pcm: bytearray = field(default_factory=bytearray)
    playing: bool = True
    since: float | None = None
    origin: int = 0
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Samples in the order in which they sounded, gaps and all."""
    sound: bytearray = field(default_factory=bytearray)
    """What came out of the loudspeaker."""
    flushed: bool = False
    ended: bool = False
    starved: int = 0
    lead: int = 0
    """The most samples it ever held unplayed."""

    def settle(self, now: float) -> int:
        """Plays up to now; returns the playhead."""
        if self.since is None:
            return self.origin
        wanted = self.origin + round((now - self.since) * RATE)
        head = min(wanted, len(self.pcm) // 2)
        if head > self.origin:
            if self.spans and self.spans[-1][1] == self.origin:
                self.spans[-1] = (self.spans[-1][0], head)
            else:
                self.spans.append((self.origin, head))
            self.sound += self.pcm[2 * self.origin : 2 * head]
            self.since += (head - self.origin) / RATE
            self.origin = head
        return head


class Player:
    """An `Output` that plays in (virtual) real time and keeps a log of what it was told."""

    def __init__(self) -> None:
        self.tracks: dict[int, Track] = {}
        self.log: list[tuple[str, int]] = []
        self.said: dict[int, str] = {}
        self.resumes: list[tuple[int, int]] = []
        self.ends: list[tuple[int, str, str]] = []
        self.utterances: list[str] = []

    def begin(self, number: int, utterance: Utterance) -> None:
        self._note("begin", number)
        assert number not in self.tracks
        self.tracks[number] = Track(number)
        self.utterances.append(utterance.id)

    def text(self, number: int, delta: str) -> None:
        assert not self.tracks[number].ended
        self.said[number] = self.said.get(number, "") + delta

    def audio(self, number: int, offset_ms: int, pcm: bytes) -> None:
        self._note("audio", number)
        track, now, start = self.tracks[number], _now(), offset_ms * MS
        assert number == max(self.tracks), "audio of an older utterance"
        assert track.playing, "audio while paused"
        assert not track.flushed
        assert not track.ended
        assert pcm
        assert len(pcm) % 2 == 0
        track.settle(now)
        assert 2 * start <= len(track.pcm), "a hole in the audio"
        known = track.pcm[2 * start :]
        size = min(len(known), len(pcm))
        assert known[:size] == pcm[:size], "other audio for the same place"
        del track.pcm[2 * start :]
        if track.origin > start:
            track.origin = start
        if track.since is None or track.origin == start:
            if track.since is not None and now - track.since > 1 / RATE:
                track.starved += 1
            track.since = now
        track.pcm += pcm
        track.lead = max(track.lead, len(track.pcm) // 2 - track.origin)

    def pause(self, number: int) -> None:
        self._note("pause", number)
        track = self.tracks[number]
        assert track.playing
        track.settle(_now())
        track.playing, track.since = False, None

    def resume(self, number: int, from_ms: int) -> None:
        self._note("resume", number)
        track = self.tracks[number]
        assert not track.playing
        track.playing = True
        if track.pcm:
            track.since = _now()
        self.resumes.append((number, from_ms))

    def flush(self, number: int) -> None:
        self._note("flush", number)
        track = self.tracks[number]
        track.settle(_now())
        track.since, track.flushed = None, True

    def end(self, number: int, heard: str, reason: str) -> None:
        self._note("end", number)
        track = self.tracks[number]
        assert not track.ended
        track.settle(_now())
        track.since, track.ended = None, True
        self.ends.append((number, heard, reason))

    def position(self, number: int) -> int:
        """Sample at which the player stands."""
        return self.tracks[number].settle(_now())

    def told(self, number: int) -> list[str]:
        """What it was told about an utterance, repeats folded."""
        told: list[str] = []
        for kind, of in self.log:
            if of == number and told[-1:] != [kind]:
                told.append(kind)
        return told

    def _note(self, kind: str, number: int) -> None:
        self.log.append((kind, number))


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Stage:
    """A voice, its player, and all the events it posted."""

    voice: Voice
    player: Player
    clips: Clips
    events: list[Event]
    troubles: list[tuple[str, str]]
    _news: asyncio.Event

    def ends(self) -> list[UtteranceEnded]:
        return [event for event in self.events if isinstance(event, UtteranceEnded)]

    def kinds(self) -> list[str]:
        return [event.type for event in self.events]

    async def end(self, utterance: str) -> UtteranceEnded:
        """Waits for the end of an utterance."""
        return await self.until(
            lambda: next((end for end in self.ends() if end.utterance == utterance), None)
        )

    async def started(self, utterance: str) -> Event:
        """Waits for the first audio of an utterance."""
        return await self.until(
            lambda: next(
                (
                    event
                    for event in self.events
                    if event.type == "utterance_started" and event.utterance == utterance
                ),
                None,
            )
        )

    async def until(self, found: Callable[[], T | None]) -> T:
        while (result := found()) is None:
            self._news.clear()
            await self._news.wait()
        return result


@asynccontextmanager
async def on_stage(
    engine: TtsEngine | None = None,
    trouble: str = "",
    lead_seconds: float = 0.2,
    first_audio_seconds: float = 3.0,
) -> AsyncIterator[Stage]:
    """A running voice; afterwards nothing of it may be left."""
    clips, player, news = Clips(engine or ToneEngine()), Player(), asyncio.Event()
    events: list[Event] = []
    troubles: list[tuple[str, str]] = []

    def post(event: Event) -> None:
        events.append(event)
        news.set()

    voice = Voice(
        lambda: _now() - zero,
        post,
        clips,
        player,
        trouble=lambda: trouble,
        on_trouble=lambda code, message: troubles.append((code, message)),
        lead_seconds=lead_seconds,
        first_audio_seconds=first_audio_seconds,
    )
    zero, others = _now(), asyncio.all_tasks()
    running = asyncio.create_task(voice.run())
    try:
        yield Stage(voice, player, clips, events, troubles, news)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        left = [task for task in asyncio.all_tasks() - others if "audio_io/voice" in _file_of(task)]
        assert not left, "a task of the voice is left"


def _file_of(task: asyncio.Task[object]) -> str:
    code = getattr(task.get_coro(), "cr_code", None)
    return code.co_filename if code else ""


def utterance(
    name: str, status: str = "speaking", opening: str = "", act: Act = "reply"
) -> Utterance:
    return Utterance(id=name, behaviour=act, opening=opening, status=status)  # type: ignore[arg-type]


def saying(*pieces: str | ToolRequest | BaseException | float) -> TextStream:
    """A text that comes in these pieces: a number waits so many seconds, an error is raised."""

    async def stream() -> AsyncIterator[str | ToolRequest]:
        for piece in pieces:
            if isinstance(piece, BaseException):
                raise piece
            if isinstance(piece, float):
                await asyncio.sleep(piece)
            else:
                yield piece

    return stream


@dataclass(frozen=True)
class Expected:
    """The audio that a text must become, made without the voice."""

    pcm: bytes
    words: tuple[tuple[int, int, str], ...]
    """First and last sample of every word, and the text up to and with it."""

    def heard_at(self, sample: int) -> str:
        return next((text for _, end, text in reversed(self.words) if end <= sample), "")

    def starts(self) -> set[int]:
        return {start for start, _, _ in self.words}


async def expected(sentences: Sequence[str] | str, engine: TtsEngine | None = None) -> Expected:
    engine = engine or ToneEngine()
    pcm, words, text = b"", list[tuple[int, int, str]](), ""
    pieces = cut(sentences) if isinstance(sentences, str) else sentences
    for index, sentence in enumerate(pieces):
        if index and pcm and engine.bare:
            pcm += bytes(2 * round(pause_after(pieces[index - 1]) * RATE))
        start = len(pcm) // 2
        if speakable(sentence):
            indent = len(sentence) - len(sentence.lstrip())
            async for audio in engine.synthesise(sentence.strip(), "", "en"):
                pcm += audio.pcm
                words += _placed(audio.words, start, text + sentence[:indent], sentence.strip())
        text += sentence
    return Expected(pcm, tuple(words))


def _placed(
    words: Iterable[Word], start: int, before: str, sentence: str
) -> Iterable[tuple[int, int, str]]:
    for word in words:
        first, last = start + round(word.start * RATE), start + round(word.end * RATE)
        yield first, last, (before + sentence[: word.last]).strip()
