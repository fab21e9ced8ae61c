"""The page in a real browser against the real server: what a user sees and types there."""

from dataclasses import replace

import numpy as np
import pytest

from server.hub import ServerOptions
from tests.server.serving import HELLO, client, services_in, serving
from tests.web.browser import chromium
from tests.web.stage import MS, bubbles, choose, played, server_in, type_turn

one_stage = pytest.mark.asyncio(loop_scope="module")


@one_stage
async def test_a_typed_turn_is_answered_aloud_and_judged_with_a_reason(stage):
    async with stage.page() as page:
        await type_turn(page, "Hello there!")
        end = await page.received("utterance_end")
        await page.wait("!document.querySelector('.live')")
        assert await bubbles(page) == [("user", "Hello there!"), ("agent reply", end["heard"])]
        assert await page.text("#leaning") == "Ada replies"
        assert await page.text("#reason") == page.of("judgement")[-1]["reason"]
        assert 50 < int((await page.text("#complete-value")).removesuffix(" %")) < 100
        assert await page.text("#judgements b") == "replies"
        whole = sum(len(frame.pcm) for frame in page.frames) / 2 / MS
        assert played(page)[-1] == pytest.approx(whole, abs=1)
        assert max(np.diff([0, *played(page)])) <= 110, "it reports every 100 ms of sound"


@one_stage
async def test_the_floor_and_the_way_to_stop_are_shown_while_the_agent_speaks(stage):
    async with stage.page() as page:
        await type_turn(page, "Are you a human?")
        await page.wait("document.body.dataset.floor === 'agent'")
        await page.click("#stop")
        end = await page.received("utterance_end")
        assert end["reason"] == "cut"
        await page.wait("document.body.dataset.floor === 'open'")
        assert await page.evaluate("document.getElementById('stop').disabled")


@one_stage
async def test_another_persona_is_chosen_and_named_everywhere(stage):
    async with stage.page() as page:
        assert await page.text("#floor [data-of=agent]") == "Ada"
        await choose(page, "max")
        assert await page.text("#floor [data-of=agent]") == "Max"
        assert "Max may do the same" in await page.text("#empty")
        await page.click("#again")
        await page.received("welcome", 2)
        config = await page.received("config", 2)
        assert config["config"]["persona"] == "max", "the new conversation is with him as well"


@one_stage
async def test_silence_is_explained_and_a_block_is_shown_with_its_end_in_every_session(stage):
    async with stage.page() as page:
        await choose(page, "max")
        await type_turn(page, "Hold on.")
        await page.wait("document.querySelector('#talk .note')")
        assert await page.text("#talk .note") == (
            "Max stays silent: you asked for a moment of quiet"
        )
        for number, insult in enumerate(("What a stupid machine.", "Shut up, moron."), 1):
            await type_turn(page, insult)
            await page.received("utterance", number)
        assert await page.text("#talk .refuse .badge") == "refused"
        await type_turn(page, "Go to hell, you idiot.")
        until = (await page.received("blocked"))["until"]
        await page.wait("document.querySelector('#notices .ended')")
        banner = await page.text("#notices")
        assert banner.startswith("Max has ended the chat until ")
        clock = await page.evaluate(
            f"new Date({until} * 1000)"
            ".toLocaleTimeString([], {hour: '2-digit', minute: '2-digit'})"
        )
        assert clock in banner
        assert "left" in banner
        await page.click("#again")
        await page.received("blocked", 2)
        await page.wait("document.querySelector('#notices .ended')")
        await type_turn(page, "Hello again.")
        await page.wait("document.querySelector('#talk .note')?.innerText.includes('closed')")


@one_stage
async def test_loading_the_page_again_keeps_the_user_and_the_conversation(stage):
    async with stage.page() as page:
        await type_turn(page, "Hello there!")
        await page.received("utterance_end")
        before = await bubbles(page)
        await page.reload()
        again = await page.received("welcome", 2)
        assert again["resume"]
        assert await bubbles(page) == [(kind.split()[0], text) for kind, text in before]
        await page.evaluate("sessionStorage.clear()")
        await page.reload()
        third = await page.received("welcome", 3)
        users = {message["identity"] for message in page.of("welcome")}
        assert not third["resume"]
        assert len(users) == 1, "the cookie brings the same user back"
        await page.wait("document.querySelectorAll('#talk li').length === 0")


@one_stage
async def test_the_page_runs_nothing_but_its_own_files(stage):
    async with stage.page() as page:
        await page.evaluate(
            "document.head.append(Object.assign(document.createElement('script'),"
            " { textContent: 'window.injected = true' }))"
        )
        assert not await page.evaluate("window.injected ?? false")
        assert "Content Security Policy" in page.problems.pop()


@one_stage
async def test_a_conversation_that_goes_on_in_another_tab_says_so(stage):
    async with stage.page() as page:
        mine = page.got[0]
        hello = {**HELLO, "identity": mine["identity"], "resume": mine["session"]}
        async with client(stage.served, hello) as other:
            assert (await other.next("welcome"))["resume"]
            await page.wait("document.querySelector('[data-notice=error]')")
            assert "goes on in another tab" in await page.text("#notices")
            await page.click("#notices button")
            assert await other.closed() == 1008
        assert (await page.received("welcome", 2))["resume"]
        await page.wait("!document.querySelector('#notices p')")


@one_stage
async def test_a_server_that_asks_for_a_key_is_given_one_in_the_page(stage, tmp_path):
    options = ServerOptions(api_keys=("open sesame",))
    async with (
        server_in(tmp_path, stage.lines, options=options) as served,
        stage.browser.page(served.http) as page,
    ):
        await page.wait("document.getElementById('key-dialog').open")
        assert "asks for an API key" in await page.text("#key-dialog")
        await page.type("open barley")
        await page.enter()
        await page.received("error", 2, code="unauthorised")
        await page.wait("!document.getElementById('key-problem').hidden")
        assert "not known" in await page.text("#key-dialog")
        await page.type("open sesame")
        await page.enter()
        await page.received("welcome")
        await page.wait("!document.querySelector('#notices p')")
        assert page.problems == []


@one_stage
async def test_without_a_microphone_the_page_says_so_and_takes_what_is_typed(stage, tmp_path):
    async with (
        chromium(tmp_path, sound=False) as browser,
        replace(stage, browser=browser).page() as page,
    ):
        await page.click("#microphone")
        await page.wait("document.querySelector('[data-notice=microphone]')")
        assert await page.text("#notices") == "No microphone was found. Plug one in, or type."
        assert await page.text("#microphone") == "Microphone off"
        await type_turn(page, "Hello there!")
        await page.received("utterance_end")
        assert len(await bubbles(page)) == 2
        assert played(page), "the click and the keys have unlocked the sound"


@one_stage
async def test_with_a_server_that_has_neither_ear_nor_voice_the_page_is_for_typing(stage, tmp_path):
    async with (
        serving(services_in(tmp_path)) as served,
        replace(stage, served=served).page() as page,
    ):
        await page.wait("document.querySelector('[data-notice=deaf]')")
        assert await page.evaluate("document.getElementById('microphone').disabled")
        await type_turn(page, "Hello there!")
        end = await page.received("utterance_end")
        await page.wait("!document.querySelector('.live')")
        assert (await bubbles(page))[1] == ("agent reply", end["heard"])


@one_stage
async def test_a_server_that_dies_is_missed_and_the_conversation_goes_on_when_it_is_back(
    stage, tmp_path
):
    async with stage.browser.page("about:blank") as page:
        async with server_in(tmp_path, stage.lines) as served:
            await page.go(served.http)
            await page.received("welcome")
            await type_turn(page, "Hello there!")
            await page.received("utterance_end")
            await page.received("floor", floor="open")
            before = [text for _, text in await bubbles(page)]
        await page.wait("document.querySelector('[data-notice=link]')")
        assert await page.text("#link") == "no connection"
        assert "keeps trying" in await page.text("#notices")
        await type_turn(page, "Are you back?")
        async with server_in(tmp_path, stage.lines, port=served.port):
            assert (await page.received("welcome", 2))["resume"]
            await page.wait("!document.querySelector('#notices p')")
            assert [text for _, text in await bubbles(page)] == before
            await page.click("#line")
            await page.enter()  # what could not be sent still stands there
            await page.received("utterance_end", 2)
            assert (await bubbles(page))[2] == ("user", "Are you back?")
        assert all("WebSocket connection" in problem for problem in page.problems)
