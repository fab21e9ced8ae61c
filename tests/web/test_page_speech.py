"""Talking to the page: the microphone of a real browser, its loudspeaker, and the real server."""

import base64
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_io.pcm import EAR_RATE, read_audio, resample
from audio_io.tts.espeak import EspeakEngine
from tests.llm_server import llm_server, says
from tests.server.serving import speech
from tests.web.stage import (
    INSULT,
    JFK,
    MEETINGS,
    MS,
    NO_PROCESSING,
    TAP,
    bubbles,
    choose,
    played,
    server_in,
    type_turn,
)  # fmt: skip

Sound: TypeAlias = NDArray[np.int32]

one_stage = pytest.mark.asyncio(loop_scope="module")


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
