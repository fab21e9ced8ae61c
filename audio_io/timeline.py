"""The audio of one utterance with the text it speaks: sentences in a row, known to the sample."""

from dataclasses import dataclass, field

from audio_io.heard import estimate, heard_text, quietest, spoken_seconds, word_start
from audio_io.sentences import pause_after
from audio_io.tts.protocol import RATE, Audio, Word

MS = RATE // 1000


@dataclass
class _Sentence:
    text: str
    start: int
    end: int | None = None
    """First sample behind it; None while it grows."""
    words: list[Word] = field(default_factory=list)

    def seconds(self, at: int) -> float:
        """A sample of the utterance in seconds of this sentence's audio."""
        return (at - self.start) / RATE


class Timeline:
    """Grows by audio at its end; what has been played is dropped at its beginning.

    Positions are samples from the utterance's beginning.
    """

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._base = 0
        """Sample at which `_pcm` begins."""
        self._sentences: list[_Sentence] = []

    @property
    def total(self) -> int:
        """Samples up to now, dropped ones included."""
        return self._base + len(self._pcm) // 2

    @property
    def sentences(self) -> int:
        """Sentences begun."""
        return len(self._sentences)

    def begin(self, text: str) -> None:
        """The audio that is added from now on speaks this text."""
        self._sentences.append(_Sentence(text, self.total))

    def add(self, audio: Audio, pause: bool) -> None:
        """More audio of the sentence; `pause`: with silence between it and the one before."""
        sentence = self._sentences[-1]
        if pause and audio.pcm and self.total == sentence.start and self.total:
            self._pcm += bytes(2 * round(pause_after(self._sentences[-2].text) * RATE))
            sentence.start = self.total
        self._pcm += audio.pcm
        sentence.words += audio.words

    def end(self) -> None:
        """All audio of the sentence has been added."""
        self._sentences[-1].end = self.total

    def drop_unfinished(self, sent: int) -> None:
        """Forgets a last sentence that is not complete, unless part of it has been sent."""
        unfinished = self._sentences[-1:]
        if unfinished and unfinished[0].end is None and sent <= unfinished[0].start:
            self._sentences.pop()
            before = self._sentences[-1].end or 0 if self._sentences else 0
            del self._pcm[2 * (max(before, sent) - self._base) :]

    def cut(self, start: int, count: int) -> bytes:
        """So many samples from there on."""
        first = 2 * (start - self._base)
        return bytes(self._pcm[first : first + 2 * count])

    def forget(self, before: int) -> int:
        """Drops the sentences that end before a sample; returns the first sample that is left."""
        starts = [sentence.start for sentence in self._sentences if sentence.start <= before]
        keep = max(starts, default=0) // MS * MS
        if keep > self._base:
            del self._pcm[: 2 * (keep - self._base)]
            self._base = keep
        return self._base

    def heard(self, at: int) -> str:
        """The text whose words have sounded by then."""
        text = ""
        for sentence in self._sentences:
            if sentence.end is not None and at >= sentence.end:
                text += sentence.text
            elif at > sentence.start:
                complete = sentence.end is not None or not sentence.words
                words, seconds = self._words(sentence), sentence.seconds(at)
                text += heard_text(sentence.text, words, seconds, complete)
                break
        return text.strip()

    def word_start(self, at: int) -> int:
        """Where the word that sounds at a sample begins, down to a whole millisecond.

        `at` itself between two words. Without word times it is a guess, moved to a near silence.
        """
        sentence = next((one for one in reversed(self._sentences) if one.start <= at), None)
        if sentence is None:
            return at
        start = word_start(self._words(sentence), sentence.seconds(at))
        if start == sentence.seconds(at):
            return at
        sample = sentence.start + round(start * RATE) - self._base
        if not sentence.words:
            sample = quietest(self._pcm, sample, at - self._base)
        return max(self._base, (self._base + sample) // MS * MS)

    def _words(self, sentence: _Sentence) -> tuple[Word, ...]:
        """Its words and times: as the engine told them, else in proportion."""
        if sentence.words:
            indent = len(sentence.text) - len(sentence.text.lstrip())
            return tuple(
                Word(word.first + indent, word.last + indent, word.start, word.end)
                for word in sentence.words
            )
        if sentence.end is not None:
            return estimate(sentence.text, sentence.seconds(sentence.end))
        so_far = sentence.seconds(self.total)
        return estimate(sentence.text, max(so_far, spoken_seconds(sentence.text)))
