"""The replay recogniser finds real recordings by their sound alone."""

import json
import logging

import numpy as np
import pytest

from audio_io.asr.protocol import AsrOptions
from audio_io.asr.recordings import Library, Recording, Word, load_recordings, low
from audio_io.asr.replay import ReplayEngine, build
from audio_io.pcm import Samples, write_wav
from evals.virtual_time import run_virtual
from graph.errors import BadInput, Unavailable
from tests.audio_io.hearing import (
    DASHWOOD,
    DIGITS,
    JFK,
    LIBRI,
    TELEPHONE,
    Heard,
    data,
    hear,
    silence,
    speech,
)


@pytest.fixture(scope="module")
def engine() -> ReplayEngine:
    return ReplayEngine(load_recordings(data("word_times.json").parent))


def said(heard: Heard) -> str:
    return " ".join(text for text in heard.finals if text)


def text_of(name: str) -> str:
    table = json.loads(data("word_times.json").read_text())
    return " ".join(word for word, _, _ in table[name]["words"])


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
def test_kennedy_is_understood_at_any_rate(engine, rate):
    heard = run_virtual(hear(engine, *speech(JFK, rate)))
    assert heard.finals == [
        "and so my fellow americans",
        "ask not",
        "what your country can do for you",
        "ask what you can do for your country",
    ]
    assert heard.failures == 0


@pytest.mark.parametrize("name", [LIBRI, DASHWOOD, DIGITS])
def test_each_recording_is_told_by_its_sound(engine, name):
    heard = run_virtual(hear(engine, *speech(name)))
    assert said(heard) == text_of(name)


def test_partials_come_as_the_words_end(engine):
    heard = run_virtual(hear(engine, *speech(JFK)))
    table = json.loads(data("word_times.json").read_text())
    ends = [end for _, _, end in table[JFK]["words"]]
    grown = [event for event in heard.partials if not event.final]
    assert len(grown) == len(ends)
    for event, end in zip(grown, ends, strict=True):
        assert 0 <= event.at - end < 0.1
        assert event.confirmed == len(event.text)


def test_soft_noisy_sound_of_one_channel_is_still_found(engine):
    samples, rate = speech(JFK, 8000)
    noise = np.random.default_rng(2).standard_normal(len(samples)) * samples.std() * 0.2
    soft = (0.2 * (samples + noise)).astype(np.int16)
    assert said(run_virtual(hear(engine, soft, rate))) == text_of(JFK)


def test_recordings_one_after_the_other_are_told_apart(engine):
    parts: list[Samples] = []
    names = [DASHWOOD, JFK, DASHWOOD, DIGITS]
    for name in names:
        parts += [speech(name, 16000)[0], silence(1.3, 16000)]
    heard = run_virtual(hear(engine, np.concatenate(parts), 16000))
    assert said(heard) == " ".join(text_of(name) for name in names)


def test_a_recording_played_from_its_middle_begins_with_the_word_that_is_heard(engine):
    samples, rate = speech(JFK)
    heard = run_virtual(hear(engine, samples[int(5.0 * rate) :], rate))
    assert said(heard) == "what your country can do for you ask what you can do for your country"


def test_a_recording_that_breaks_off_ends_with_the_words_that_were_heard(engine):
    samples, rate = speech(DASHWOOD)
    heard = run_virtual(hear(engine, samples[: int(3.6 * rate)], rate))
    assert said(heard).startswith("and mister john dashwood had then leisure to consider")
    assert len(said(heard).split()) <= 10


def test_a_voice_that_is_not_known_has_no_words_and_the_log_says_so(engine, caplog):
    samples, rate = speech(TELEPHONE)
    heard = run_virtual(hear(engine, samples[: 12 * rate], rate))
    assert len(heard.started) == len(heard.stopped) == len(heard.finals) > 0
    assert said(heard) == ""
    assert "knows no recording that sounds like segment 1" in caplog.text


def test_no_recording_is_taken_for_another():
    """The shortest piece that is looked for, from every half second of every recording."""
    recordings = load_recordings(data("word_times.json").parent)
    for recording in recordings:
        others = Library([other for other in recordings if other is not recording])
        for start in range(0, len(recording.sound) - 1400, 2000):
            needle = recording.sound[start : start + 1400]
            if np.abs(needle).max() > 500:
                assert others.find(needle) is None, (recording.name, start / 4000)


def test_the_place_in_a_recording_is_found_to_the_millisecond():
    samples, _ = speech(JFK, 16000)
    library = Library([Recording.of("jfk", samples, 16000, [])])
    for start in (0, 5333, 48000, 100001):
        match = library.find(low(samples[start : start + 8000]))
        assert match is not None
        assert -match.shift == pytest.approx(start / 16000, abs=0.001)
        assert match.likeness > 0.88
    assert library.find(np.zeros(2000, dtype=np.float32)) is None


WORDS = [["ask", 3.3, 4.0], {"word": "not", "start": 4.0, "end": 4.3}]


def test_words_may_stand_in_a_file_beside_the_recording(tmp_path, caplog):
    samples, rate = speech(JFK)
    write_wav(tmp_path / "talk.wav", samples, rate)
    write_wav(tmp_path / "other.wav", samples[::-1].copy(), rate)
    (tmp_path / "talk.json").write_text(json.dumps({"words": WORDS}))
    caplog.set_level(logging.INFO)
    for given in (tmp_path, tmp_path / "talk.wav"):
        heard = run_virtual(hear(build(AsrOptions(replay=given)), samples, rate))
        assert heard.finals == ["", "ask not", "", ""]
    assert "segment 1 is talk.wav" in caplog.text


def test_one_recording_of_the_data_folder_finds_its_words():
    asr = build(AsrOptions(replay=data(DASHWOOD)))
    assert asr.describe() == "replay: the words of 1 known recordings"
    assert said(run_virtual(hear(asr, *speech(DASHWOOD)))) == text_of(DASHWOOD)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON"),
        ('{"words": 3}', r"talk\.json: words: should be a list"),
        ('{"words": [["a", 0, 1], ["b", 2, 1]]}', r"words\[1\]: should be \[word, start, end\]"),
        ('{"words": [["a", 0]]}', r"words\[0\]"),
        ('{"words": [{"word": "a", "start": 0}]}', r"words\[0\]"),
        ('{"text": "no times"}', "needs the words' times"),
    ],
)
def test_word_times_of_another_form_are_named(tmp_path, content, says):
    write_wav(tmp_path / "talk.wav", silence(1, 16000), 16000)
    (tmp_path / "talk.json").write_text(content)
    with pytest.raises(BadInput, match=says):
        build(AsrOptions(replay=tmp_path / "talk.wav"))


def test_a_path_that_is_not_there_is_named(tmp_path, monkeypatch):
    with pytest.raises(BadInput, match=r"asr\.replay: no such file or folder .*nothing"):
        build(AsrOptions(replay=tmp_path / "nothing"))
    with pytest.raises(BadInput, match=r"asr\.replay: needs the words' times"):
        build(AsrOptions(replay=tmp_path))
    monkeypatch.setenv("CLEANS2S_DATA", str(tmp_path))
    with pytest.raises(Unavailable, match=r"set asr\.replay"):
        build(AsrOptions())


def test_the_data_folder_is_found_by_its_setting(monkeypatch):
    monkeypatch.setenv("CLEANS2S_DATA", str(data("word_times.json").parents[1]))
    assert "13 known recordings" in build(AsrOptions()).describe()


async def test_a_session_that_ends_during_the_search_hears_nothing(engine):
    samples, rate = speech(JFK)
    heard = Heard()
    ear = heard.ear(engine, rate)
    await ear.feed(samples[: rate // 2].tobytes())
    ear.close()
    told = list(heard.told)
    await ear.feed(samples.tobytes())
    assert heard.told == told


def test_words_are_sorted_by_their_time():
    words = [Word("b", 1, 2), Word("a", 0, 1)]
    recording = Recording.of("x", silence(2, 16000), 16000, words)
    assert [word.text for word in recording.words] == ["a", "b"]
