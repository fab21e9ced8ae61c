"""Conversations over a real websocket: what a client sees of the dialogue, in writing."""

import asyncio
import json
import logging
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator
from pathlib import Path
from types import CoroutineType
from typing import Any, cast

import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed

import server
from nodes.catalogue import OURS
from server.access import COOKIE
from server.hub import ServerOptions
from tests.llm_server import calls, llm_server, says
from tests.server.serving import HELLO, Served, client, guest, services_in, serving, until

INSULTS = ["you are an idiot", "you stupid idiot", "shut up you moron", "fuck you, you idiot"]


one_server = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def everybody(tmp_path_factory):
    """One server for all tests that need no other."""
    async with serving(services_in(tmp_path_factory.mktemp("data"))) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def served(everybody):
    """That server, with nobody there."""
    await until(lambda: everybody.hub.connections == 0)
    return everybody


@one_server
async def test_a_typed_turn_is_judged_and_answered(served):
    async with guest(served) as one:
        await one.send("text", text="hello there")
        turn = await one.next("turn")
        judgement = await one.next("judgement")
        utterance = await one.next("utterance")
        end = await one.next("utterance_end")
        await one.next("floor", floor="open")
    assert turn["text"] == "hello there"
    assert (judgement["action"], judgement["text"]) == ("reply", "hello there")
    assert judgement["reason"]
    assert (utterance["id"], utterance["behaviour"], utterance["turn"]) == (1, "reply", turn["id"])
    assert end["reason"] == "finished"
    assert end["heard"] == "".join(message["delta"] for message in one.of("text"))
    assert not one.frames


@one_server
async def test_bye_closes_in_peace(served):
    async with guest(served) as one:
        await one.send("bye")
        assert await one.closed() == 1000
    await until(lambda: not served.hub.sessions)


@one_server
async def test_a_persona_can_be_chosen_from_those_that_are_offered(served):
    async with client(served, HELLO) as one:
        offered = (await one.next("welcome"))["personas"]
        assert {"ada", "max"} <= {persona["id"] for persona in offered}
        await one.send("configure", persona="max", language="zh")
        config = (await one.next("config"))["config"]
        assert (config["persona"], config["language"]) == ("max", "zh")


@one_server
async def test_the_agent_learns_the_name_whatever_the_client_instructs(served):
    async with guest(served, name="Ann") as one:
        config = (await one.next("config"))["config"]
        assert config["instructions"] == 'The user gives their name as "Ann".'
        await one.send("configure", instructions="Be brief.")
        config = (await one.next("config"))["config"]
        assert config["instructions"] == 'The user gives their name as "Ann".\n\nBe brief.'


@one_server
async def test_a_push_to_talk_client_is_answered_when_it_asks(served):
    async with guest(served) as one:
        await one.send("configure", turn_detection="manual")
        await one.next("config")
        await one.send("text", text="hello there")
        assert (await one.next("judgement"))["action"] == "keep_listening"
        await one.send("respond")
        assert (await one.next("judgement"))["action"] == "reply"
        await one.next("utterance_end")


@one_server
async def test_a_client_that_only_sends_partials_is_understood(served):
    async with guest(served, recognition="client") as one:
        for text in ("hello", "hello there", "hello there my friend"):
            await one.send("partial", segment=1, text=text)
            assert (await one.next("judgement"))["action"] == "keep_listening"
        await one.send("partial", segment=1, text="Hello there, my friend.", final=True)
        assert (await one.next("turn"))["text"] == "Hello there, my friend."
        await one.next("utterance_end")


@one_server
async def test_a_client_that_hears_for_itself_says_when_the_voice_stopped(served):
    async with guest(served, recognition="client") as one:
        await one.send("speech_started", segment=1)
        await one.next("floor", floor="user")
        await one.send("partial", segment=1, text="Good morning to you.", final=True)
        await one.send("speech_stopped", segment=1, silent_ms=300)
        await one.next("utterance_end")
        await one.send("speech_stopped", segment=1)
        assert (await one.next("error"))["field"] == "segment"
        await one.send("partial", segment=2, text="hi", confirmed=3)
        assert (await one.next("error"))["field"] == "confirmed"


async def test_a_tool_of_the_client_is_called_and_its_output_used(tmp_path):
    script = [calls(("c1", "dice", '{"sides": 6}')), says("You rolled a four.")]
    with llm_server(script) as server:
        services = services_in(tmp_path, llm={"model": "test", "base_url": server.url})
        async with serving(services) as served, guest(served) as one:
            await one.send("configure", tools=[{"name": "dice", "description": "rolls a die"}])
            await one.next("config")
            await one.send("text", text="roll the dice")
            call = await one.next("tool_call")
            assert (call["call"], call["name"], call["arguments"]) == (
                "c1",
                "dice",
                '{"sides": 6}',
            )
            await one.send("tool_result", call="c1", output="4")
            end = await one.next("utterance_end", reason="finished")
            assert end["heard"] == "You rolled a four."
        assert server.requests[0].body["tools"][0]["function"]["name"] == "dice"
        assert server.requests[1].messages[-1]["content"].startswith("4")


async def test_stop_cuts_what_is_being_said(tmp_path):
    with llm_server([says("one two three four five six seven eight nine ten", gap=0.1)]) as server:
        services = services_in(tmp_path, llm={"model": "test", "base_url": server.url})
        async with serving(services) as served, guest(served) as one:
            await one.send("text", text="count")
            await one.next("text")
            await one.send("stop")
            end = await one.next("utterance_end")
            assert end["reason"] == "cut"
            assert end["heard"] in "one two three four five six seven eight nine ten"
            assert "ten" not in end["heard"]


async def test_a_failing_model_is_told_after_the_trouble_line(tmp_path):
    with llm_server([]) as server:
        services = services_in(tmp_path, llm={"model": "test", "base_url": server.url})
        async with serving(services) as served, guest(served) as one:
            await one.send("text", text="count")
            end = await one.next("utterance_end")
            assert end["reason"] == "failed"
            assert end["heard"]


# Who the user is


@one_server
async def test_the_token_of_a_welcome_brings_the_same_user_back(served):
    async with client(served, HELLO) as one, client(served, HELLO) as other:
        mine, theirs = await one.next("welcome"), await other.next("welcome")
        assert mine["identity"] != theirs["identity"]
        async with client(served, {**HELLO, "identity": mine["identity"]}) as again:
            back = await again.next("welcome")
            assert back["identity"] == mine["identity"]
            users = {session: live.user.id for session, live in served.hub.sessions.items()}
            assert users[back["session"]] == users[mine["session"]] != users[theirs["session"]]


@one_server
async def test_a_forged_token_opens_nothing(served):
    async with client(served, HELLO) as one:
        token = (await one.next("welcome"))["identity"]
        async with client(served, {**HELLO, "identity": token[:-2] + "xx"}) as thief:
            error = await thief.next("error")
            assert (error["code"], error["fatal"]) == ("bad_identity", True)
            assert await thief.closed() == 1008
        assert len(served.hub.sessions) == 1


async def test_with_keys_nobody_gets_in_without_one(tmp_path):
    options = ServerOptions(api_keys=("alpha", "beta"))
    async with serving(services_in(tmp_path), options=options) as served:
        async with client(served, HELLO) as one:
            assert (await one.next("error"))["code"] == "unauthorised"
            assert await one.closed() == 1008
        async with client(served, {**HELLO, "key": "alpha"}) as one:
            welcome = await one.next("welcome")
            assert welcome["identity"] is None
        other = {**HELLO, "key": "beta", "resume": welcome["session"]}
        async with client(served, other) as one:
            assert not (await one.next("welcome"))["resume"]
        _, headers, _ = await asyncio.to_thread(_get, served, "/")
        assert COOKIE not in headers.get("set-cookie", "")


@one_server
async def test_the_page_gets_a_cookie_that_makes_its_user_the_same_tomorrow(served):
    cookie = await _cookie(served)
    again = await _cookie(served, cookie)
    assert again == cookie
    users = set()
    for _ in range(2):
        headers = {"Cookie": cookie, "Origin": served.http}
        async with client(served, HELLO, additional_headers=headers) as one:
            session = (await one.next("welcome"))["session"]
            users.add(served.hub.sessions[session].user.id)
    assert len(users) == 1


@one_server
async def test_a_cookie_of_another_server_is_replaced_by_the_page_and_refused_by_the_socket(served):
    stale = f"{COOKIE}=v1.u_123.nonsense"
    assert await _cookie(served, stale) != stale
    async with client(served, HELLO, additional_headers={"Cookie": stale}) as one:
        assert (await one.next("error"))["code"] == "bad_identity"


@one_server
async def test_the_cookie_is_for_this_site_and_out_of_reach_of_scripts(served):
    _, headers, _ = await asyncio.to_thread(_get, served, "/")
    cookie = headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize(
    ("origin", "enters"),
    [
        (None, True),
        ("http://127.0.0.1:PORT", True),
        ("https://127.0.0.1:PORT", True),
        ("https://friend.example", True),
        ("https://evil.example", False),
        ("http://127.0.0.1:1", False),
        ("http://127.0.0.1.evil.example:PORT", False),
        ("null", False),
    ],
)
async def test_a_page_of_another_site_does_not_get_in(tmp_path, origin, enters):
    options = ServerOptions(origins=("https://friend.example",))
    async with serving(services_in(tmp_path), options=options) as served:
        headers = {"Origin": origin.replace("PORT", str(served.port))} if origin else {}
        if enters:
            async with client(served, HELLO, additional_headers=headers) as one:
                await one.next("welcome")
        else:
            with pytest.raises(Exception, match="403"):
                async with client(served, HELLO, additional_headers=headers):
                    pass


# Coming back


async def _talked(served: Served, **fields: Any) -> dict[str, Any]:
    async with client(served, {**HELLO, **fields}) as one:
        welcome = await one.next("welcome")
        await one.send("text", text="hello there")
        await one.next("utterance_end")
        await one.send("bye")
        await one.closed()
    await until(lambda: welcome["session"] not in served.hub.sessions)
    return welcome


@one_server
async def test_a_session_goes_on_where_it_was(served):
    first = await _talked(served)
    back = {**HELLO, "identity": first["identity"], "resume": first["session"]}
    async with client(served, back) as one:
        welcome = await one.next("welcome")
        assert welcome["resume"]
        assert welcome["session"] == first["session"]
        assert [entry["role"] for entry in welcome["history"]] == ["user", "assistant"]
        assert welcome["history"][0]["content"] == "hello there"
        await one.send("text", text="and how are you?")
        await one.next("utterance_end", id=1)


@one_server
async def test_nobody_goes_on_with_the_session_of_another(served):
    theirs = await _talked(served)
    async with client(served, {**HELLO, "resume": theirs["session"]}) as one:
        welcome = await one.next("welcome")
        assert not welcome["resume"]
        assert welcome["session"] != theirs["session"]
        assert welcome["history"] == []
        error = await one.next("error")
        assert (error["code"], error["fatal"]) == ("resume_not_found", False)
    async with client(served, HELLO) as owner:
        live = (await owner.next("welcome"))["session"]
        async with client(served, {**HELLO, "resume": live}) as thief:
            assert not (await thief.next("welcome"))["resume"]
        await owner.send("text", text="still here")
        await owner.next("utterance_end")


@pytest.mark.parametrize("resume", ["nothing", "../../etc/passwd", "x" * 200])
@one_server
async def test_a_session_that_never_was_begins_anew(served, resume):
    async with client(served, {**HELLO, "resume": resume}) as one:
        assert (await one.next("welcome"))["session"] != resume
        assert (await one.next("error"))["code"] == "resume_not_found"


@one_server
async def test_a_reconnecting_client_takes_its_session_over(served):
    async with client(served, HELLO) as old:
        welcome = await old.next("welcome")
        await old.send("text", text="hello there")
        await old.next("utterance_end")
        back = {**HELLO, "identity": welcome["identity"], "resume": welcome["session"]}
        async with client(served, back) as new:
            again = await new.next("welcome")
            assert again["session"] == welcome["session"]
            assert len(again["history"]) == 2
            assert await old.closed() == 1008
            assert old.messages[-1]["code"] == "taken_over"
            await new.send("text", text="here I am")
            await new.next("utterance_end")
    await until(lambda: not served.hub.sessions)


@one_server
async def test_of_many_that_take_over_at_once_one_stays(served):
    async with client(served, HELLO) as old:
        welcome = await old.next("welcome")
        back = {**HELLO, "identity": welcome["identity"], "resume": welcome["session"]}
        clients = [client(served, back) for _ in range(5)]
        async with (
            clients[0] as a,
            clients[1] as b,
            clients[2] as c,
            clients[3] as d,
            clients[4] as e,
        ):
            everybody = [a, b, c, d, e]
            await asyncio.gather(*(one.next("welcome") for one in everybody))
            await until(lambda: served.hub.connections == 1)
            left = []
            for one in everybody:
                try:
                    await one.send("text", text="hello")
                    await one.next("utterance_end")
                    left.append(one)
                except ConnectionClosed:
                    await one.closed()
                    assert one.messages[-1]["code"] == "taken_over"
            assert len(left) == 1


async def test_users_and_sessions_survive_a_restart(tmp_path):
    async with serving(services_in(tmp_path)) as served, client(served, HELLO) as one:
        first = await one.next("welcome")
        await one.send("text", text="hello there")
        await one.next("utterance_end")
        served.server.should_exit = True
        assert await one.closed() == 1012
    back = {**HELLO, "identity": first["identity"], "resume": first["session"]}
    async with serving(services_in(tmp_path)) as served, client(served, back) as one:
        welcome = await one.next("welcome")
        assert welcome["resume"]
        assert welcome["history"][0]["content"] == "hello there"


async def test_a_session_whose_persona_is_gone_goes_on_with_the_default(tmp_path):
    extra = tmp_path / "personas"
    extra.mkdir()
    (extra / "eva.yaml").write_bytes((OURS / "ada.yaml").read_bytes())
    async with serving(services_in(tmp_path, persona_dirs=[extra])) as served, guest(served) as one:
        first = one.messages[0]
        await one.send("configure", persona="eva")
        await one.next("config")
        await one.send("text", text="hello there")
        await one.next("utterance_end")
    back = {**HELLO, "identity": first["identity"], "resume": first["session"]}
    async with serving(services_in(tmp_path)) as served, client(served, back) as one:
        welcome = await one.next("welcome")
        assert welcome["resume"]
        assert welcome["config"]["persona"] == "ada"


async def test_a_session_that_nobody_can_read_any_more_begins_anew(tmp_path, caplog):
    async with serving(services_in(tmp_path)) as served:
        first = await _talked(served)
        with sqlite3.connect(tmp_path / "checkpoints.sqlite") as file:
            file.execute("UPDATE checkpoints SET checkpoint = x'c1c1c1'")
        file.close()
        back = {**HELLO, "identity": first["identity"], "resume": first["session"]}
        async with client(served, back) as one:
            assert not (await one.next("welcome"))["resume"]
            assert (await one.next("error"))["code"] == "resume_not_found"
            await one.send("text", text="hello there")
            await one.next("utterance_end")
    assert f"session {first['session']} cannot be read" in caplog.text


async def test_a_session_that_cannot_begin_is_closed_before_anything_is_kept(tmp_path):
    class Broken:
        async def astream(self, *given: object, **more: object) -> AsyncGenerator[object]:
            raise RuntimeError("out of order")
            yield

    async with serving(services_in(tmp_path)) as served:
        served.hub.graph = Broken()  # type: ignore[assignment]
        async with client(served, HELLO) as one:
            assert await one.closed() == 1011
            assert [message["code"] for message in one.of("error")] == ["event_failed", "internal"]
        await until(lambda: not served.hub.sessions)


# The end of a chat


@one_server
async def test_who_is_shut_out_is_shut_out_everywhere(served):
    async with client(served, HELLO) as one, guest(served) as stranger:
        identity = (await one.next("welcome"))["identity"]
        async with client(served, {**HELLO, "identity": identity}) as elsewhere:
            await elsewhere.next("welcome")
            for insult in INSULTS[:-1]:
                await one.send("text", text=insult)
                await one.next("utterance_end")
            await one.send("text", text=INSULTS[-1])
            blocked = await one.next("blocked")
            await one.next("utterance_end")
            behaviours = [message["behaviour"] for message in one.of("utterance")]
            assert behaviours == ["reply", "refuse", "refuse", "block"]
            assert time.time() < blocked["until"] < time.time() + 24 * 3600
            assert blocked["reason"]
            assert await elsewhere.closed() == 1008
            assert elsewhere.messages[-1]["code"] == "blocked"
        async with client(served, {**HELLO, "identity": identity}) as back:
            assert (await back.next("blocked"))["until"] == blocked["until"]
            await back.send("text", text="hello?")
            assert (await back.next("judgement"))["action"] == "silence"
            assert len(back.of("blocked")) == 1
        await stranger.send("text", text="hello there")
        await stranger.next("utterance_end")


# The server


@one_server
async def test_the_server_says_how_it_is(served):
    async with guest(served):
        status, _, body = await asyncio.to_thread(_get, served, "/healthz")
    health = json.loads(body)
    assert status == 200
    assert health["status"] == "ok"
    assert (health["sessions"], health["connections"]) == (1, 1)
    assert health["checkpoints"] is True
    assert set(health["engines"]) == {"ear", "voice", "judge", "llm", "memory"}


@one_server
async def test_the_page_is_served_with_its_modules(served):
    status, headers, _ = await asyncio.to_thread(_get, served, "/")
    assert status == 200
    assert "html" in headers["content-type"]
    assert "default-src 'self'" in headers["content-security-policy"]
    status, headers, _ = await asyncio.to_thread(_get, served, "/main.js")
    assert status == 200
    assert "javascript" in headers["content-type"]
    assert headers["cache-control"] == "no-cache"
    for path in ("/../server/access.py", "/%2e%2e/access.py", "/nothing"):
        assert (await asyncio.to_thread(_get, served, path))[0] == 404


async def test_more_sessions_than_there_is_room_for_are_turned_away(tmp_path):
    options = ServerOptions(max_sessions=1)
    async with serving(services_in(tmp_path), options=options) as served:
        async with guest(served), client(served, HELLO) as second:
            assert (await second.next("error"))["code"] == "busy"
            assert await second.closed() == 1013
        await until(lambda: not served.hub.sessions)
        async with guest(served):
            pass


async def test_a_folder_that_cannot_be_written_costs_the_afterlife_not_the_life(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with caplog.at_level(logging.WARNING):
        async with serving(services_in(blocked)) as served:
            first = await _talked(served)
            back = {**HELLO, "identity": first["identity"], "resume": first["session"]}
            async with client(served, back) as one:
                welcome = await one.next("welcome")
                assert welcome["identity"] == first["identity"]
                assert not welcome["resume"]
    for what in ("users will be strangers", "sessions will not survive", "restrictions end"):
        assert caplog.text.count(what) == 1


async def test_a_session_has_three_tasks_of_its_own_and_then_none(tmp_path):
    async with serving(services_in(tmp_path)) as served:
        async with guest(served) as one:
            await one.send("text", text="hello there")
            await one.next("utterance_end")
            own = {"Outbox.run", "Live.run", "TextVoice.run"}
            await until(lambda: _server_tasks() == own)
        await until(lambda: not _server_tasks())


def _server_tasks() -> set[str]:
    """The tasks that our own code started, save those that belong to the whole process."""
    ours = Path(server.__file__).parent
    running = [
        cast("CoroutineType[Any, Any, Any]", task.get_coro()) for task in asyncio.all_tasks()
    ]
    names = {coro.__qualname__ for coro in running if Path(coro.cr_code.co_filename).parent == ours}
    return names - {"Checkpoints.run", "Restrictions.run"}


def _get(served: Served, path: str, cookie: str = "") -> tuple[int, dict[str, str], str]:
    request = urllib.request.Request(served.http + path, headers={"Cookie": cookie})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, {}, ""


async def _cookie(served: Served, cookie: str = "") -> str:
    _, headers, _ = await asyncio.to_thread(_get, served, "/", cookie)
    return headers["set-cookie"].partition(";")[0]
