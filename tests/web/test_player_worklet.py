"""The page's player, sample by sample: what sounds is what the server meant to sound.

It runs in an audio context without a loudspeaker, whose time stands still wherever a step is due.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.server.serving import services_in, serving
from tests.web.browser import chromium
from tests.web.tab import Page

MS = 24
STEP = 16
"""ms: three blocks of 128 samples, so that a step is due between two blocks."""
FADE = 4 * MS

RENDER = """(async (steps, seconds) => {
    const context = new OfflineAudioContext(1, seconds * 24000, 24000);
    await context.audioWorklet.addModule("player-worklet.js");
    const node = new AudioWorkletNode(context, "player",
        { numberOfInputs: 0, outputChannelCount: [1] });
    const played = [];
    node.port.onmessage = ({ data }) => played.push([data.utterance, data.sample / 24]);
    node.connect(context.destination);
    const ramp = (from, count) => Int16Array.from({ length: count }, (_, i) => from + i + 1);
    for (const [ms, messages] of steps)
        context.suspend(ms / 1000).then(async () => {
            for (const { ms, length, ...message } of messages) {
                if (ms !== undefined) message.sample = ms * 24;
                if (length !== undefined) message.pcm = ramp(ms * 24, length * 24);
                node.port.postMessage(message);
            }
            await new Promise((told) => setTimeout(told, 20));
            context.resume();
        });
    const sound = (await context.startRendering()).getChannelData(0);
    await new Promise((told) => setTimeout(told, 30)); // for its last report
    return { sound: Array.from(sound, (x) => Math.round(x * 32768)), played };
})"""

one_browser = pytest.mark.asyncio(loop_scope="module")

Step = tuple[int, list[dict[str, object]]]


@dataclass
class Sounded:
    """What came out of the player."""

    sound: list[int]
    """The value of a sample tells its place in the utterance: the first is 1."""
    played: list[list[float]]
    """Its reports: utterance, ms."""

    def at(self, ms: float) -> float:
        """Which ms of the utterance sounded then; 0: silence."""
        return self.sound[round(ms * MS)] / MS

    def is_silent(self, since: float, to: float) -> bool:
        """Whether nothing sounded between two moments, but for a fade at the beginning."""
        return not any(self.sound[round(since * MS) + FADE : round(to * MS)])


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(tmp_path_factory) -> AsyncIterator[Page]:
    folder = tmp_path_factory.mktemp("player")
    async with (
        chromium(folder) as browser,
        serving(services_in(folder / "data")) as served,
        browser.page(served.http) as page,
    ):
        await page.received("welcome")
        yield page


def begin(number: int = 1) -> dict[str, object]:
    return {"type": "begin", "utterance": number}


def audio(ms: int, length: int, number: int = 1) -> dict[str, object]:
    return {"type": "audio", "utterance": number, "ms": ms, "length": length}


def tell(kind: str, number: int = 1, **given: int) -> dict[str, object]:
    return {"type": kind, "utterance": number, **given}


async def play(page: Page, *steps: Step, seconds: float = 0.5) -> Sounded:
    """Tells the player something at each of these ms, and listens to the end."""
    assert all(ms % STEP == 0 for ms, _ in steps)
    return Sounded(**await page.evaluate(f"{RENDER}({json.dumps(steps)}, {seconds})"))


@one_browser
async def test_what_is_there_is_played_and_silence_after_it(page):
    heard = await play(page, (0, [begin(), audio(0, 160)]))
    assert heard.at(100) == pytest.approx(100, abs=0.1)
    assert heard.is_silent(160, 500)
    assert heard.played == [[1, 100], [1, 160]]


@one_browser
async def test_it_pauses_at_once_and_goes_on_at_the_sample_where_it_stopped(page):
    heard = await play(
        page,
        (0, [begin(), audio(0, 320)]),
        (160, [tell("pause")]),
        (320, [tell("resume", ms=160)]),
    )
    assert heard.at(150) == pytest.approx(150, abs=0.1)
    assert heard.is_silent(160, 320)
    assert heard.at(320 + 80) == pytest.approx(160 + 80, abs=0.1)
    assert [1, 160] in heard.played, "where it paused"


@one_browser
async def test_after_a_long_pause_it_goes_back_to_the_start_of_the_word(page):
    heard = await play(
        page,
        (0, [begin(), audio(0, 320)]),
        (160, [tell("pause")]),
        (320, [tell("resume", ms=100), audio(100, 300)]),
        seconds=0.8,
    )
    assert heard.at(320 + 60) == pytest.approx(100 + 60, abs=0.1)
    assert heard.is_silent(320 + 300, 800)
    assert heard.played == [[1, 100], [1, 160], [1, 200], [1, 300], [1, 400]]


@one_browser
async def test_a_player_that_lags_does_not_skip_what_was_not_heard(page):
    heard = await play(
        page,
        (0, [begin(), audio(0, 320)]),
        (160, [tell("pause")]),
        (192, [tell("resume", ms=200)]),
    )
    assert heard.at(192 + 64) == pytest.approx(160 + 64, abs=0.1)


@one_browser
async def test_what_was_flushed_is_never_heard_not_even_a_late_piece(page):
    heard = await play(
        page,
        (0, [begin(), audio(0, 320)]),
        (160, [tell("flush"), audio(320, 100)]),
    )
    assert heard.is_silent(160, 500)
    assert heard.played[-1] == [1, 160]


@one_browser
async def test_an_utterance_is_played_out_before_the_next_one(page):
    heard = await play(
        page,
        (0, [begin(), audio(0, 160), begin(2), audio(0, 160, 2)]),
        (320, [tell("end")]),
    )
    assert heard.at(150) == pytest.approx(150, abs=0.1)
    assert heard.is_silent(160, 320), "the first one may still go on"
    assert heard.at(320 + 100) == pytest.approx(100, abs=0.1)
    assert [2, 100] in heard.played


@one_browser
async def test_a_hole_is_silent_and_an_overlap_replaced(page):
    heard = await play(
        page,
        (0, [begin(), audio(0, 200), audio(96, 16), audio(160, 100)]),
    )
    assert heard.at(90) == pytest.approx(90, abs=0.1)
    assert heard.at(104) == pytest.approx(104, abs=0.1)
    assert heard.is_silent(112, 160), "the old end is not there any more"
    assert heard.at(200) == pytest.approx(200, abs=0.1)
    assert heard.is_silent(260, 500)


@one_browser
async def test_audio_that_comes_late_is_waited_for(page):
    heard = await play(page, (0, [begin(), audio(0, 80)]), (160, [audio(80, 80)]))
    assert heard.is_silent(80, 160)
    assert heard.at(160 + 40) == pytest.approx(80 + 40, abs=0.1)


@one_browser
async def test_a_new_connection_counts_from_one_again(page):
    heard = await play(
        page,
        (0, [begin(), audio(0, 320)]),
        (160, [{"type": "reset"}, begin(), audio(0, 100)]),
    )
    assert heard.at(160 + 60) == pytest.approx(60, abs=0.1)
    assert heard.is_silent(260, 500)


@one_browser
async def test_nothing_clicks(page):
    """Between two samples there is never more than a full swing over the 4 ms of a fade."""
    heard = await play(
        page,
        (0, [begin(), audio(0, 320)]),
        (160, [tell("pause")]),
        (208, [tell("resume", ms=160)]),
        (256, [tell("flush")]),
    )
    jumps = [abs(b - a) for a, b in zip(heard.sound, heard.sound[1:], strict=False)]
    assert max(jumps) <= max(heard.sound) / FADE + 2
