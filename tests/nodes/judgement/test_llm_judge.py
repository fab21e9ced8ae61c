"""The LLM judge against a real server of chat completions: what it takes from answers, and what
happens where there is none."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from graph.settings import LLMSettings
from graph.state import Estimate
from nodes.judgement.estimator import View
from nodes.judgement.llm import UNTOLD_CONFIDENCE, LlmJudge
from tests.llm_server import (
    Answer,
    LLMServer,
    Request,
    dies,
    ends,
    garbage,
    judges,
    llm_server,
    refuses,
    says,
    stalls,
)

KEY = "sk-very-secret-0123456789"
VIEW = View("i would like to book a table", (("agent", "what can i do for you"),))
FALLBACK = Estimate(0.123, "plain", 0.9, "test")

Script = list[Answer] | Callable[[Request], Answer]


class Fallback:
    """An estimator that is easy to tell from the model."""

    async def estimate(self, view: View) -> Estimate:
        return FALLBACK


@asynccontextmanager
async def judge_of(
    script: Script, seconds: float = 5.0, rest: float = 0.0
) -> AsyncIterator[tuple[LlmJudge, LLMServer]]:
    with llm_server(script) as server:
        settings = LLMSettings(model="small", base_url=server.url, api_key=SecretStr(KEY))
        judge = LlmJudge(settings, seconds, Fallback(), rest_seconds=rest)
        try:
            yield judge, server
        finally:
            await judge.close()


async def test_probabilities_come_from_the_server_s_log_probabilities() -> None:
    told = judges(
        {"respond": 0.6, "listen": 0.3, "Resp": 0.1},
        {" aff": 0.8, " plain": 0.2},
        {"ront": 1.0},
    )
    async with judge_of([told]) as (judge, server):
        estimate = await judge.estimate(VIEW)
    assert estimate == Estimate(0.7, "affront", 0.8, "llm")
    (request,) = server.requests
    assert request.body["temperature"] == 0
    assert request.body["max_tokens"] <= 16
    assert request.body["logprobs"] is True
    assert request.body["top_logprobs"] == 5
    assert [m["role"] for m in request.messages] == ["system", "user"]
    assert request.messages[1]["content"].endswith(VIEW.text)
    assert judge.counts == {"asked": 1, "answered": 1}


async def test_a_server_that_tells_none_is_taken_to_be_fairly_sure() -> None:
    async with judge_of([says("respond plain"), says("listen boring")]) as (judge, _):
        assert await judge.estimate(VIEW) == Estimate(
            UNTOLD_CONFIDENCE, "plain", UNTOLD_CONFIDENCE, "llm"
        )
        listens = await judge.estimate(VIEW)
    assert listens.p_complete == pytest.approx(1 - UNTOLD_CONFIDENCE)
    assert (listens.appraisal, listens.p_appraisal) == ("boring", UNTOLD_CONFIDENCE)


async def test_an_act_may_be_suggested() -> None:
    async with judge_of([says("respond unreasonable deflect")]) as (judge, _):
        estimate = await judge.estimate(VIEW)
    assert (estimate.appraisal, estimate.suggests) == ("unreasonable", "deflect")


async def test_a_server_that_refuses_log_probabilities_is_asked_without_from_then_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def script(request: Request) -> Answer:
        if request.body.get("logprobs"):
            return refuses(400, "This model does not support logprobs.")
        return says("respond plain")

    async with judge_of(script) as (judge, server):
        for _ in range(2):
            assert (await judge.estimate(VIEW)).source == "llm"
    assert len(server.requests) == 3
    assert [r.message for r in caplog.records if "log probabilities" in r.message]
    assert judge.counts == {"asked": 2, "answered": 2}


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (says("I think the user is done."), "malformed", "answers no verdict"),
        (says("respond"), "malformed", "answers no verdict"),
        (garbage("respond"), "malformed", ""),
        (dies("respond"), "died", ""),
        (ends("respond", " plain"), "died", "before the verdict was complete"),
        (stalls("respond"), "stalled", "no verdict within 0.3 s"),
        (refuses(401, f"bad key {KEY}"), "unauthorised", "refuses the key"),
        (refuses(429), "rate_limited", "wants fewer requests"),
        (refuses(404, "no such model"), "rejected", "no such model"),
        (refuses(500), "died", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_where_the_model_fails_the_fallback_estimates_and_it_is_told_once(
    answer: Answer, kind: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = 0.3 if kind == "stalled" else 5.0
    async with judge_of([answer, answer], seconds) as (judge, server):
        for _ in range(2):
            assert await judge.estimate(VIEW) == FALLBACK
        url = server.url
    assert judge.counts == {"asked": 2, kind: 2}
    (line,) = [r.message for r in caplog.records if r.name == "nodes.judgement.llm"]
    assert url in line
    assert told in line
    assert KEY not in caplog.text


async def test_a_server_that_cannot_be_reached() -> None:
    settings = LLMSettings(model="small", base_url="http://127.0.0.1:9/v1")
    judge = LlmJudge(settings, 5.0, Fallback())
    assert await judge.estimate(VIEW) == FALLBACK
    assert judge.counts["unreachable"] == 1
    await judge.close()


async def test_a_server_that_refuses_is_left_alone_for_a_while() -> None:
    async with judge_of([refuses(429)], rest=3600) as (judge, server):
        for _ in range(3):
            assert await judge.estimate(VIEW) == FALLBACK
        assert len(server.requests) == 1
    assert judge.counts == {"asked": 1, "rate_limited": 1, "spared": 2}


async def test_when_the_while_is_over_it_is_asked_again() -> None:
    async with judge_of([refuses(429), says("respond plain")], rest=0.05) as (judge, _):
        assert await judge.estimate(VIEW) == FALLBACK
        await asyncio.sleep(0.06)
        assert (await judge.estimate(VIEW)).source == "llm"


async def test_a_superseded_call_is_cancelled_and_the_server_can_stop() -> None:
    asked = threading.Event()

    def thinks_long(request: Request) -> Answer:
        asked.set()
        return Answer(("respond", " plain"), gap=30.0)

    async with judge_of(thinks_long) as (judge, server):
        call = asyncio.create_task(judge.estimate(VIEW))
        assert await asyncio.to_thread(asked.wait, timeout=5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(server.hung_up.acquire, timeout=5)
    assert judge.counts == {"asked": 1, "superseded": 1}


async def test_calls_of_several_sessions_run_side_by_side() -> None:
    def script(request: Request) -> Answer:
        asked = re.search(r"so far: (\w+)$", request.messages[1]["content"])
        assert asked
        return says("respond plain" if asked[1] == "done" else "listen plain", gap=0.1)

    async with judge_of(script) as (judge, _):
        done, open_ = await asyncio.gather(
            judge.estimate(View("done")), judge.estimate(View("and"))
        )
    assert done.p_complete > 0.5 > open_.p_complete
