"""mem0 with a language model: a real one's protocol, answers and failures over HTTP."""

import asyncio
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from langchain_core.language_models import BaseChatModel

from memory.embedder import MiniLm
from memory.keeper import Keeper
from memory.mem0_backend import open_mem0
from memory.protocol import MemoryUnavailable
from tests.llm_server import Answer, Request, dies, llm_server, page, refuses
from tests.memory.keeping import DAY, NOW, facts, said

ROOT = Path(__file__).parents[2]
TURN = said("Well my dog, you know, Biscuit, he turned three today.", agent="How sweet.", at=NOW)


def answers(text: str) -> Answer:
    """A whole reply, as it comes where no stream was asked for."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
    }
    whole = {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "test",
        "choices": [choice],
    }
    return Answer(body=json.dumps(whole), content_type="application/json")


def extracts(*texts: str) -> Answer:
    """The memories, in the shape that mem0's prompt asks for."""
    memory = [{"id": str(n), "text": text} for n, text in enumerate(texts)]
    return answers(json.dumps({"memory": memory}, ensure_ascii=False))


def model_at(url: str) -> BaseChatModel:
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    return ChatOpenAI(
        model="test", base_url=url, api_key=SecretStr("none"), max_retries=0, timeout=0.8
    )


def remembering(folder: Path, embedder: MiniLm, url: str) -> Keeper:
    return open_mem0(folder, embedder, llm=model_at(url))


async def test_the_model_extracts_the_facts_and_they_know_their_turn(
    embedder: MiniLm, tmp_path: Path
):
    fact = "User's dog Biscuit turned three on 15 June 2025"
    with llm_server([extracts(fact, "User has a dog")]) as server:
        memory = remembering(tmp_path, embedder, server.url)
        await memory.remember([TURN], "ann", NOW)
        found = (await memory.recall("how old is my dog Biscuit", "ann", NOW)).facts
        assert found[0].text == fact
        assert (found[0].turn, found[0].said_at) == ("t1", NOW)
        assert (await memory.recall("my dog Biscuit", "bob", NOW)).facts == ()
        await memory.close()
    (request,) = server.requests
    told = request.messages[-1]["content"]
    assert "Well my dog, you know, Biscuit" in told
    assert "How sweet." in told
    assert "The assistant's lines are context, never a source." in told
    assert "2025-06-15 at" in told


async def test_the_moment_told_to_the_model_is_that_of_the_turn(embedder: MiniLm, tmp_path: Path):
    with llm_server([extracts("User saw a film on 10 June 2025")]) as server:
        memory = remembering(tmp_path, embedder, server.url)
        await memory.remember([said("I saw a film yesterday", at=NOW - 4 * DAY)], "ann", NOW)
        await memory.close()
    assert "This was said on Wednesday, 2025-06-11" in server.requests[0].messages[-1]["content"]


@pytest.mark.parametrize(
    "failure",
    [
        refuses(500), refuses(401), refuses(429), page(), dies(), Answer(then="stall"),
        answers("I am sorry, I cannot do that."), answers(""), answers('{"memory": "Biscuit"}'),
        answers('{"memory": ["the dog is Biscuit"]}'), answers('{"memory": [{"id": "0"}]}'),
        answers('[{"text": "x"}]'), answers('{"facts": []}'),
        Answer(body='{"choices": []}', content_type="application/json"),
    ],
    ids=[
        "500", "401", "429", "no model server", "dies", "stalls", "refuses in prose", "empty",
        "text for a list", "list of texts", "memory without text", "list for an object",
        "other key", "no choices",
    ],
)  # fmt: skip
async def test_where_the_model_fails_the_words_are_kept_as_said(
    embedder: MiniLm, tmp_path: Path, caplog: pytest.LogCaptureFixture, failure: Answer
):
    with llm_server([failure, failure]) as server:
        memory = remembering(tmp_path, embedder, server.url)
        await memory.remember([TURN], "ann", NOW)
        assert await facts(memory, "my dog Biscuit") == [TURN.user]
        await memory.remember([said("I live in Rome.", "t2")], "ann", NOW)
        assert "I live in Rome." in await facts(memory, "where do I live")
        await memory.close()
    ours = [r for r in caplog.records if r.name == "memory.mem0_backend"]
    assert [r.levelno for r in ours if r.levelno >= logging.WARNING] == [logging.WARNING]
    assert "keeping the words as said" in ours[0].getMessage()


async def test_after_a_failure_the_model_is_asked_again(embedder: MiniLm, tmp_path: Path):
    with llm_server([refuses(500), extracts("User lives in Rome")]) as server:
        memory = remembering(tmp_path, embedder, server.url)
        await memory.remember([TURN, said("I live in Rome.", "t2")], "ann", NOW)
        assert await facts(memory, "where does the user live") == ["User lives in Rome"]
        await memory.close()


async def test_a_model_that_finds_nothing_is_believed(embedder: MiniLm, tmp_path: Path):
    with llm_server([extracts()]) as server:
        memory = remembering(tmp_path, embedder, server.url)
        await memory.remember([said("What time is it, please?")], "ann", NOW)
        await memory.remember([said("What time is it, please?")], "ann", NOW)
        assert await facts(memory, "time") == []
        await memory.close()
    assert len(server.requests) == 1


async def test_answers_in_a_code_block_behind_thoughts_are_read(embedder: MiniLm, tmp_path: Path):
    found = '{"memory": [{"id": "0", "text": "用户的狗叫Biscuit"}]}'
    body = f"<think>A dog!</think>\n```json\n{found}\n```"
    with llm_server([answers(body)]) as server:
        memory = remembering(tmp_path, embedder, server.url)
        await memory.remember([TURN], "ann", NOW)
        assert await facts(memory, "用户的狗") == ["用户的狗叫Biscuit"]
        await memory.close()


@pytest.mark.parametrize("with_model", [True, False], ids=["extracted", "as said"])
async def test_a_store_that_cannot_write_says_so_and_the_turn_is_kept_later(
    embedder: MiniLm, tmp_path: Path, with_model: bool
):
    def script(request: Request) -> Answer:
        return extracts("User plays the cello" if "cello" in str(request.body) else "User has Rex")

    with llm_server(script) as server:
        memory = open_mem0(tmp_path, embedder, llm=model_at(server.url) if with_model else None)
        await memory.remember([said("My dog is called Rex.", "t0")], "ann", NOW)
        (collection,) = memory._store._client._client.collections.values()  # type: ignore[attr-defined]
        file = collection.storage.storage
        file.execute("PRAGMA query_only = ON")
        with pytest.raises(MemoryUnavailable, match=str(tmp_path)):
            await memory.remember([said("On sundays I play the cello.")], "ann", NOW)
        file.execute("PRAGMA query_only = OFF")
        await memory.remember([said("mhm", "t2")], "ann", NOW)
        found = (await memory.recall("who plays the cello", "ann", NOW)).facts
        assert [fact.turn for fact in found if "cello" in fact.text] == ["t1"]
        await memory.close()


async def test_a_filler_costs_no_call_but_an_answer_does(embedder: MiniLm, tmp_path: Path):
    with llm_server([extracts("User has a dog called Biscuit")]) as server:
        memory = remembering(tmp_path, embedder, server.url)
        await memory.remember([said("mhm", "a", agent="Is your dog called Biscuit?")], "ann", NOW)
        assert server.requests == []
        await memory.remember([said("yes", "b", agent="What a lovely name.")], "ann", NOW)
        assert len(server.requests) == 1
        assert await facts(memory, "dog") == ["User has a dog called Biscuit"]
        await memory.close()


async def test_while_the_model_thinks_recall_goes_on(embedder: MiniLm, tmp_path: Path):
    asked, released = threading.Event(), threading.Event()

    def script(request: Request) -> Answer:
        asked.set()
        assert released.wait(20)
        return extracts("User's dog is called Biscuit")

    with llm_server(script) as server:
        memory = remembering(tmp_path, embedder, server.url)
        writing = asyncio.create_task(memory.remember([TURN], "ann", NOW))
        assert await asyncio.to_thread(asked.wait, 20)
        assert (await memory.recall("my dog", "ann", NOW)).facts == ()
        assert (await memory.recall("my dog", "bob", NOW)).facts == ()
        assert not writing.done()
        released.set()
        await writing
        assert await facts(memory, "my dog") == ["User's dog is called Biscuit"]
        await memory.close()


QUIET = """
import asyncio, sys, threading
from pathlib import Path

touched = []
def watch(event, given):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen"):
        touched.append((event, str(given)[:200]))
sys.addaudithook(watch)

from memory.embedder import MiniLm
from memory.mem0_backend import open_mem0
from memory.protocol import MemoryUnavailable
from tests.memory.keeping import NOW, said

async def main():
    memory = open_mem0(Path(sys.argv[1]), MiniLm())
    await memory.remember([said("My dog is called Biscuit and lives in Rome.")], "ann", NOW)
    assert (await memory.recall("yesterday my dog Biscuit", "ann", NOW)).facts
    await memory.close()

asyncio.run(main())
from mem0.memory import telemetry
assert telemetry._oss_telemetry_instance is None and telemetry.client_telemetry.posthog is None
print(touched, [t.name for t in threading.enumerate()])
"""


def test_nothing_phones_home_even_if_the_environment_asks_for_telemetry(tmp_path: Path):
    ran = subprocess.run(
        [sys.executable, "-c", QUIET, str(tmp_path / "memory")],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), "MEM0_TELEMETRY": "True"},
    )  # fmt: skip
    assert ran.stdout.strip() == "[] ['MainThread']", ran.stderr
    assert "fastembed" not in ran.stderr
    assert "spaCy" not in ran.stderr
    assert not (tmp_path / "home" / ".mem0").exists()
