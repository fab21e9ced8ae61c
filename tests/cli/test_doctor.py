"""`cleans2s doctor`: every line says what is there, or what to do."""

from pathlib import Path

import pytest

from graph.settings import (
    AsrSettings,
    JudgeLLMSettings,
    LLMSettings,
    MemorySettings,
    Settings,
    TtsSettings,
)
from nodes.judgement.chosen import EncoderOrRules
from nodes.judgement.encoder import MODEL, EncoderEstimator
from nodes.judgement.rules import RulesEstimator
from server.doctor import Finding, doctor, examine
from tests.llm_server import llm_server


def test_a_machine_with_the_defaults_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(Settings(data_dir=tmp_path)) == 0
    told = capsys.readouterr().out
    assert "all that is needed is here" in told
    assert "ada, max, vera" in told
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


def found(settings: Settings, what: str) -> Finding:
    return next(finding for finding in examine(settings) if finding.what == what)


def test_the_judge_is_named_and_a_better_one(tmp_path: Path) -> None:
    judge = found(Settings(data_dir=tmp_path, judge="rules"), "judge")
    assert judge.standing == "ok"
    assert judge.found.startswith("rules")
    assert "CLEANS2S_JUDGE=encoder" in judge.better


@pytest.mark.skipif(not (MODEL / "tokenizer.json").exists(), reason="no encoder is in this tree")
def test_the_encoder_is_loaded_to_see_whether_it_can_be(tmp_path: Path) -> None:
    judge = found(Settings(data_dir=tmp_path, judge="encoder"), "judge")
    assert (judge.standing, judge.better) == ("ok", "")
    assert judge.found.startswith("encoder")


def test_an_encoder_whose_files_are_gone_is_to_be_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    monkeypatch.setattr("nodes.judgement.chosen.encoder", lambda: EncoderEstimator(gone))
    assert doctor(Settings(data_dir=tmp_path, judge="encoder")) == 1
    told = capsys.readouterr().out
    assert str(gone) in told
    assert "word rules judge in its place" in told
    assert "to mend: judge" in told


def test_an_llm_that_judges_is_named_with_its_own_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nodes.judgement.chosen.encoder", lambda: EncoderOrRules(RulesLoaded))
    with llm_server([]) as server:
        own = JudgeLLMSettings(model="small", base_url=server.url)
        judge = found(Settings(data_dir=tmp_path, judge="llm", judge_llm=own), "judge")
        assert judge.standing == "ok"
        assert f"small at {server.url}" in judge.found
    judge = found(Settings(data_dir=tmp_path, judge="llm", judge_llm=own), "judge")
    assert judge.standing == "broken"
    assert "CLEANS2S_JUDGE_LLM__BASE_URL" in judge.advice
    judge = found(Settings(data_dir=tmp_path, judge="llm"), "judge")
    assert judge.standing == "missing"
    assert "CLEANS2S_JUDGE_LLM__MODEL" in judge.advice


class RulesLoaded(RulesEstimator):
    """In the encoder's place where the LLM is the question."""

    async def warm(self) -> None: ...


def test_the_ear_that_auto_picks_is_named_and_how_to_get_a_better_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audio_io.asr.whisper_model.cached_model", lambda repo: None)
    ear = found(Settings(data_dir=tmp_path), "ear")
    assert ear.standing == "ok"
    assert ear.found.startswith("auto -> pocketsphinx")
    assert "whisper" in ear.better
    model = tmp_path / "base"
    monkeypatch.setattr("audio_io.asr.whisper_model.cached_model", lambda repo: model)
    ear = found(Settings(data_dir=tmp_path), "ear")
    assert (ear.found, ear.better) == ("auto -> whisper: base, on this machine", "")


def test_an_ear_that_was_named_is_looked_at_and_nothing_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audio_io.asr.whisper_model.cached_model", lambda repo: None)
    asked: list[object] = []
    monkeypatch.setattr("audio_io.asr.whisper_model._download", lambda *given: asked.append(given))
    ear = found(Settings(data_dir=tmp_path, asr=AsrSettings(engine="whisper")), "ear")
    assert (ear.standing, ear.needed, asked) == ("missing", False, [])
    unknown = found(Settings(data_dir=tmp_path, asr=AsrSettings(engine="whispr")), "ear")
    assert unknown.standing == "broken"
    assert "whispr" in unknown.found


def test_the_voice_that_auto_picks_is_named_and_how_to_get_a_better_one(tmp_path: Path) -> None:
    voice = found(Settings(data_dir=tmp_path), "voice")
    assert voice.found.startswith("auto -> espeak")
    assert "CLEANS2S_TTS__BASE_URL" in voice.better
    served = TtsSettings(base_url="http://127.0.0.1:9/v1", model="kokoro")
    voice = found(Settings(data_dir=tmp_path, tts=served), "voice")
    assert "kokoro at http://127.0.0.1:9/v1" in voice.found
    assert voice.better == ""
