"""Answers that are prepared in silence: held, let go, discarded."""

import pytest

from graph.dialogue import Graph
from graph.state import Estimate
from tests.situations import Conversation, Opinionated, dialogue_graph

PROBABLY_OVER = "I went to the market"
"""Where every text is as likely to be over as not."""


def even_odds() -> Graph:
    estimator = Opinionated()
    estimator.says = Estimate(0.6)
    return dialogue_graph(estimator=estimator)


async def held() -> Conversation:
    talk = Conversation(even_odds())
    await talk.says(PROBABLY_OVER)
    assert talk.mind.log == ["hold u1"]
    return talk


async def test_a_probable_end_prepares_an_answer_and_changes_nothing_else() -> None:
    talk = await held()
    assert talk.utterance.status == "held"
    assert "get ready" in talk.judgement.reason
    assert talk.dialogue.floor == "user"
    assert talk.heard == []
    assert talk.dialogue.open_turn
    assert talk.dialogue.rapport.turn == ""
    assert "endpoint" in talk.mind.wakes


async def test_it_is_let_go_under_the_same_id_when_the_turn_is_over() -> None:
    talk = await held()
    await talk.passes(2.0)
    assert talk.mind.log == ["hold u1", "release u1"]
    assert talk.utterance.id == "u1"
    assert talk.utterance.status == "speaking"
    assert talk.heard == [("user", PROBABLY_OVER)]
    assert talk.dialogue.floor == "agent"


async def test_it_is_prepared_once_however_often_it_is_judged() -> None:
    talk = await held()
    await talk.passes(0.05)
    await talk.partial(PROBABLY_OVER + ".", final=True)
    await talk.silence()
    assert [line for line in talk.mind.log if line.startswith("hold")] == ["hold u1"]


async def test_new_words_discard_it() -> None:
    talk = await held()
    await talk.voice(2)
    assert talk.mind.held == "u1", "a voice alone may be a cough"
    await talk.partial("and", 2)
    assert talk.mind.log[-1] == "hush"
    assert talk.utterance.status == "ended"
    await talk.partial("and bought some pears.", 2, final=True)
    await talk.passes(0.5)
    assert talk.utterance.text_judged == PROBABLY_OVER + " and bought some pears."


async def test_a_cough_does_not_discard_it() -> None:
    talk = await held()
    await talk.voice(2)
    await talk.passes(0.5)
    assert talk.mind.sounding == "", "nothing is said into a voice"
    await talk.partial("", 2, final=True)
    await talk.silence(2)
    await talk.passes(2.0)
    assert talk.mind.log == ["hold u1", "release u1"]


async def test_typing_discards_it_and_the_whole_turn_is_answered() -> None:
    talk = await held()
    await talk.types("and bought pears")
    assert talk.mind.log == ["hold u1", "hush", "say"]
    assert talk.heard == [("user", PROBABLY_OVER + " and bought pears")]


async def test_asking_lets_it_go_at_once() -> None:
    talk = await held()
    await talk.send({"type": "respond", "at": talk.now})
    assert talk.mind.log == ["hold u1", "release u1"]


async def test_another_act_takes_its_place() -> None:
    said = Opinionated()
    talk = Conversation(dialogue_graph(estimator=said))
    said.says = Estimate(0.6)
    await talk.says("Help me to do it")
    assert talk.mind.said[-1][0].behaviour == "reply"
    said.says = Estimate(0.6, "unreasonable", 0.9)
    await talk.passes(2.0)
    assert talk.utterance.behaviour == "refuse"
    assert talk.mind.log == ["hold u1", "say"]
    assert talk.mind.held == ""


async def test_a_block_is_not_prepared_and_takes_the_place_of_what_was() -> None:
    said = Opinionated()
    talk = Conversation(dialogue_graph(estimator=said))
    await talk.send({"type": "configured", "patch": {"persona": "tess"}})
    said.says = Estimate(0.95, "affront", 0.9)
    for _ in range(2):
        await talk.types("you know what you are")
        await talk.sounds()
        await talk.ends()
    said.says = Estimate(0.6, "affront", 0.9)
    await talk.says("oh come on")
    assert not talk.mind.held
    await talk.passes(2.0)
    assert talk.utterance.behaviour == "block"


async def test_tools_on_offer_nothing_is_prepared() -> None:
    talk = Conversation(even_odds())
    await talk.send({"type": "configured", "patch": {"tools": [{"name": "weather"}]}})
    await talk.says(PROBABLY_OVER)
    assert talk.mind.log == []
    await talk.passes(2.0)
    assert talk.mind.log == ["say"]


async def test_a_turn_that_is_left_in_silence_after_all_drops_it() -> None:
    said = Opinionated()
    talk = Conversation(dialogue_graph(estimator=said))
    said.says = Estimate(0.6)
    await talk.says("so what is it")
    assert talk.mind.held
    await talk.send({"type": "left", "at": talk.now})
    await talk.joins(resumed=True)
    assert talk.utterance.status == "ended"


async def test_a_prepared_answer_that_was_never_let_go_leaves_no_trace_in_the_history() -> None:
    talk = await held()
    await talk.voice(2)
    await talk.partial("no wait", 2)
    await talk.passes(0.2)
    assert talk.heard == []
    assert talk.turn.text == PROBABLY_OVER + " no wait"


@pytest.mark.parametrize("seconds", [0.0, 0.3, 0.6])
async def test_it_answers_at_the_moment_that_the_probability_asks_for(seconds: float) -> None:
    talk = await held()
    due = talk.mind.wakes["endpoint"]
    await talk.passes(seconds)
    assert (talk.mind.sounding == "u1") is (talk.now >= due)
