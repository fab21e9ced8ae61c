import subprocess
import sys

import numpy as np
import pytest

from audio_io.vad import (
    WINDOW,
    Change,
    SpeechRule,
    VadOptions,
    VoiceModel,
    shared_model,
)
from graph.errors import BadInput
from tests.audio_io.hearing import JFK, speech


def changes(*probabilities: float, options: VadOptions | None = None) -> list[tuple[int, Change]]:
    """What the rule tells, with the number of the window in which it does."""
    rule = SpeechRule(options or VadOptions())
    told = [(number, rule.feed(value)) for number, value in enumerate(probabilities)]
    return [(number, change) for number, change in told if change]


def test_a_clear_voice_starts_speech_in_its_second_window():
    assert changes(0.0, 0.0, 0.9, 0.99) == [(3, Change("started", 2))]


def test_a_click_of_one_window_starts_nothing():
    assert changes(0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0) == []


def test_a_breath_of_two_doubtful_windows_starts_nothing():
    assert changes(0.0, 0.7, 0.72, 0.3, 0.1, 0.0) == []


def test_a_faint_voice_starts_speech_a_little_later():
    assert changes(0.1, 0.7, 0.7, 0.7, 0.7) == [(4, Change("started", 1))]


def test_clicks_with_silence_between_do_not_add_up():
    assert changes(*[1.0, 0.0, 0.0] * 20) == []


def test_speech_stops_after_six_silent_windows_and_says_since_when():
    assert changes(1.0, 1.0, 1.0, *[0.0] * 6) == [
        (1, Change("started", 0)),
        (8, Change("stopped", 3)),
    ]


def test_a_dip_inside_a_word_does_not_stop_speech():
    assert len(changes(1.0, 1.0, *[0.1] * 5, 0.4, *[0.1] * 5, 0.9)) == 1


def test_a_longer_silence_may_be_asked_for():
    patient = VadOptions(silence_seconds=0.5)
    assert changes(1.0, 1.0, *[0.0] * 20, options=patient)[1] == (17, Change("stopped", 2))


@pytest.mark.parametrize(
    "wrong",
    [
        {"release": 0.6},
        {"release": 0.0},
        {"threshold": 1.0},
        {"evidence": 0.0},
        {"silence_seconds": 0.01},
    ],
)
def test_thresholds_that_make_no_sense_are_refused(wrong):
    with pytest.raises(BadInput, match=r"should be|>="):
        VadOptions(**wrong)


def test_all_sessions_share_one_model():
    assert VoiceModel()._model is VoiceModel()._model is shared_model()


def test_sessions_do_not_hear_each_other():
    samples, _ = speech(JFK, 16000)
    windows = samples[: 100 * WINDOW].reshape(-1, WINDOW)
    alone = VoiceModel()
    expected = [alone.probability(window) for window in windows]
    one, other = VoiceModel(), VoiceModel()
    noise = np.random.default_rng(0).integers(-9000, 9000, WINDOW).astype(np.int16)
    heard = []
    for window in windows:
        heard.append(one.probability(window))
        other.probability(noise)
    assert heard == expected
    assert max(expected) > 0.95
    assert min(expected) < 0.05


def test_loading_the_model_imports_neither_silero_nor_torch():
    code = (
        "import sys; from audio_io.vad import shared_model; shared_model(); "
        "print([m for m in ('silero_vad', 'torch', 'torchaudio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
