import importlib
import tomllib
from pathlib import Path

import pytest

from audio_io.asr.protocol import GROUP, AsrOptions
from audio_io.asr.registry import build_engine, engine_names
from graph.errors import BadInput

ROOT = Path(__file__).parents[2]


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of someone else's, installed beside ours."""
    (tmp_path / "parrot.py").write_text(
        "class Parrot:\n"
        "    def __init__(self, options): self.options = options\n"
        "    def open(self, listener): return None\n"
        "    def describe(self): return f'parrot: {self.options.model}'\n"
        "    def close(self): pass\n"
    )
    info = tmp_path / "parrot-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nparrot = parrot:Parrot\n")
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("third_party")
def test_an_engine_of_another_package_is_found_by_its_name():
    engine = build_engine(AsrOptions(engine="parrot", model="grey"))
    assert engine.describe() == "parrot: grey"
    assert "parrot" in engine_names()


@pytest.mark.usefixtures("third_party")
def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(BadInput, match=r"asr\.engine: unknown; one of .*parrot.*\(got 'whipser'\)"):
        build_engine(AsrOptions(engine="whipser"))


def test_every_engine_that_the_project_registers_can_be_loaded():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    registered = project.get("entry-points", {}).get(GROUP)
    if registered is None:
        pytest.skip(f"pyproject.toml has no entry points in {GROUP} yet")
    assert set(registered) >= {"auto", "whisper", "pocketsphinx", "openai", "replay", "client"}
    for target in registered.values():
        module, _, name = target.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timeout_seconds", 0.0),
        ("interval_seconds", -1.0),
        ("download_seconds", 0.0),
        ("threads", -1),
        ("processes", -2),
    ],
)
def test_a_wrong_option_is_named(field, value):
    with pytest.raises(BadInput, match=rf"asr\.{field}: "):
        AsrOptions(**{field: value})
