"""The graph in LangGraph Studio: a real `langgraph dev`, driven by the client that Studio uses."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from graph.events import EVENTS
from tests.llm_server import Answer, LLMServer, Request, llm_server, says

ROOT = Path(__file__).parents[2]
STARTS_WITHIN = 60.0

MONOLOGUE = (
    "and I said to my neighbour that the fence is my fence and the fence is mine and he said that"
    " the fence is his and I said to my neighbour that the fence is my fence and the fence is mine"
    " and he said that the fence is his and I said to my neighbour that the fence is my"
)


def answer(request: Request) -> Answer:
    """The model of these tests says back what it was told, with the count of its messages."""
    said = [message["content"] for message in request.messages if message["role"] == "user"]
    first = str(said[-1]).split("\n")[0]
    return says(f"I heard {first!r} after {len(said)} messages of yours.")


@pytest.fixture(scope="module")
def model() -> Iterator[LLMServer]:
    with llm_server(answer) as server:
        yield server


@pytest.fixture(scope="module")
def url(model: LLMServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("studio")
    port = _free_port()
    environment = os.environ | {
        "CLEANS2S_DATA_DIR": str(folder / "data"),
        "CLEANS2S_LLM__MODEL": "test",
        "CLEANS2S_LLM__BASE_URL": model.url,
        "LANGSMITH_TRACING": "false",
        "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    }
    command = [sys.executable, "-m", "langgraph_cli", "dev", "--no-browser", "--no-reload"]
    log = (folder / "log").open("w+")
    server = subprocess.Popen(
        [*command, "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _await_server(address, server, Path(log.name))
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)
        log.close()


@pytest.fixture
async def studio(url: str) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=url) as client:
        yield client


async def run(studio: LangGraphClient, thread: str, event: dict[str, Any], **more: Any) -> Any:
    return await studio.runs.wait(thread, "dialogue", input={"event": event}, **more)


async def new_thread(studio: LangGraphClient) -> str:
    return str((await studio.threads.create())["thread_id"])


def typed(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text_typed", "text": text, **more}


async def test_the_form_offers_one_event_with_every_kind(studio: LangGraphClient) -> None:
    (assistant,) = await studio.assistants.search()
    schemas = await studio.assistants.get_schemas(assistant["assistant_id"])
    form = schemas["input_schema"]
    assert form
    assert list(form["properties"]) == ["event"]
    event = form["properties"]["event"]
    assert event["properties"]["type"]["enum"] == list(EVENTS)
    assert event["default"]["type"] == "text_typed"
    assert all(name in event["description"] for name in EVENTS)


async def test_typed_turns_on_one_thread_are_a_conversation(studio: LangGraphClient) -> None:
    thread = await new_thread(studio)
    await run(studio, thread, typed("My name is Vera."))
    state = await run(studio, thread, typed("What is the weather like?"))
    said = [(message["role"], message["content"]) for message in state["messages"]]
    assert said == [
        ("user", "My name is Vera."),
        ("assistant", "I heard 'My name is Vera.' after 1 messages of yours."),
        ("user", "What is the weather like?"),
        ("assistant", "I heard 'What is the weather like?' after 2 messages of yours."),
    ]
    assert state["floor"] == "open"


async def test_partials_one_by_one_show_judgements_with_reasons(studio: LangGraphClient) -> None:
    thread = await new_thread(studio)
    judgements = []
    words = ["so I was", "so I was thinking about", "so I was thinking about tea."]
    for at, text in enumerate(words):
        partial = {"type": "partial", "text": text, "at": float(at)}
        judgements.append((await run(studio, thread, partial))["judgement"])
    assert [judgement["action"] for judgement in judgements] == ["keep_listening"] * 3
    assert all(judgement["reason"] for judgement in judgements)
    assert [judgement["text"] for judgement in judgements][-1] == "so I was thinking about tea."
    stopped = {"type": "speech_stopped", "segment": 1, "at": 2.5}
    await run(studio, thread, stopped)
    state = await run(studio, thread, {"type": "due", "name": "endpoint", "at": 5.0})
    assert state["judgement"]["action"] == "reply"
    assert state["messages"][-1]["role"] == "assistant"


async def test_the_model_call_is_inside_the_run(studio: LangGraphClient) -> None:
    thread = await new_thread(studio)
    nodes = set()
    text = ""
    async for chunk in studio.runs.stream(
        thread, "dialogue", input={"event": typed("Good morning.")}, stream_mode="messages-tuple"
    ):
        if chunk.event == "messages":
            message, metadata = chunk.data
            nodes.add(metadata["langgraph_node"])
            text += message["content"]
    assert nodes == {"speak"}
    assert text == "I heard 'Good morning.' after 1 messages of yours."


async def test_every_act_is_reachable(studio: LangGraphClient) -> None:
    acts: dict[str, Any] = {}
    thread = await new_thread(studio)
    acts["reply"] = await run(studio, thread, typed("Hello there."))
    acts["refuse"] = await run(studio, thread, typed("Tell me how to build a bomb."))
    acts["silence"] = await run(studio, thread, typed("Hold on."))
    for _ in range(3):
        acts["deflect"] = await run(studio, thread, typed("My new fence is really very tall."))
    for _ in range(4):
        acts["block"] = await run(studio, thread, typed("You are a stupid idiot."))
        if acts["block"]["judgement"]["action"] == "block":
            break
    host = await new_thread(studio)
    await run(studio, host, {"type": "configured", "patch": {"persona": "max"}, "at": 0})
    await run(studio, host, {"type": "speech_started", "segment": 1, "at": 1})
    await run(
        studio,
        host,
        {"type": "partial", "segment": 1, "text": MONOLOGUE.rsplit(" ", 4)[0], "at": 18},
    )
    acts["interrupt"] = await run(
        studio, host, {"type": "partial", "segment": 1, "text": MONOLOGUE, "at": 20}
    )
    for act, state in acts.items():
        assert state["judgement"]["action"] == act, (act, state["judgement"])
    assert acts["block"]["restriction"]["until"] > time.time()
    assert acts["interrupt"]["utterance"]["opening"]
    assert acts["interrupt"]["messages"][-1]["content"].startswith(
        acts["interrupt"]["utterance"]["opening"]
    )


async def test_the_floor_is_yielded_by_an_agent_that_is_set_to_speak(
    studio: LangGraphClient,
) -> None:
    thread = await new_thread(studio)
    state = await run(studio, thread, typed("Hello there."))
    speaking = {"utterance": state["utterance"] | {"status": "speaking"}, "floor": "agent"}
    await studio.threads.update_state(thread, speaking, as_node="speak")
    words = {"type": "partial", "segment": 7, "text": "no that is not what I meant"}
    state = await run(studio, thread, words)
    assert state["judgement"]["action"] == "yield_floor"
    assert state["utterance"]["status"] == "ended"


async def test_context_sent_as_json_does_no_harm(studio: LangGraphClient) -> None:
    thread = await new_thread(studio)
    state = await run(studio, thread, typed("Hello."), context={"say": "nothing", "user": "eve"})
    assert state["messages"][-1]["role"] == "assistant"
    assert state["user"] == "local"


@pytest.mark.parametrize(
    ("event", "complaint"),
    [
        ({"type": "text_tpyed", "text": "hi"}, "event.type: unknown"),
        ({"type": "text_typed", "text": 5}, "event.text: Input should be a valid string (got 5)"),
        ({"type": "configured", "patch": {"persona": "nobody"}}, "no such persona"),
    ],
)
async def test_a_wrong_event_names_the_field_and_the_thread_lives(
    studio: LangGraphClient, event: dict[str, Any], complaint: str
) -> None:
    thread = await new_thread(studio)
    failed = await run(studio, thread, event, raise_error=False)
    assert complaint in json.dumps(failed)
    state = await run(studio, thread, typed("Hello."))
    assert state["messages"][-1]["role"] == "assistant"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_server(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        if server.poll() is not None:
            pytest.fail(f"langgraph dev ended: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{address}/ok", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"langgraph dev did not start: {log.read_text()[-2000:]}")
