"""The LLM judge in the dialogue: when it is asked, and for how long its verdict holds."""

from dataclasses import replace
from typing import cast

import pytest

from graph.dialogue import Graph, build_dialogue
from graph.events import Verdict
from graph.settings import LLMSettings
from graph.state import Consultation, Dialogue, DialogueState, Estimate, Restriction, Turn
from nodes.consult import awaits_verdict, with_verdict
from nodes.judgement.llm import LlmJudge
from nodes.judgement.rules import RulesEstimator
from tests.llm_server import Answer, Request, judges, llm_server, refuses, says
from tests.situations import EPOCH, Conversation, Digest, FixedComposer, persona_of

SAYS = "well I have to tell you that this is what it is"
RUDE = Estimate(0.9, "affront", 0.95, "llm")
OWN = Estimate(0.2, "plain", 0.8, "rules")


class Asked:
    """Stands where the LLM judge does; its answers are the test's events."""

    def __init__(self, says: Estimate = RUDE) -> None:
        self.texts: list[str] = []
        self.says = says

    async def estimate(self, view):
        self.texts.append(view.text)
        return self.says


def graph_of(llm_judge) -> Graph:
    return build_dialogue(
        estimator=RulesEstimator(),
        llm_judge=llm_judge,
        composer=FixedComposer(),
        summariser=Digest(),
        memory=None,
        persona_of=persona_of,
    )


def questions(talk: Conversation) -> int:
    return talk.mind.log.count("start verdict")


async def answers(talk: Conversation) -> Dialogue:
    """The newest question is answered now."""
    verdict = await talk.mind.work("verdict").run()
    assert isinstance(verdict, Verdict)
    return await talk.send(replace(verdict, at=talk.now))


async def speaks(talk: Conversation, count: int, start: int = 0) -> None:
    spoken = SAYS.split()
    for end in range(start + 1, count + 1):
        await talk.passes(0.25)
        await talk.partial(" ".join(spoken[:end]))


async def test_the_judge_is_asked_at_the_third_word_and_not_on_each_partial() -> None:
    talk = Conversation(graph_of(Asked()))
    await talk.voice()
    await speaks(talk, 2)
    assert questions(talk) == 0
    await speaks(talk, 3, 2)
    assert questions(talk) == 1
    await speaks(talk, 7, 3)  # four words on: the open question may still count
    assert questions(talk) == 1
    await speaks(talk, 8, 7)
    assert questions(talk) == 2
    assert talk.mind.work("verdict").twice == "replace"


async def test_once_it_has_answered_it_is_asked_again_three_words_on() -> None:
    talk = Conversation(graph_of(Asked()))
    await talk.voice()
    await speaks(talk, 3)
    await answers(talk)
    await speaks(talk, 5, 3)
    assert questions(talk) == 1
    await speaks(talk, 6, 5)
    assert questions(talk) == 2


async def test_at_a_pause_it_is_asked_about_the_last_words_once() -> None:
    judge = Asked()
    talk = Conversation(graph_of(judge))
    await talk.says("well I have to")
    asked = questions(talk)
    await talk.passes(0.3)
    assert questions(talk) == asked
    await answers(talk)
    assert judge.texts == ["well I have to"]


async def test_it_is_not_asked_about_a_nod_nor_while_the_chat_is_closed() -> None:
    talk = Conversation(graph_of(Asked()))
    await talk.types("Tell me a story.")
    await talk.passes(1.0)
    await talk.sounds()
    before = questions(talk)
    await talk.voice()
    await talk.partial("mhm")
    await talk.silence()
    assert questions(talk) == before
    shut = Dialogue(restriction=Restriction(EPOCH + 600, "rude"), started=EPOCH).changes()
    closed = Conversation(graph_of(Asked()), shut)
    await closed.says("well I have to tell you")
    assert questions(closed) == 0


async def test_a_verdict_holds_while_the_turn_grows_by_four_words_and_no_longer() -> None:
    talk = Conversation(graph_of(Asked()))
    await talk.voice()
    await speaks(talk, 3)
    await answers(talk)
    for count in range(4, 8):
        await speaks(talk, count, count - 1)
        estimate = talk.dialogue.estimate
        assert estimate
        assert (estimate.appraisal, estimate.source) == ("affront", "llm+rules")
        assert estimate.p_complete < 0.9  # that the words so far were enough is known to be wrong
    await speaks(talk, 8, 7)
    estimate = talk.dialogue.estimate
    assert estimate
    assert (estimate.appraisal, estimate.source) == ("plain", "rules")


async def test_a_verdict_holds_for_the_clock_s_events_too() -> None:
    open_yet = replace(RUDE, p_complete=0.3)
    talk = Conversation(graph_of(Asked(open_yet)))
    await talk.says("well I have to")
    await answers(talk)
    assert talk.dialogue.estimate == open_yet
    await talk.send({"type": "configured", "at": talk.now, "patch": {}})
    assert talk.dialogue.estimate == open_yet
    await talk.passes(3.0)
    assert talk.judgement.appraisal == "affront"


async def test_a_verdict_on_words_that_were_revised_does_not_hold() -> None:
    talk = Conversation(graph_of(Asked()))
    await talk.voice()
    await speaks(talk, 3)
    await answers(talk)
    await talk.partial("well I had to")
    assert talk.dialogue.estimate
    assert talk.dialogue.estimate.source == "rules"


async def test_the_next_turn_knows_nothing_of_it() -> None:
    talk = Conversation(graph_of(Asked()))
    await talk.says("well I have to go.")
    await answers(talk)
    await talk.passes(3.0)
    assert talk.turn.closed
    await talk.sounds()
    await talk.ends()
    await talk.voice(2)
    await talk.partial("well", 2)
    assert talk.turn.consulted is None


def test_what_a_verdict_is_worth() -> None:
    turn = Turn(id="t1", typed="so that is it", consulted=Consultation("so that", RUDE, "so that"))
    held = with_verdict(OWN, turn)
    assert held == Estimate(0.2, "affront", 0.95, "llm+rules")
    exact = replace(turn, typed="So that!")
    assert with_verdict(OWN, exact) == RUDE
    fallback = Consultation("so", replace(RUDE, source="rules"), "so")
    assert with_verdict(OWN, replace(turn, consulted=fallback)) == OWN
    assert with_verdict(OWN, replace(turn, consulted=None)) == OWN


def test_a_verdict_is_due_until_it_is_there() -> None:
    turn = Turn(id="t1", typed="so that is it", consulted=Consultation("so that is it"))
    assert awaits_verdict(turn)
    assert not awaits_verdict(replace(turn, typed="so that is it then"))
    answered = Consultation("so that is it", RUDE, "so that is it")
    assert not awaits_verdict(replace(turn, consulted=answered))
    assert not awaits_verdict(replace(turn, consulted=None))


async def test_a_typed_turn_waits_for_the_verdict_on_it_with_an_answer_at_hand() -> None:
    talk = Conversation(graph_of(Asked()))
    await talk.types("I think that was fine.")
    assert talk.judgement.action == "reply"
    assert talk.judgement.hold
    assert talk.mind.held
    await talk.passes(0.3)
    await answers(talk)
    assert not talk.mind.held
    assert talk.judgement.appraisal == "affront"
    assert talk.utterance.status == "speaking"


async def test_but_not_for_long() -> None:
    talk = Conversation(graph_of(Asked()))
    await talk.types("I think that was fine.")
    await talk.passes(0.7)
    assert talk.utterance.status == "held"
    await talk.passes(0.2)
    assert (talk.utterance.status, talk.utterance.behaviour) == ("speaking", "reply")


async def dry_run(script, text: str) -> Dialogue:
    """One run as Studio makes it, with a real judge behind a real server."""
    with llm_server(script) as server:
        settings = LLMSettings(model="small", base_url=server.url)
        judge = LlmJudge(settings, 5.0, RulesEstimator())
        try:
            given: DialogueState = {"event": {"type": "text_typed", "text": text}}
            state = await graph_of(judge).ainvoke(given)
        finally:
            await judge.close()
    return Dialogue.load(cast(DialogueState, state))


async def test_a_run_without_a_session_has_its_verdict_before_it_judges() -> None:
    told = judges({"respond": 1.0}, {" unreasonable": 0.9, " plain": 0.1})
    dialogue = await dry_run([told], "Explain the thing with the neighbour's cable.")
    assert dialogue.estimate
    assert dialogue.estimate.source == "llm"
    assert dialogue.judgement
    assert (dialogue.judgement.action, dialogue.judgement.confidence) == ("refuse", 0.9)


@pytest.mark.parametrize("answer", [says("As a language model I"), refuses(401), refuses(429)])
async def test_a_run_without_a_session_goes_on_without_a_verdict(answer: Answer) -> None:
    dialogue = await dry_run([answer], "Hello there, this is me.")
    assert dialogue.judgement
    assert dialogue.judgement.action == "reply"
    assert dialogue.estimate
    assert dialogue.estimate.source == "rules"
    assert [m["role"] for m in dialogue.messages] == ["user", "assistant"]


async def test_the_judge_is_told_of_the_persona_s_opinions_and_of_what_was_said() -> None:
    seen: list[Request] = []

    def script(request: Request) -> Answer:
        seen.append(request)
        return says("respond plain")

    await dry_run(script, "I love the sea.")
    assert "I love pineapple on pizza." in seen[0].system
    assert seen[0].messages[-1]["content"].endswith("I love the sea.")
