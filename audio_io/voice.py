"""The voice of one session: an utterance's text in, its audio out, and what was heard of it.

Text stream -> sentences -> speech engine -> playback. One task at a time works on an utterance;
what went out, and what became of it, comes back as events.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable
from dataclasses import dataclass

from audio_io.clips import Clips
from audio_io.output import Ending, Output
from audio_io.playback import Playback
from audio_io.production import Manner, Production, StageFailed
from graph.errors import CleanS2SError
from graph.events import Event, ToolCalled, UtteranceEnded, UtteranceStarted
from graph.mind import TextStream
from graph.state import ToolRequest, Utterance

log = logging.getLogger(__name__)

_MESSAGES = {
    "text": "the agent cannot find words: composing its answers fails",
    "tts": "the agent cannot speak: making speech of its answers fails",
    "voice": "the agent cannot be heard: playing its answers fails",
}


@dataclass
class _Speech:
    """The utterance that is being made, played or held."""

    utterance: Utterance
    playback: Playback
    production: Production
    task: asyncio.Task[None] | None = None


class Voice:
    """Says one utterance at a time; `say`, `pause`, `resume` and `hush` are those of `Mind`.

    Two failures in a row are told: `on_trouble` gets a code (`text_failed`, `tts_failed`,
    `voice_failed`) and a message for the client.
    """

    def __init__(
        self,
        now: Callable[[], float],
        post: Callable[[Event], None],
        clips: Clips,
        output: Output,
        *,
        trouble: Callable[[], str] = lambda: "",
        on_trouble: Callable[[str, str], None] = lambda code, message: None,
        lead_seconds: float = 0.2,
        first_audio_seconds: float = 3.0,
    ) -> None:
        """`now`: the session's clock, for stamps. `post` takes the voice's events.

        `trouble` gives the line that is said where an utterance fails before its first sound.
        `lead_seconds`: audio that the output may hold and has not played yet.
        `first_audio_seconds`: how long the speech engine may take for its first audio, and from
        each piece to the next.
        """
        self._now, self._post = now, post
        self._clips, self._output = clips, output
        self._trouble, self._on_trouble = trouble, on_trouble
        self._lead = lead_seconds
        self._manner = Manner("", "en", first_audio_seconds)
        self._speech: _Speech | None = None
        self._group: asyncio.TaskGroup | None = None
        self._begun = 0
        """Number of the newest utterance that may sound."""
        self._failures = 0
        """Utterances that failed in a row."""

    def speak_as(self, voice: str, language: str) -> None:
        """The engine's voice (empty: its default) and the language (BCP 47) from now on."""
        self._manner = Manner(voice, language, self._manner.first_audio_seconds)

    async def run(self) -> None:
        """Speaks what it is told to, until cancelled; then it is silent and says so."""
        try:
            async with asyncio.TaskGroup() as self._group:
                if self._speech:
                    self._start(self._group, self._speech)
                await asyncio.get_running_loop().create_future()
        finally:
            self._group = None
            self.hush()

    def say(self, utterance: Utterance, text: TextStream) -> None:
        """Speaks in place of what it says now; see `Mind.say` for held utterances."""
        speech = self._speech
        if speech is None or speech.utterance.id != utterance.id:
            self.hush()
            speech = self._speech = self._prepare(utterance, text)
            if self._group:
                self._start(self._group, speech)
        if utterance.status != "held" and not speech.playback.number:
            self._begun += 1
            self._output.begin(self._begun, utterance)
            speech.playback.release(self._begun)

    def pause(self) -> None:
        """Pauses what is being said, reversibly. Where nothing is said, nothing happens."""
        if self._speech:
            self._speech.playback.pause()

    def resume(self) -> None:
        """Goes on with what was paused."""
        if self._speech:
            self._speech.playback.resume()

    def hush(self) -> None:
        """Ends what is being said, and forgets what is held."""
        if speech := self._speech:
            if speech.task:
                speech.task.cancel()
            self._end(speech, "cut")

    def played(self, number: int, ms: int) -> None:
        """The client has played this much of an utterance; an older one is ignored."""
        if self._speech and number == self._speech.playback.number:
            self._speech.playback.played(ms)

    def _prepare(self, utterance: Utterance, text: TextStream) -> _Speech:
        def sounds() -> None:
            self._post(UtteranceStarted(at=self._now(), utterance=utterance.id))

        playback = Playback(self._output, self._lead, self._clips.engine.bare, sounds)
        production = Production(utterance, text, playback, self._clips, self._manner)
        return _Speech(utterance, playback, production)

    def _start(self, group: asyncio.TaskGroup, speech: _Speech) -> None:
        # A context of its own, or what the text traces belongs to the graph run that asked for it.
        speech.task = group.create_task(self._work(speech), context=contextvars.Context())

    async def _work(self, speech: _Speech) -> None:
        """One utterance from its first word to its last sample."""
        reason: Ending
        try:
            reason = await self._make(speech)
            speech.playback.close()
            await speech.playback.drained()
        except Exception:
            log.exception("utterance %s broke off", speech.utterance.id)
            self._count_failure("voice")
            reason = "failed"
        if reason != "failed":
            self._failures = 0
        self._end(speech, reason)

    async def _make(self, speech: _Speech) -> Ending:
        try:
            calls = await speech.production.run()
        except StageFailed as failure:
            await self._recover(speech, failure)
            return "failed"
        if not calls:
            return "finished"
        await speech.playback.released()
        for call in calls:
            self._post(self._tool_called(speech.utterance, call))
        return "tool"

    async def _recover(self, speech: _Speech, failure: StageFailed) -> None:
        """Lets what is whole be said to its end; where there is nothing, the trouble line."""
        self._report(speech, failure)
        try:
            if failure.stage == "text":
                await speech.production.finish_sentence()
            speech.playback.drop_unfinished()
            if speech.playback.empty:
                await speech.production.say_line(self._trouble(), failure.stage != "tts")
        except StageFailed as second:
            log.warning("nor can the line for trouble be said: %s", second)
            speech.playback.drop_unfinished()
        await speech.playback.released()
        self._count_failure(failure.stage)

    def _report(self, speech: _Speech, failure: StageFailed) -> None:
        unforeseen = not isinstance(failure.cause, CleanS2SError)
        log.warning(
            "utterance %s: %s failed: %s",
            speech.utterance.id,
            failure.stage,
            failure,
            exc_info=failure.cause if unforeseen else None,
        )

    def _count_failure(self, stage: str) -> None:
        self._failures += 1
        if self._failures >= 2:
            self._on_trouble(f"{stage}_failed", _MESSAGES[stage])

    def _end(self, speech: _Speech, reason: Ending) -> None:
        """Nothing of it sounds any more; the mind and the output learn what was heard."""
        if self._speech is not speech:
            return
        self._speech, heard = None, speech.playback.stop()
        if number := speech.playback.number:
            at = self._now()
            self._post(
                UtteranceEnded(at=at, utterance=speech.utterance.id, heard=heard, reason=reason)
            )
            try:
                if reason == "cut":
                    self._output.flush(number)
                self._output.end(number, heard, reason)
            except Exception:
                log.exception("the output does not take the end of %s", speech.utterance.id)

    def _tool_called(self, utterance: Utterance, call: ToolRequest) -> ToolCalled:
        return ToolCalled(
            at=self._now(),
            utterance=utterance.id,
            call=call["id"],
            name=call["name"],
            arguments=call["arguments"],
        )
