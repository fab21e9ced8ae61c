"""The page in a real browser against the real server: what a user sees, hears and says there."""

import base64
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray

from audio_io.pcm import EAR_RATE, read_audio, resample
from audio_io.tts.espeak import EspeakEngine
from server.hub import ServerOptions
from tests.llm_server import llm_server, says
from tests.server.serving import HELLO, client, services_in, serving, speech
from tests.web.browser import Page, chromium
from tests.web.stage import (
    JFK,
    NO_PROCESSING,
    TAP,
    Stage,
    copy_jfk,
    server_in,
    speak_lines,
)

MEETINGS = "No I meant the meetings, do you like meetings?"
INSULT = "You are such a useless and stupid piece of junk and you will never understand me."
LINES = ("Mhm.", MEETINGS, INSULT)
MS = 24

Sound: TypeAlias = NDArray[np.int32]

one_stage = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(tmp_path_factory):
    """One server and one browser for all tests that need no other."""
    folder, lines = tmp_path_factory.mktemp("page"), tmp_path_factory.mktemp("lines")
    sounds = await speak_lines(LINES, lines)
    copy_jfk(lines)
    microphone = folder / "microphone.wav"
    async with (
        chromium(folder, microphone=microphone) as browser,
        server_in(folder / "data", lines) as served,
    ):
        yield Stage(served, browser, lines, microphone, sounds)


async def type_turn(page: Page, text: str) -> None:
    await page.click("#line")
    await page.type(text)
    await page.enter()


async def choose(page: Page, persona: str) -> None:
    """As the list does when one is picked in it."""
    await page.evaluate(
        f"""document.getElementById("persona").value = "{persona}";
        document.getElementById("persona").dispatchEvent(new Event("change"))"""
    )
    await page.received("config")


async def bubbles(page: Page) -> list[tuple[str, str]]:
    """The conversation as it is shown: class and text of each bubble."""
    return [
        (kind, text)
        for kind, text in await page.evaluate(
            "[...document.querySelectorAll('#talk li')].map((li) => [li.className, li.innerText])"
        )
    ]


def played(page: Page) -> list[int]:
    """What the page reported of the first utterance, in ms."""
    return [m["ms"] for m in page.sent if m["type"] == "played" and m["utterance"] == 1]


@one_stage
async def test_a_typed_turn_is_answered_aloud_and_judged_with_a_reason(stage):
    async with stage.page() as page:
        await type_turn(page, "Hello there!")
        end = await page.received("utterance_end")
        await page.wait("!document.querySelector('.live')")
        assert await bubbles(page) == [("user", "Hello there!"), ("agent reply", end["heard"])]
        assert await page.text("#leaning") == "Ada replies"
        assert await page.text("#reason") == page.of("judgement")[-1]["reason"]
        assert await page.text("#complete-value") == "90 %"
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
async def test_what_the_microphone_hears_is_shown_at_once_and_answered_once(stage):
    samples, rate = read_audio(speech(JFK))
    stage.sounds["jfk"] = resample(samples, rate, EAR_RATE)
    stage.say("jfk")
    async with stage.page(before="") as page:
        await page.click("#microphone")
        await page.wait("document.querySelector('.user.live')?.innerText === 'and so my'")
        assert await page.text("#leaning") == "Ada listens"
        assert float(await page.evaluate(
            "getComputedStyle(document.getElementById('microphone')).getPropertyValue('--level')"
        )) > 0  # fmt: skip
        turn = await page.received("turn", seconds=20)
        await page.received("utterance_end")
        kennedy = (
            "and so my fellow americans ask not what your country can do for you"
            " ask what you can do for your country"
        )
        assert turn["text"] == kennedy
        heard = page.of("utterance_end")[0]["heard"]
        assert await bubbles(page) == [("user", kennedy), ("agent reply", heard)]
        rows = await page.text("#judgements")
        assert "it sounds unfinished: I wait" in rows, "his pause behind 'americans'"


@one_stage
async def test_a_user_who_cuts_in_by_voice_silences_the_agent_and_sees_what_was_heard(stage):
    async with stage.page() as page:
        await choose(page, "max")
        stage.say(1.6, MEETINGS)
        await page.click("#microphone")
        await page.until(lambda: len(page.sound) > 0)
        await type_turn(page, "Do you like homework?")
        await page.received("pause")
        await page.wait("document.querySelector('.agent.paused')")
        end = await page.received("utterance_end")
        assert end["reason"] == "cut"
        assert end["heard"]
        await page.received("text", id=2)
        await page.wait("document.querySelector('#talk li:nth-child(4) .said').innerText")
        shown = await bubbles(page)
        assert shown[1][1].startswith(end["heard"])
        assert shown[1][1].endswith("you took the floor")
        said = "".join(m["delta"] for m in page.of("text") if m["id"] == 1)
        struck = await page.text("#talk s")
        assert end["heard"] + struck == said
        assert shown[2] == ("user", MEETINGS)
        assert shown[3][0] == "agent reply live"


@one_stage
async def test_a_listener_who_says_mhm_stops_nothing(stage):
    async with stage.page() as page:
        await choose(page, "max")
        stage.say(1.4, "Mhm.")
        await page.click("#microphone")
        await page.until(lambda: len(page.sound) > 0)
        await type_turn(page, "Do you like homework?")
        await page.received("pause")
        await page.received("resume")
        end = await page.received("utterance_end")
        assert end["reason"] == "finished"
        assert (await bubbles(page))[1] == ("agent reply", end["heard"])
        whole = max(frame.offset_ms + len(frame.pcm) / 2 / MS for frame in page.frames)
        assert played(page)[-1] == pytest.approx(whole, abs=1)
        assert not await page.evaluate("document.querySelectorAll('#talk s, .paused').length")


@one_stage
async def test_a_microphone_turned_off_in_mid_sentence_ends_the_turn(stage):
    async with stage.page() as page:
        stage.say(0.2, MEETINGS)
        await page.click("#microphone")
        await page.wait("document.querySelector('.user.live')?.innerText.includes('meant')")
        await page.click("#microphone")
        assert (await page.received("turn"))["text"].startswith("No I meant")
        await page.received("utterance", behaviour="reply")
        sent = len(page.sound)
        await page.received("utterance_end")
        assert len(page.sound) == sent, "it is really off"


@one_stage
async def test_an_agent_that_cuts_in_says_so_and_no_word_is_shown_twice(stage):
    async with stage.page() as page:
        await choose(page, "max")
        stage.say(0.2, INSULT)
        await page.click("#microphone")
        await page.received("utterance", behaviour="interrupt")
        await page.wait("document.querySelector('.interrupt .badge')?.innerText === 'cut in'")
        await page.received("utterance_end")
        await page.received("turn", 2)
        await page.wait("!document.querySelector('.user.live')")
        said = [text for kind, text in await bubbles(page) if kind == "user"]
        assert " ".join(said) == " ".join(turn["text"] for turn in page.of("turn"))
        assert len(" ".join(said).split()) <= len(INSULT.split())


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
async def test_the_words_that_the_server_takes_for_heard_are_those_that_sounded(stage, tmp_path):
    """What went to the loudspeaker, what the page reported, and what stands in the history."""
    numbers = (
        "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    )
    with llm_server(lambda request: says(numbers)) as model:
        llm = {"model": "test", "base_url": model.url}
        async with server_in(tmp_path, stage.lines, llm=llm) as served:
            own = replace(stage, served=served)
            async with own.page(before=NO_PROCESSING + TAP) as page:
                own.say(2.2, MEETINGS)
                await page.click("#microphone")
                await page.until(lambda: len(page.sound) > 0)
                await type_turn(page, "Count to fifteen, please.")
                end = await page.received("utterance_end")
                pieces = await page.evaluate("heard.length")
                await page.wait(f"heard.length >= {pieces} + 2")
                recorded = _sound(base64.b64decode(await page.evaluate("recorded()")))
    assert end["reason"] == "cut"
    ms = played(page)[-1]
    sent = _sound(b"".join(frame.pcm for frame in page.frames if frame.utterance == 1))
    share, end_at = _played(sent[: ms * MS], recorded)
    assert share > 0.9, "what sounded is what was sent, up to the sample that was reported"
    assert not recorded[end_at + 50 * MS : end_at + 150 * MS].any(), "and silence behind it"

    engine = EspeakEngine()
    words = [
        word async for audio in engine.synthesise(numbers, "+f4", "en") for word in audio.words
    ]
    await engine.close()
    count = len(end["heard"].split())
    assert numbers.startswith(end["heard"])
    assert words[count - 1].start * 1000 < ms, "its last word had begun to sound"
    a_report = 100  # the last one may still have been on its way
    assert ms - a_report < words[count].end * 1000, "the next one had not been heard out"


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


def _sound(pcm: bytes) -> Sound:
    return np.frombuffer(pcm, dtype="<i2").astype(np.int32)


def _played(sent: Sound, recorded: Sound) -> tuple[float, int]:
    """The share of `sent` that sounds in `recorded`, in its order, and where that ends.

    On a busy machine playback may stumble: then there are gaps, with a fade on both sides.
    """
    size, at, found = 20 * MS, 0, 0
    for start in range(0, len(sent) - size, size):
        piece = sent[start : start + 64]
        reach = recorded[at : at + MS * (1_000 if found else 5_000)]
        same = np.abs(np.lib.stride_tricks.sliding_window_view(reach, 64) - piece) <= 2
        places = np.flatnonzero(same.all(axis=1))
        if len(places):
            at, found = at + int(places[0]) + size, found + size
    return found / len(sent), at
