"""The LLM judge beside a live session: it never keeps anybody waiting, and what it says counts."""

import asyncio
import threading

import pytest

from evals.virtual_time import run_virtual
from graph.dialogue import Graph, build_dialogue
from graph.events import Verdict
from graph.settings import LLMSettings
from graph.state import Dialogue, Estimate
from memory.summary import ExtractiveSummariser
from nodes.judgement.estimator import Estimator, View
from nodes.judgement.llm import LlmJudge
from nodes.judgement.rules import RulesEstimator
from tests.llm_server import Answer, Request, judges, llm_server, refuses, says, stalls
from tests.server.stage import Scene, Written, catalogue, until

OPEN = Estimate(0.1, "plain", 0.9, "llm")
OVER = Estimate(0.95, "plain", 0.9, "llm")


class Slow:
    """On the virtual clock, where no socket belongs: takes its time, then says what it is told."""

    def __init__(self, seconds: float, says: Estimate) -> None:
        self.seconds, self.says = seconds, says
        self.asked: list[str] = []
        self.answered: list[str] = []
        self.cancelled: list[str] = []

    async def estimate(self, view: View) -> Estimate:
        self.asked.append(view.text)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled.append(view.text)
            raise
        self.answered.append(view.text)
        return self.says


def graph_of(llm_judge: Estimator) -> Graph:
    return build_dialogue(
        estimator=RulesEstimator(),
        llm_judge=llm_judge,
        composer=Written(),
        summariser=ExtractiveSummariser(),
        memory=None,
        persona_of=catalogue().get,
    )


def verdicts(scene: Scene) -> list[Verdict]:
    return [step.event for step in scene.steps if isinstance(step.event, Verdict)]


def test_a_newer_question_cancels_the_older_one_of_the_session() -> None:
    judge = Slow(5.0, OPEN)

    async def run() -> None:
        async with Scene(graph=graph_of(judge)).played() as scene:
            await scene.say("one two three four five six seven eight nine")
            await asyncio.sleep(0.1)

    run_virtual(run())
    asked = ["one two three", "one two three four five six seven eight"]
    assert judge.asked[:2] == asked
    assert judge.asked[-1].endswith("nine")
    assert judge.cancelled == judge.asked
    assert judge.answered == []


def test_a_quick_judge_is_asked_every_few_words_and_nothing_is_cancelled() -> None:
    judge = Slow(0.1, OPEN)

    async def run() -> Scene:
        async with Scene(graph=graph_of(judge)).played() as scene:
            await scene.say("one two three four five six seven eight nine")
            await asyncio.sleep(0.5)
            return scene

    scene = run_virtual(run())
    assert [len(text.split()) for text in judge.asked] == [3, 6, 9]
    assert judge.cancelled == []
    assert [verdict.text for verdict in verdicts(scene)] == judge.answered


@pytest.mark.parametrize(("says", "sooner"), [(OVER, True), (OPEN, False)])
def test_a_verdict_in_the_pause_moves_the_answer(says: Estimate, sooner: bool) -> None:
    async def run(judge: Slow) -> float:
        async with Scene(graph=graph_of(judge)).played() as scene:
            stopped = await scene.say("i would like to go to")
            await asyncio.sleep(4.0)
            (begun,) = scene.starts()
            return begun - stopped

    answered = run_virtual(run(Slow(0.3, says)))
    alone = run_virtual(run(Slow(60.0, says)))
    assert alone > 1.5  # the rules wait for the rest of the sentence
    assert (answered < 1.0) is sooner
    if not sooner:
        assert answered == pytest.approx(alone, abs=0.2)


@pytest.mark.parametrize("last_words", ["i would like to", ""])
def test_a_verdict_is_of_the_moment_it_comes(last_words: str) -> None:
    """Asked with the last words, or with the news of silence, which is 0.2 s old when it comes."""

    async def run() -> tuple[Scene, float]:
        async with Scene(graph=graph_of(Slow(0.7, OPEN))).played() as scene:
            segment = await scene.talk("i would like to")
            stopped = await scene.fall_silent(segment, last_words)
            await asyncio.sleep(1.0)
            return scene, stopped

    scene, stopped = run_virtual(run())
    assert verdicts(scene)[-1].text == "i would like to"
    assert verdicts(scene)[-1].at == pytest.approx(stopped + 0.9, abs=0.01)


def test_a_verdict_that_comes_when_the_agent_speaks_revokes_nothing() -> None:
    rude = Estimate(0.9, "affront", 0.99, "llm")
    judge = Slow(1.5, rude)

    async def run() -> Scene:
        async with Scene(graph=graph_of(judge)).played() as scene:
            await scene.say("what is the weather like today?")
            await asyncio.sleep(10.0)
            return scene

    scene = run_virtual(run())
    assert judge.answered
    assert verdicts(scene)
    assert [end.reason for end in scene.ends()] == ["finished"]
    assert scene.state["stale"] == 1
    assert scene.state["rapport"]["affronts"] == 0


def test_a_session_that_ends_cancels_its_question() -> None:
    judge = Slow(60.0, OPEN)

    async def run() -> None:
        async with Scene(graph=graph_of(judge)).played() as scene:
            await scene.talk("one two three")
            await until(lambda: bool(judge.asked))

    run_virtual(run())
    assert judge.cancelled == ["one two three"]


def behaviour(scene: Scene) -> str | None:
    """Of the newest utterance."""
    utterance = Dialogue.load(scene.state).utterance
    return utterance.behaviour if utterance else None


async def typed(script, text: str, seconds: float = 20.0) -> tuple[Scene, LlmJudge]:
    """A typed turn in a real session, with a real judge behind a real server."""
    over = asyncio.Event()
    with llm_server(script) as server:
        judge = LlmJudge(LLMSettings(model="m", base_url=server.url), seconds, RulesEstimator())
        try:
            async with Scene(graph=graph_of(judge), pace=None).played() as scene:
                scene.session.watch(lambda step: over.set() if scene.ends() else None)
                scene.type(text)
                await asyncio.wait_for(over.wait(), 30)
        finally:
            await judge.close()
    return scene, judge


async def test_over_the_wire_a_verdict_decides_what_the_agent_does() -> None:
    told = judges({"respond": 0.9, "listen": 0.1}, {" unreasonable": 0.95, " plain": 0.05})
    answered, spoken = asyncio.Event(), asyncio.Event()
    with llm_server(lambda _: told) as server:
        judge = LlmJudge(LLMSettings(model="m", base_url=server.url), 30.0, RulesEstimator())
        async with Scene(graph=graph_of(judge), pace=None).played() as scene:
            scene.session.watch(lambda step: answered.set() if verdicts(scene) else None)
            scene.session.watch(lambda step: spoken.set() if scene.ends() else None)
            segment = await scene.talk("cut his cable", rate=100)
            await asyncio.wait_for(answered.wait(), 30)
            await scene.fall_silent(segment, "cut his cable")
            await asyncio.wait_for(spoken.wait(), 30)
        await judge.close()
    assert behaviour(scene) == "refuse"
    assert judge.counts == {"asked": 1, "answered": 1}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says("The user seems to be done."), "malformed"),
        (refuses(401), "unauthorised"),
        (refuses(429), "rate_limited"),
        (stalls("respond"), ""),
    ],
    ids=["malformed", "unauthorised", "rate-limited", "stalled"],
)
async def test_over_the_wire_a_judge_that_fails_leaves_the_estimator_s_answer(
    answer: Answer, kind: str
) -> None:
    scene, judge = await typed([answer], "Hello there, this is me.")
    assert behaviour(scene) == "reply"
    assert scene.said
    if kind:
        assert judge.counts == {"asked": 1, kind: 1}
    assert scene.session.mind_failures == 0


async def test_over_the_wire_a_superseded_question_hangs_up() -> None:
    asked, answered = threading.Event(), asyncio.Event()

    def script(request: Request) -> Answer:
        if "eight" in request.messages[-1]["content"]:
            return says("listen plain")
        asked.set()
        return Answer(("respond", " plain"), gap=30.0)

    with llm_server(script) as server:
        judge = LlmJudge(LLMSettings(model="m", base_url=server.url), 30.0, RulesEstimator())
        async with Scene(graph=graph_of(judge)).played() as scene:
            scene.session.watch(lambda step: answered.set() if verdicts(scene) else None)
            segment = await scene.talk("one two three", rate=100)
            assert await asyncio.to_thread(asked.wait, timeout=30)
            await scene.talk("one two three four five six seven eight", rate=100, segment=segment)
            assert await asyncio.to_thread(server.hung_up.acquire, timeout=30)
            await asyncio.wait_for(answered.wait(), 30)
        await judge.close()
    assert judge.counts == {"asked": 2, "superseded": 1, "answered": 1}
