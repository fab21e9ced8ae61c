import asyncio
import logging
import time
import traceback

import pytest
from langchain_core.messages import HumanMessage
from pydantic import SecretStr

from graph.errors import BadInput, CleanS2SError
from graph.settings import LLMSettings
from graph.state import Tool
from nodes.llm import chat_model, close, stream_reply
from nodes.llm_failure import ComposeFailed
from tests.llm_server import (
    Answer,
    LLMServer,
    calls,
    dies,
    ends,
    garbage,
    llm_server,
    page,
    refuses,
    says,
    stalls,
)

KEY = "sk-very-secret-0123456789"
WEATHER = Tool("weather", "Tells the weather.")


def settings_of(server: LLMServer, first: float = 5.0, then: float = 5.0) -> LLMSettings:
    return LLMSettings(
        model="m",
        base_url=server.url,
        api_key=SecretStr(KEY),
        first_token_seconds=first,
        next_token_seconds=then,
    )


async def asked(settings: LLMSettings, *tools: Tool) -> tuple[list[object], ComposeFailed | None]:
    """What was said, and how it failed."""
    heard: list[object] = []
    model, messages = chat_model(settings), [HumanMessage("Hello.")]
    try:
        async for piece in stream_reply(model, messages, tools, settings):
            heard.append(piece)
    except ComposeFailed as failure:
        return heard, failure
    finally:
        await close(model)
    return heard, None


@pytest.mark.parametrize(
    ("answer", "heard", "kind", "hint"),
    [
        (dies(), [], "died", "before the reply was complete"),
        (dies("Well, "), ["Well, "], "died", "before the reply was complete"),
        (ends(), [], "died", "before the reply was complete"),
        (ends("Well, "), ["Well, "], "died", "before the reply was complete"),
        (Answer(("Well, ",), then="error"), ["Well, "], "died", "out of memory"),
        (garbage(), [], "malformed", "not JSON"),
        (garbage("Well, "), ["Well, "], "malformed", "not JSON"),
        (page(), [], "malformed", "check llm.base_url"),
        (Answer(body='{"choices": []}', content_type="application/json"), [], "malformed", ""),
        (Answer(body="data: 5\n\n"), [], "malformed", "check llm.base_url"),
        (Answer(body='data: {"choices": [{"delta": 3}]}\n\n'), [], "malformed", ""),
        (Answer((" ", "\n")), [" ", "\n"], "malformed", "without a word"),
        (Answer(), [], "malformed", "without a word"),
        (refuses(401), [], "unauthorised", "llm.api_key"),
        (refuses(403), [], "unauthorised", "llm.api_key"),
        (refuses(429, retry_after="7"), [], "rate_limited", "in 7 s"),
        (refuses(429), [], "rate_limited", "try later"),
        (refuses(404, "no such model"), [], "rejected", "no such model"),
        (refuses(400, "too long"), [], "rejected", "llm.model ('m')"),
        (refuses(500), [], "died", "status 500"),
        (refuses(503), [], "died", "status 503"),
    ],
)
async def test_each_failure_is_named_with_the_server_and_what_to_do(answer, heard, kind, hint):
    with llm_server([answer]) as server:
        said, failure = await asked(settings_of(server))
    assert said == heard
    assert failure is not None
    assert failure.kind == kind
    assert server.url in str(failure)
    assert hint in str(failure)
    assert isinstance(failure, CleanS2SError)
    assert len(server.requests) == 1, "no retry: the user hears the pause"


async def test_a_server_that_sends_no_token_in_time_is_given_up():
    with llm_server([stalls()]) as server:
        said, failure = await asked(settings_of(server, first=0.1))
        assert await asyncio.to_thread(server.hung_up.acquire, timeout=5)
    assert said == []
    assert failure is not None
    assert failure.kind == "no_first_token"
    assert "0.1 s" in str(failure)
    assert "llm.first_token_seconds" in str(failure)


async def test_chunks_without_content_are_no_token():
    with llm_server([Answer(("late",), empty_chunks=100)]) as server:
        said, failure = await asked(settings_of(server, first=0.2))
    assert said == []
    assert failure is not None
    assert failure.kind == "no_first_token"


async def test_a_server_that_stalls_in_mid_sentence_is_given_up():
    with llm_server([stalls("Well, ", "I ")]) as server:
        said, failure = await asked(settings_of(server, then=0.1))
        assert await asyncio.to_thread(server.hung_up.acquire, timeout=5)
    assert said == ["Well, ", "I "]
    assert failure is not None
    assert failure.kind == "stalled"
    assert "llm.next_token_seconds" in str(failure)


async def test_a_slow_first_token_is_no_stall_and_a_slow_pace_no_failure():
    with llm_server([says("It takes a while to say.", gap=0.1)]) as server:
        said, failure = await asked(settings_of(server, first=5.0, then=2.0))
    assert failure is None
    assert "".join(map(str, said)) == "It takes a while to say."


async def test_a_listener_who_takes_their_time_is_not_the_servers_fault():
    with llm_server([says("One two three.")]) as server:
        settings = settings_of(server, then=0.2)
        model, heard = chat_model(settings), []
        async for piece in stream_reply(model, [HumanMessage("Hi")], (), settings):
            heard.append(piece)
            await asyncio.sleep(0.3)
        await close(model)
    assert heard == ["One ", "two ", "three."]


async def test_a_server_that_does_not_hang_up_behind_a_complete_reply_does_no_harm():
    with llm_server([Answer(("Hello.",), then="linger")]) as server:
        began = time.monotonic()
        said, failure = await asked(settings_of(server))
        assert time.monotonic() - began < 4
    assert (said, failure) == (["Hello."], None)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1"])
async def test_a_server_that_is_not_there_is_unreachable(url):
    settings = LLMSettings(model="m", base_url=url)
    said, failure = await asked(settings)
    assert said == []
    assert failure is not None
    assert failure.kind == "unreachable"
    assert url in str(failure)


@pytest.mark.parametrize(
    ("answer", "tools", "problem"),
    [
        (calls(("c1", "weather", '{"city": "Os')), (WEATHER,), "no JSON object"),
        (calls(("c1", "weather", "[1]")), (WEATHER,), "no JSON object"),
        (calls(("c1", "shoot", "{}")), (WEATHER,), "'shoot'"),
        (calls(("c1", "weather", "{}")), (), "not offered"),
        (calls(("", "weather", "{}")), (WEATHER,), "without a call id"),
    ],
)
async def test_a_tool_call_that_makes_no_sense_runs_nothing(answer, tools, problem):
    with llm_server([answer]) as server:
        said, failure = await asked(settings_of(server), *tools)
    assert said == []
    assert failure is not None
    assert failure.kind == "malformed"
    assert problem in str(failure)


async def test_a_server_that_dies_within_a_tool_call_runs_nothing():
    with llm_server([Answer(("Let ",), calls=(("c1", "weather", "{}"),), then="reset")]) as server:
        said, failure = await asked(settings_of(server), WEATHER)
    assert said == ["Let "]
    assert failure is not None
    assert failure.kind == "died"


@pytest.mark.parametrize("status", [400, 401, 404, 422, 500])
async def test_the_key_is_in_no_message_log_or_traceback(status, caplog):
    with caplog.at_level(logging.DEBUG), llm_server([refuses(status, f"bad {KEY}")]) as server:
        _, failure = await asked(settings_of(server))
    assert failure is not None
    shown = "".join(traceback.format_exception(failure))
    assert KEY not in shown
    assert KEY not in repr(chat_model(settings_of(server)))
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("nodes")]
    assert not any(KEY in message for message in ours)


def test_a_password_in_the_url_is_not_shown():
    with pytest.raises(BadInput) as error:
        chat_model(LLMSettings(model="m", base_url="ftp://me:hunter2@host/v1"))
    assert "hunter2" not in str(error.value)
    assert "ftp://host/v1" in str(error.value)


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://host/v1", "http://", "llm"])
def test_a_url_that_is_none_is_refused_at_once(url):
    with pytest.raises(BadInput, match=r"llm.base_url: should look like http"):
        chat_model(LLMSettings(model="m", base_url=url))


def test_no_model_named_is_refused_at_once():
    with pytest.raises(BadInput, match=r"llm\.model"):
        chat_model(LLMSettings())


async def test_a_reply_cut_at_the_limit_is_spoken_and_said_in_the_log(caplog):
    chunk = '{"choices": [{"index": 0, "delta": {"content": "%s"}, "finish_reason": %s}]}'
    body = "".join(
        f"data: {line}\n\n" for line in (chunk % ("Once upon", "null"), chunk % ("", '"length"'))
    )
    with llm_server([Answer(body=body)]) as server:
        said, failure = await asked(settings_of(server))
    assert (said, failure) == (["Once upon"], None)
    assert "llm.max_tokens=300" in caplog.text
