import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from audio_io.tts.registry import load_tts, tts_names
from graph.errors import BadInput, Unavailable


@dataclass(frozen=True)
class Options:
    engine: str = "auto"
    base_url: str = ""
    model: str = ""
    key: str = ""
    rate: int = 24_000
    first_audio_seconds: float = 3.0


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A distribution of a third party with a speech engine, installed beside ours."""
    (tmp_path / "parakeet.py").write_text(
        "from audio_io.tts.tone import ToneEngine\n"
        "class Parrot(ToneEngine):\n"
        "    name = 'parrot'\n"
        "    def __init__(self, options): self.model = options.model\n"
        "    def describe(self): return f'parrot {self.model}'\n"
    )
    info = tmp_path / "parakeet-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parakeet\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[cleans2s.tts]\nparrot = parakeet:Parrot\nbroken = parakeet:Missing\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("parakeet", None)


def test_our_engines_are_there():
    assert {"espeak", "openai", "tone"} <= set(tts_names())


def test_auto_takes_the_embedded_engine_where_no_server_is_named():
    assert load_tts(Options()).name == "espeak"


@pytest.mark.parametrize("options", [Options(base_url="http://a/v1"), Options(model="tts-1")])
def test_auto_takes_the_server_where_one_is_named(options: Options):
    engine = load_tts(options)
    assert engine.name == "openai"
    assert (options.base_url or "https://api.openai.com/v1") + "/audio/speech" in engine.describe()


def test_an_engine_of_a_third_party_is_found_and_gets_the_options(elsewhere: Path):
    assert "parrot" in tts_names()
    assert load_tts(Options("parrot", model="grey")).describe() == "parrot grey"


def test_an_engine_that_does_not_load_is_named(elsewhere: Path):
    with pytest.raises(Unavailable, match="'broken'"):
        load_tts(Options("broken"))


def test_an_engine_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(BadInput, match=r"tts.engine.*espeak.*'frog'"):
        load_tts(Options("frog"))
