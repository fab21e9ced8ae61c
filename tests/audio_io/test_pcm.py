from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_io.pcm import EAR_RATE, Inlet, Samples, read_audio, resample, wav_bytes, write_wav
from graph.errors import BadInput
from tests.audio_io.hearing import JFK, data

RATES = [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000]


def tone(rate: int, hertz: float = 440, seconds: float = 1.0) -> Samples:
    times = np.arange(int(rate * seconds)) / rate
    return (np.sin(2 * np.pi * hertz * times) * 12000).astype(np.int16)


def fed(rate: int, samples: Samples, cuts: list[int]) -> Samples:
    inlet = Inlet(rate)
    edges = [0, *sorted(cuts), len(samples)]
    parts = [inlet.feed(samples[a:b].tobytes()) for a, b in pairwise(edges)]
    return np.concatenate(parts)


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_comes_out_at_16_khz_as_it_went_in(rate):
    out = fed(rate, tone(rate), [])[2000:14000].astype(float)
    angle = 2 * np.pi * 440 * np.arange(len(out)) / EAR_RATE
    waves = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    (a, b), *_ = np.linalg.lstsq(waves, out)
    assert np.hypot(a, b) == pytest.approx(12000, rel=0.002)
    assert np.abs(out - waves @ np.array([a, b])).max() < 12


@pytest.mark.parametrize("rate", RATES)
def test_a_click_keeps_its_time(rate):
    samples = np.zeros(rate, dtype=np.int16)
    samples[rate // 2] = 30000
    out = fed(rate, samples, list(range(0, rate, rate // 50)))
    assert abs(np.abs(out.astype(int)).argmax() / EAR_RATE - 0.5) < 0.0005


@pytest.mark.parametrize("rate", RATES)
def test_sound_comes_late_by_31_ms_at_most(rate):
    """An algorithmic delay: samples in against samples out, whatever the machine's speed."""
    inlet, received, given_out = Inlet(rate), 0, 0
    step = rate // 50
    for _ in range(100):
        received += step
        given_out += len(inlet.feed(bytes(2 * step)))
        assert received / rate - given_out / EAR_RATE <= 0.031


@given(
    rate=st.sampled_from(RATES),
    seed=st.integers(0, 2**32 - 1),
    cuts=st.lists(st.integers(0, 6000), max_size=30),
)
@settings(max_examples=40, deadline=None)
def test_the_chunks_change_no_sample(rate, seed, cuts):
    noise = np.random.default_rng(seed).integers(-32768, 32767, 6000).astype(np.int16)
    assert np.array_equal(fed(rate, noise, cuts), fed(rate, noise, []))


def test_half_a_sample_is_refused_and_nothing_else_is_lost():
    inlet = Inlet(24000)
    samples = tone(24000)
    first = inlet.feed(samples[:5000].tobytes())
    with pytest.raises(BadInput, match=r"pcm: .*odd.*\(got 3\)"):
        inlet.feed(b"abc")
    rest = inlet.feed(samples[5000:].tobytes())
    assert np.array_equal(np.concatenate([first, rest]), fed(24000, samples, []))


@pytest.mark.parametrize("rate", [7, 0, -16000, 7999, 48001, 16000.5, "16000", None, True])
def test_a_bad_rate_is_named_with_its_value(rate):
    with pytest.raises(BadInput, match=r"^rate: ") as raised:
        Inlet(rate)
    assert raised.value.value is rate


def test_a_stereo_flac_is_read_as_mono_at_its_own_rate():
    samples, rate = read_audio(data(JFK))
    assert rate == 44100
    assert samples.dtype == np.int16
    assert samples.shape == (485100,)
    assert np.abs(samples).max() > 5000


def test_an_mp3_is_read():
    samples, rate = read_audio(data("faster_whisper/hotwords.mp3"))
    assert rate >= 16000
    assert len(samples) / rate == pytest.approx(4, abs=0.5)


def test_what_is_written_is_read_again(tmp_path):
    samples = tone(24000)
    write_wav(tmp_path / "mono.wav", samples, 24000)
    again, rate = read_audio(tmp_path / "mono.wav")
    assert rate == 24000
    assert np.array_equal(again, samples)
    assert (tmp_path / "mono.wav").read_bytes() == wav_bytes(samples, 24000)


def test_two_channels_become_their_mean(tmp_path):
    left = tone(16000)
    write_wav(tmp_path / "stereo.wav", np.stack([left, np.zeros_like(left)], axis=1), 16000)
    mono, _ = read_audio(tmp_path / "stereo.wav")
    assert np.abs(mono.astype(int) - left // 2).max() <= 1


def test_samples_of_another_type_are_not_written(tmp_path):
    with pytest.raises(BadInput, match="int16"):
        write_wav(tmp_path / "x.wav", np.zeros(10), 16000)  # type: ignore[arg-type]


def test_a_file_that_is_no_sound_is_named(tmp_path):
    (tmp_path / "notes.wav").write_text("not a sound")
    with pytest.raises(BadInput, match=r"path: .*notes\.wav"):
        read_audio(tmp_path / "notes.wav")
    with pytest.raises(BadInput, match="no such file"):
        read_audio(tmp_path / "missing.wav")
    write_wav(tmp_path / "empty.wav", np.zeros(0, dtype=np.int16), 16000)
    with pytest.raises(BadInput, match="no sound"):
        read_audio(tmp_path / "empty.wav")


def test_a_whole_recording_is_resampled():
    assert (
        np.abs(resample(tone(48000), 48000)[500:-500].astype(int) - tone(16000)[500:-500]).max()
        < 60
    )
    samples = tone(16000)
    assert resample(samples, 16000) is samples
