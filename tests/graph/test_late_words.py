"""Partials of a turn that has closed already, through the graph."""

import pytest

from tests.situations import Conversation


async def answered(text: str = "I would like some tea.") -> Conversation:
    """A spoken turn that the agent has decided to answer; nothing has sounded yet."""
    talk = Conversation()
    await talk.voice()
    await talk.partial(text)
    await talk.passes(0.2)
    await talk.silence()
    await talk.passes(0.4)
    assert talk.actions[-1] == "reply"
    assert talk.utterance.status == "speaking"
    return talk


async def test_more_words_before_the_answer_sounds_amend_the_turn_and_compose_anew() -> None:
    talk = await answered()
    await talk.partial("I would like some tea, and some cake.", final=True)
    assert talk.action == "yield_floor"
    assert talk.mind.log[-1] == "hush"
    await talk.ends("", "cut")
    await talk.passes(0.5)
    assert talk.utterance.text_judged == "I would like some tea, and some cake."
    await talk.sounds()
    await talk.ends("Here you are.")
    assert talk.heard == [
        ("user", "I would like some tea, and some cake."),
        ("assistant", "Here you are."),
    ]


async def test_a_nod_that_turns_out_longer_is_composed_anew_and_not_taken_for_a_backchannel() -> (
    None
):
    talk = Conversation()
    await talk.speaks("Hello.")
    await talk.ends("Shall I go on?")
    await talk.voice()
    await talk.partial("yes")
    await talk.passes(0.2)
    await talk.silence()
    await talk.passes(0.6)
    assert talk.utterance.id != "u1"
    await talk.partial("yes okay", final=True)
    assert talk.action == "yield_floor"
    await talk.ends("", "cut")
    await talk.passes(2.0)
    assert talk.utterance.text_judged == "yes okay"
    assert talk.heard[-1] == ("user", "yes okay")


async def test_words_that_turn_out_to_be_none_are_not_answered() -> None:
    talk = await answered()
    await talk.partial("", final=True)
    assert talk.action == "yield_floor"
    await talk.ends("", "cut")
    await talk.passes(5.0)
    assert talk.heard == []
    assert talk.mind.sounding == ""


async def test_more_words_after_the_answer_has_sounded_are_the_next_turn() -> None:
    talk = await answered()
    await talk.sounds()
    await talk.partial("I would like some tea, and some cake.", final=True)
    assert talk.action == "yield_floor"
    await talk.ends("Tea", "cut")
    await talk.passes(0.5)
    assert talk.heard == [
        ("user", "I would like some tea."),
        ("assistant", "Tea"),
        ("user", "and some cake."),
    ]
    assert talk.utterance.text_judged == "and some cake."


@pytest.mark.parametrize("sounded", [True, False])
@pytest.mark.parametrize("text", ["I would like some tea", "i would like some TEA!"])
async def test_another_spelling_of_the_same_words_changes_nothing(sounded: bool, text: str) -> None:
    talk = await answered()
    if sounded:
        await talk.sounds()
    log = list(talk.mind.log)
    await talk.partial(text, final=True)
    assert talk.mind.log == log
    assert talk.heard == [("user", "I would like some tea.")]
    assert talk.utterance.status == "speaking"


async def test_a_revision_without_more_words_changes_nothing_once_the_answer_sounds() -> None:
    talk = await answered()
    await talk.sounds()
    log = list(talk.mind.log)
    await talk.partial("I would like some bees.", final=True)
    assert talk.mind.log == log
    assert talk.heard == [("user", "I would like some tea.")]


async def test_a_revision_before_the_answer_sounds_amends_the_turn() -> None:
    talk = await answered()
    await talk.partial("I would like some bees.", final=True)
    assert talk.action == "yield_floor"
    await talk.ends("", "cut")
    await talk.passes(1.0)
    assert talk.heard == [("user", "I would like some bees.")]


async def test_a_late_final_of_the_previous_segment_belongs_to_the_previous_words() -> None:
    talk = Conversation()
    await talk.voice(1)
    await talk.partial("I went to the", 1)
    await talk.passes(0.2)
    await talk.silence(1)
    await talk.passes(0.3)
    await talk.voice(2)
    await talk.partial("market", 2)
    await talk.partial("I went to the old", 1, final=True)
    assert talk.turn.text == "I went to the old market"
    await talk.passes(3.0)
    assert talk.heard == [], "the voice of the second segment still sounds"


async def test_a_late_final_of_an_answered_segment_opens_no_turn_twice() -> None:
    talk = await answered()
    await talk.sounds()
    await talk.ends("Here you are.")
    for _ in range(2):
        await talk.partial("I would like some tea. Please.", final=True)
    await talk.passes(2.5)
    await talk.partial("I would like some tea. Please.", final=True)
    assert [text for role, text in talk.heard if role == "user"] == [
        "I would like some tea.",
        "Please.",
    ]


async def test_more_words_of_a_turn_left_in_silence_open_it_again() -> None:
    talk = Conversation()
    await talk.says("mhm")
    await talk.passes(2.0)
    assert talk.action == "silence"
    await talk.partial("mhm so what do you think?", final=True)
    await talk.passes(0.5)
    assert talk.action == "reply"
    assert talk.heard == [("user", "mhm so what do you think?")]


async def test_words_after_an_answer_that_failed_unheard_belong_to_the_same_turn() -> None:
    talk = await answered()
    await talk.ends("", "failed")
    await talk.partial("I would like some tea. Hello?", final=True)
    await talk.passes(1.0)
    assert talk.heard == [("user", "I would like some tea. Hello?")]


async def test_a_turn_that_was_amended_weighs_on_the_rapport_once() -> None:
    talk = await answered("You are such an idiot.")
    assert talk.dialogue.rapport.affronts == 1
    await talk.partial("You are such an idiot. Really.", final=True)
    await talk.ends("", "cut")
    await talk.passes(2.5)
    assert talk.dialogue.rapport.affronts == 1
