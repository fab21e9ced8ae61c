"""`cleans2s doctor`: every line says what is there, or what to do."""

from pathlib import Path

import pytest

from graph.settings import LLMSettings, MemorySettings, Settings
from server.doctor import doctor, examine
from tests.llm_server import llm_server


def test_a_machine_with_the_defaults_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(Settings(data_dir=tmp_path)) == 0
    told = capsys.readouterr().out
    assert "all that is needed is here" in told
    assert "ada, max" in told
    assert "none set: personas speak their own lines" in told


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert doctor(Settings(data_dir=blocked)) == 1
    told = capsys.readouterr().out
    assert str(blocked) in told
    assert "CLEANS2S_DATA_DIR" in told
    assert "to mend: data folder" in told


def test_a_model_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        llm=LLMSettings(model="x", base_url="http://127.0.0.1:9/v1"),
        memory=MemorySettings(backend="none"),
    )
    (llm,) = [finding for finding in examine(settings) if finding.what == "llm"]
    assert llm.standing == "broken"
    assert "http://127.0.0.1:9/v1 does not answer" in llm.found
    assert "CLEANS2S_LLM__BASE_URL" in llm.advice


def test_a_model_server_that_answers_but_lists_no_models_will_do(tmp_path: Path) -> None:
    with llm_server([]) as server:
        settings = Settings(data_dir=tmp_path, llm=LLMSettings(model="x", base_url=server.url))
        (llm,) = [finding for finding in examine(settings) if finding.what == "llm"]
    assert llm.standing != "missing"
    assert server.url in llm.found


def test_a_mistake_in_a_persona_file_is_told_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("name: Broken\nlanguages: [en]\npatience: nine\n")
    settings = Settings(data_dir=tmp_path, persona_dirs=[tmp_path])
    (personas,) = [finding for finding in examine(settings) if finding.what == "personas"]
    assert personas.standing == "broken"
    assert f"{tmp_path / 'broken.yaml'}:" in personas.found
