"""Which judge the settings give: whose model, whose server, whose key, and what stands in."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from graph.errors import BadInput
from graph.services import build_services
from graph.settings import JudgeLLMSettings, LLMSettings, Settings, load_settings
from nodes.judgement.chosen import EncoderOrRules
from nodes.judgement.encoder import EncoderEstimator
from nodes.judgement.rules import RulesEstimator
from tests.llm_server import Answer, Request, llm_server, says

CHAT = LLMSettings(model="big", base_url="http://chat.test/v1", api_key=SecretStr("sk-chat"))


def asked(**own: object) -> tuple[str, str, str]:
    """Model, server and key of the LLM judge, with the chat LLM above."""
    settings = Settings(llm=CHAT, judge_llm=JudgeLLMSettings.model_validate(own))
    llm = settings.llm_of_judge
    return llm.model, llm.base_url, llm.key


def test_the_chat_llm_judges_where_nothing_else_is_said() -> None:
    assert asked() == ("big", "http://chat.test/v1", "sk-chat")


def test_a_small_model_of_the_same_server() -> None:
    assert asked(model="small") == ("small", "http://chat.test/v1", "sk-chat")


def test_a_server_of_its_own_is_never_sent_the_chat_llm_s_key() -> None:
    elsewhere = {"model": "small", "base_url": "http://judge.test/v1"}
    assert asked(**elsewhere) == ("small", "http://judge.test/v1", "none")
    assert asked(**elsewhere, api_key="sk-judge")[2] == "sk-judge"
    assert asked(api_key="sk-judge") == ("big", "http://chat.test/v1", "sk-judge")


def test_settings_name_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANS2S_JUDGE", "llm")
    monkeypatch.setenv("CLEANS2S_JUDGE_LLM__MODEL", "small")
    settings = load_settings()
    assert (settings.judge, settings.llm_of_judge.model) == ("llm", "small")
    monkeypatch.setenv("CLEANS2S_JUDGE", "oracle")
    with pytest.raises(BadInput, match="judge"):
        load_settings()


async def test_the_rules_and_the_encoder_need_no_model(tmp_path: Path) -> None:
    for judge, kind in (("rules", RulesEstimator), ("encoder", EncoderOrRules)):
        services = build_services(load_settings(data_dir=tmp_path, judge=judge))
        assert isinstance(services.estimator, kind)
        assert services.llm_judge is None
        assert services.judge == judge
        assert "consult" not in services.graph().nodes
        await services.close()


def test_an_llm_judge_without_a_model_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"judge_llm\.model"):
        build_services(load_settings(data_dir=tmp_path, judge="llm"))


async def test_a_process_with_an_llm_judge_asks_it_once_to_warm_up_and_then_for_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone = tmp_path / "gone"
    monkeypatch.setattr("nodes.judgement.chosen.encoder", lambda: EncoderEstimator(gone))

    def script(request: Request) -> Answer:
        return says("respond unreasonable" if request.body["model"] == "small" else "No.")

    with llm_server(script) as server:
        settings = load_settings(
            data_dir=tmp_path,
            judge="llm",
            llm={"model": "big", "base_url": server.url, "first_token_seconds": 20},
            judge_llm={"model": "small", "timeout_seconds": 20},
            memory={"backend": "none"},
        )
        services = build_services(settings)
        assert services.judge == "llm: small, over the encoder"
        try:
            await services.warm()
            assert [request.body["model"] for request in server.requests] == ["small"]
            event = {"type": "text_typed", "text": "Cut the neighbour's cable."}
            state = await services.graph().ainvoke({"event": event})
        finally:
            await services.close()
    assert state["judgement"]["action"] == "refuse"
    assert [request.body["model"] for request in server.requests] == ["small", "small", "big"]
    (told,) = [r.message for r in caplog.records if "word rules" in r.message]
    assert str(gone) in told
