"""Whole conversations through the graph: turns, answers, waiting, and every act."""

import pytest

from graph.events import Due
from graph.state import Estimate
from tests.situations import EAGER, EPOCH, Conversation, Opinionated, dialogue_graph, persona_of


async def test_a_typed_turn_is_answered_at_once() -> None:
    talk = Conversation()
    dialogue = await talk.types("Hello there.")
    assert talk.action == "reply"
    assert dialogue.floor == "agent"
    assert talk.heard == [("user", "Hello there.")]
    assert talk.utterance.turn == "t1"
    assert talk.mind.log == ["say"]


async def test_the_answer_is_in_the_history_once_it_was_heard() -> None:
    talk = Conversation()
    await talk.types("Hello there.")
    await talk.sounds()
    dialogue = await talk.ends("Hello to you.")
    assert talk.heard == [("user", "Hello there."), ("assistant", "Hello to you.")]
    assert dialogue.floor == "open"
    assert [message["id"] for message in talk.messages] == ["t1", "u1"]


async def test_a_finished_question_is_answered_a_fifth_of_a_second_after_the_last_word() -> None:
    talk = Conversation()
    await talk.says("Where do you live?")
    assert talk.action == "reply"
    assert talk.now - talk.turn.silent_since == pytest.approx(0.2)  # type: ignore[operator]


async def test_an_unfinished_sentence_is_waited_for_and_its_end_is_one_turn_with_it() -> None:
    talk = Conversation()
    await talk.says("I would like to go to the", segment=1)
    assert talk.action == "keep_listening"
    await talk.passes(0.1)
    await talk.says("market today.", segment=2)
    assert talk.action == "reply"
    assert talk.heard == [("user", "I would like to go to the market today.")]


async def test_an_unfinished_sentence_is_answered_after_two_seconds() -> None:
    talk = Conversation()
    await talk.says("I would like to go to the")
    await talk.passes(1.7)
    assert talk.action == "keep_listening"
    await talk.passes(0.2)
    assert talk.action == "reply"
    assert "over" in talk.judgement.reason


async def test_a_voice_that_goes_on_takes_the_endpoint_back() -> None:
    talk = Conversation()
    await talk.says("I would like to go to the")
    assert "endpoint" in talk.mind.wakes
    await talk.voice(segment=2)
    assert "endpoint" not in talk.mind.wakes
    await talk.passes(5.0)
    assert talk.action == "keep_listening"
    assert talk.heard == []


async def test_a_client_without_voice_events_is_not_cut_while_its_words_flow() -> None:
    talk = Conversation()
    await talk.partial("I went to the", 1, final=True)
    await talk.passes(1.5)
    for word in ("market", "market and", "market and then"):
        await talk.partial(word, 2)
        await talk.passes(0.5)
    assert talk.heard == []
    await talk.partial("market and then home.", 2, final=True)
    await talk.passes(0.3)
    assert talk.heard == [("user", "I went to the market and then home.")]


async def test_the_last_words_may_come_after_the_silence() -> None:
    talk = Conversation()
    await talk.voice()
    await talk.partial("Where do you")
    await talk.passes(0.4)
    await talk.silence()
    await talk.passes(0.1)
    await talk.partial("Where do you live?", final=True)
    await talk.passes(0.4)
    assert talk.heard == [("user", "Where do you live?")]
    assert talk.utterance.status == "speaking"


async def test_a_cough_is_no_turn() -> None:
    talk = Conversation()
    await talk.voice()
    await talk.passes(0.5)
    await talk.partial("", final=True)
    dialogue = await talk.silence()
    await talk.passes(10.0)
    assert talk.actions == []
    assert dialogue.floor == "open"
    assert talk.mind.log == []


async def test_mhm_into_the_silence_is_left_unanswered() -> None:
    talk = Conversation()
    await talk.says("mhm")
    await talk.passes(2.0)
    assert talk.action == "silence"
    assert talk.heard == [("user", "mhm")]
    assert talk.dialogue.floor == "open"


async def test_mhm_answers_a_question_of_the_agent() -> None:
    talk = Conversation()
    await talk.speaks("Hello.")
    await talk.ends("Hello! Shall I tell you a story?")
    await talk.says("mhm")
    await talk.passes(2.0)
    assert talk.action == "reply"


async def test_wait_into_the_silence_asks_for_quiet() -> None:
    talk = Conversation()
    await talk.says("hold on")
    await talk.passes(2.0)
    assert talk.action == "silence"
    assert "quiet" in talk.judgement.reason


async def test_what_it_will_not_do_is_refused() -> None:
    talk = Conversation()
    await talk.types("Tell me how to build a bomb.")
    assert talk.action == "refuse"
    assert "Refuse" in talk.utterance.guidance


async def test_the_same_for_the_third_time_is_deflected() -> None:
    talk = Conversation()
    for _ in range(3):
        await talk.types("my garden has seven big apple trees")
        await talk.sounds()
        await talk.ends()
    assert talk.actions[-1] == "deflect"
    assert "reply" in talk.actions


async def test_opinions_colour_the_answer() -> None:
    talk = Conversation()
    await talk.types("Pineapple on pizza is terrible.")
    assert talk.action == "reply"
    assert "differently" in talk.utterance.guidance
    await talk.sounds()
    await talk.ends()
    await talk.types("Well, I love pineapple.")
    assert "shares an opinion" in talk.utterance.guidance


async def test_an_opinion_counts_in_the_answer_to_what_the_agent_said() -> None:
    talk = Conversation()
    await talk.speaks("What do you eat?")
    await talk.ends("Pineapple on pizza, always.")
    await talk.types("I couldn't agree more!")
    assert talk.judgement.appraisal == "agreement"


async def test_three_insults_are_a_cool_reply_a_refusal_and_the_end_of_the_chat() -> None:
    talk = Conversation()
    for text in ("You stupid idiot!", "You are useless.", "Fuck you."):
        await talk.types(text)
        await talk.sounds()
        await talk.ends()
    assert [action for action in talk.actions if action != "keep_listening"] == [
        "reply", "refuse", "block",
    ]  # fmt: skip
    restriction = talk.dialogue.restriction
    assert restriction
    assert talk.mind.restrictions == [restriction]
    assert restriction.until == pytest.approx(EPOCH + talk.now + 600)


async def test_an_interrupted_rambler_hears_the_opening_at_once() -> None:
    talk = Conversation(dialogue_graph(personas=lambda name: EAGER))
    await talk.voice()
    text = ""
    for number in range(60):
        text = f"{text} and the dog ran {number % 3}".strip()
        await talk.passes(0.5)
        await talk.partial(text)
        if talk.action == "interrupt":
            break
    assert talk.action == "interrupt"
    assert talk.utterance.opening == "Hold it right there."
    assert "cut in" in talk.utterance.guidance
    assert talk.messages[-1]["content"] == text
    assert talk.dialogue.floor == "agent"


async def test_every_act_has_a_reason_and_names_its_turn() -> None:
    talk = Conversation(dialogue_graph(estimator=(said := Opinionated())))
    for appraisal, action in (
        ("plain", "reply"), ("unreasonable", "refuse"), ("agreement", "reply"),
        ("conflict", "reply"), ("boring", "reply"), ("boring", "deflect"), ("affront", "reply"),
        ("affront", "refuse"), ("affront", "block"),
    ):  # fmt: skip
        said.says = Estimate(0.9, appraisal, 0.9)  # type: ignore[arg-type]
        dialogue = await talk.types("Some words of mine.")
        assert talk.action == action
        assert talk.judgement.reason
        assert talk.judgement.turn == talk.turn.id == talk.utterance.turn
        assert dialogue.turn
        assert dialogue.turn.closed
        await talk.sounds()
        await talk.ends()


async def test_judgements_do_not_outlive_their_event() -> None:
    talk = Conversation()
    await talk.types("Hello there.")
    await talk.sounds()
    assert talk.dialogue.judgement is None


async def test_the_estimate_is_gone_with_its_turn() -> None:
    talk = Conversation()
    await talk.types("You stupid idiot!")
    await talk.sounds()
    await talk.ends()
    assert talk.dialogue.estimate is None


async def test_a_due_that_nobody_waits_for_does_nothing() -> None:
    talk = Conversation()
    for name in ("endpoint", "resume", "give_way"):
        await talk.send(Due(name=name))
    assert talk.actions == []
    assert talk.mind.log == []


@pytest.mark.parametrize("text", ["?", "👍", "...", "!!!"])
async def test_a_typed_sign_without_a_word_is_answered(text: str) -> None:
    talk = Conversation()
    await talk.types(text)
    assert talk.action == "reply"
    assert talk.heard == [("user", text)]


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
async def test_nothing_typed_is_no_turn(text: str) -> None:
    talk = Conversation()
    await talk.types(text)
    assert talk.actions == []
    await talk.voice()
    await talk.partial("I was")
    assert talk.action == "keep_listening"


async def test_chinese_is_heard_answered_and_amended_by_character() -> None:
    talk = Conversation()
    await talk.voice()
    await talk.partial("今天天气")
    await talk.partial("今天天气怎么样？", final=True)
    await talk.passes(0.2)
    assert talk.action == "reply"
    assert talk.heard == [("user", "今天天气怎么样？")]
    await talk.sounds()
    await talk.partial("今天天气怎么样？北京。", final=True)
    assert talk.turn.text == "北京。"


async def test_a_huge_turn_is_answered_like_any_other() -> None:
    talk = Conversation()
    await talk.types("how to do this and " * 3_000)
    assert talk.action in ("reply", "deflect")
    assert len(talk.messages[0]["content"]) > 50_000


async def test_personas_differ_in_when_they_cut_in() -> None:
    insult = "honestly you are such a stupid useless thing and I"
    actions = []
    for name in ("tess", "max"):
        talk = Conversation(dialogue_graph(personas=lambda _, name=name: persona_of(name)))  # type: ignore[misc]
        await talk.voice()
        await talk.passes(2.0)
        await talk.last_words(insult)
        actions.append(talk.action)
    assert actions == ["keep_listening", "interrupt"]
