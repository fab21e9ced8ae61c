"""Recordings whose words and times are known, and how one is told by its sound."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from audio_io.pcm import EAR_RATE, Samples, read_audio, resample
from graph.errors import BadInput

Sound: TypeAlias = NDArray[np.float32]

RATE = 4_000
"""Hz at which sounds are compared."""
ALIKE = 0.8
"""Normalised correlation from which two sounds are the same. Measured on the data folder: the same
sound at another rate has 0.88 and more, 0.35 s of another recording 0.69 at most."""
_SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a"}
_TIMES = "word_times.json"


@dataclass(frozen=True)
class Word:
    """A word and when it sounds, in seconds of its recording."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, eq=False)
class Recording:
    """A sound with its words in order of their times."""

    name: str
    sound: Sound
    """At `RATE` Hz."""
    words: tuple[Word, ...]

    @classmethod
    def of(cls, name: str, samples: Samples, rate: int, words: Iterable[Word]) -> "Recording":
        """A recording from int16 mono samples at `rate` Hz."""
        return cls(name, low(samples, rate), tuple(sorted(words, key=lambda word: word.end)))


@dataclass(frozen=True)
class Match:
    """A sound is this recording; its time plus `shift` seconds is the time of the ear's clock."""

    recording: Recording
    shift: float
    likeness: float

    def moved(self, seconds: float) -> "Match":
        """The same, for a clock that stands `seconds` later."""
        return Match(self.recording, self.shift + seconds, self.likeness)


def low(samples: Samples, rate: int = EAR_RATE) -> Sound:
    """Samples as they are compared."""
    return resample(samples, rate, RATE).astype(np.float32)


class Library:
    """Finds which recording a piece of sound is from, and where, by cross-correlation.

    Loudness, sample rate, codec and a fair amount of noise make no difference; another voice over
    it, or another speaker with the same words, do.
    """

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self.recordings = tuple(recordings)

    def find(self, needle: Sound) -> Match | None:
        """The recording and place of a sound whose first sample is at 0 s; blocks.

        None where no recording is alike. Costs 5 ms or so for 10 s of recordings.
        """
        best: Match | None = None
        for recording in self.recordings:
            place, likeness = _best_place(needle, recording.sound)
            if likeness >= ALIKE and (best is None or likeness > best.likeness):
                best = Match(recording, -place / RATE, likeness)
        return best

    def still(self, needle: Sound, at: float, match: Match) -> bool:
        """Whether a sound whose first sample is at `at` of the clock goes on as `match` says."""
        place = round((at - match.shift) * RATE)
        sound = match.recording.sound[max(0, place - 2) : place + len(needle) + 2]
        return len(sound) >= len(needle) and _best_place(needle, sound)[1] >= ALIKE


def _best_place(needle: Sound, sound: Sound) -> tuple[float, float]:
    """Where `needle` fits best into `sound` (its first sample; may be negative), and how well.

    To half a sample: the correlation of whole samples may miss the peak by a third of its height.
    """
    n, m = len(needle), len(sound)
    if n == 0 or m == 0:
        return 0.0, 0.0
    size = 1 << (n + m).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(needle, size))
    products = 2 * np.fft.irfft(spectrum, 2 * size)
    products = np.concatenate([products[len(products) - 2 * (n - 1) :], products[: 2 * m]])
    energy = np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=np.float64))])
    first = np.arange(-(n - 1), m)
    covered = energy[np.clip(first + n, 0, m)] - energy[np.clip(first, 0, m)]
    # A window that is nearly silent must not look alike by chance.
    floor = 0.1 * n * energy[-1] / m
    scale = np.sqrt(np.maximum(covered, floor) * np.square(needle, dtype=np.float64).sum())
    likeness = products / np.maximum(np.repeat(scale, 2), 1e-9)
    peak = int(np.argmax(likeness))
    return peak / 2 - (n - 1), float(likeness[peak])


def load_recordings(path: Path) -> list[Recording]:
    """One sound file, or all of a folder, with their words.

    The words stand in a JSON file of the same name beside the sound, or in a `word_times.json` of
    the folder or one above, under the sound's relative path. Both have `words`: a list of
    [word, start, end] or {"word", "start", "end"}, in seconds. In a folder, sounds without words
    are left out. Raises `BadInput` for a path without such recordings or words of another form.
    """
    if path.is_dir():
        sounds = sorted(file for file in path.rglob("*") if file.suffix.lower() in _SUFFIXES)
        found = [(sound, _entry(sound)) for sound in sounds]
    elif path.is_file():
        found = [(path, _entry(path))]
    else:
        raise BadInput("asr.replay", str(path), "no such file or folder")
    recordings = [_recording(sound, words) for sound, words in found if words is not None]
    if not recordings:
        wanted = f"needs the words' times: a JSON of the same name, or {_TIMES}"
        raise BadInput("asr.replay", str(path), wanted)
    return recordings


def _recording(sound: Path, words: list[Word]) -> Recording:
    samples, rate = read_audio(sound)
    return Recording.of(sound.name, samples, rate, words)


def _entry(sound: Path) -> list[Word] | None:
    """The words of a sound file; None where nothing tells them."""
    beside = sound.with_suffix(".json")
    if beside.is_file():
        entry = _read(beside)
        if isinstance(entry, Mapping) and "words" in entry:
            return _words(entry["words"], str(beside))
    for folder in list(sound.resolve().parents)[:4]:
        if (folder / _TIMES).is_file():
            key = sound.resolve().relative_to(folder).as_posix()
            table = _read(folder / _TIMES)
            entry = table.get(key) if isinstance(table, Mapping) else None
            if isinstance(entry, Mapping):
                return _words(entry.get("words"), f"{folder / _TIMES}: {key}")
    return None


def _read(path: Path) -> object:
    try:
        data: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(str(path), path.name, f"is not JSON: {error}") from error
    return data


def _words(given: object, where: str) -> list[Word]:
    if not isinstance(given, list):
        raise BadInput(f"{where}: words", given, "should be a list")
    return [_word(item, f"{where}: words[{index}]") for index, item in enumerate(given)]


def _word(item: object, where: str) -> Word:
    if isinstance(item, Mapping):
        item = [item.get("word"), item.get("start"), item.get("end")]
    match item:
        case [str(text), int() | float() as start, int() | float() as end] if 0 <= start <= end:
            return Word(text.strip(), float(start), float(end))
    raise BadInput(where, item, "should be [word, start, end] in seconds")
