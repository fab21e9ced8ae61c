"""The user speaks while the agent speaks."""

import pytest

from tests.situations import Conversation


async def speaking() -> Conversation:
    talk = Conversation()
    await talk.speaks()
    await talk.passes(2.0)
    return talk


async def test_a_voice_pauses_the_agent_and_a_resume_is_due() -> None:
    talk = await speaking()
    dialogue = await talk.voice()
    assert talk.utterance.status == "paused"
    assert talk.mind.paused
    assert talk.mind.wakes["resume"] == pytest.approx(talk.now + 0.8)
    assert dialogue.floor == "agent"


async def test_real_words_take_the_floor() -> None:
    talk = await speaking()
    await talk.voice()
    await talk.passes(0.3)
    dialogue = await talk.partial("no I meant")
    assert talk.action == "yield_floor"
    assert talk.mind.log[-1] == "hush"
    assert "resume" not in talk.mind.wakes
    assert dialogue.floor == "user"


async def test_history_is_cut_to_what_was_heard_and_the_new_turn_is_answered() -> None:
    talk = await speaking()
    await talk.voice()
    await talk.partial("no I meant the other one")
    await talk.ends("Once upon", "cut")
    assert talk.dialogue.floor == "user"
    await talk.partial("no I meant the other one.", final=True)
    await talk.passes(0.2)
    assert talk.action == "reply"
    assert talk.heard == [
        ("user", "tell me a story please."),
        ("assistant", "Once upon"),
        ("user", "no I meant the other one."),
    ]


async def test_words_that_end_before_the_voice_has_stopped_are_answered_after_it() -> None:
    talk = await speaking()
    await talk.voice()
    await talk.partial("no the other one.", final=True)
    await talk.passes(0.2)
    await talk.silence()
    assert talk.action == "yield_floor"
    await talk.ends("Once upon", "cut")
    await talk.passes(0.3)
    assert talk.mind.log[-1] in ("say", "release u2")
    assert talk.utterance.id == "u2"


async def test_user_says_mhm_while_agent_speaks_playback_resumes() -> None:
    talk = await speaking()
    await talk.voice()
    await talk.passes(0.3)
    await talk.partial("mhm")
    assert talk.action == "keep_talking"
    assert talk.mind.paused
    await talk.passes(0.2)
    await talk.partial("mhm", final=True)
    assert talk.mind.log[-1] == "resume"
    assert not talk.mind.paused
    assert "resume" not in talk.mind.wakes
    assert talk.utterance.status == "speaking"
    assert talk.dialogue.floor == "agent"


async def test_mhm_is_kept_behind_the_answer_into_which_it_fell() -> None:
    talk = await speaking()
    await talk.says("mhm")
    await talk.ends("Once upon a time there was a fox.")
    assert talk.heard == [
        ("user", "tell me a story please."),
        ("assistant", "Once upon a time there was a fox."),
        ("user", "mhm"),
    ]
    await talk.passes(5.0)
    assert talk.mind.log.count("say") == 1


async def test_mhm_that_grows_into_a_sentence_takes_the_floor() -> None:
    talk = await speaking()
    await talk.voice()
    await talk.partial("mhm")
    await talk.passes(0.9)
    assert not talk.mind.paused
    await talk.partial("mhm but what about the")
    assert talk.action == "yield_floor"
    await talk.ends("Once upon", "cut")
    await talk.partial("mhm but what about the fox?", final=True)
    await talk.passes(0.3)
    assert talk.heard[-1] == ("user", "mhm but what about the fox?")


async def test_a_cough_without_words_and_the_agent_goes_on_after_0_8_seconds() -> None:
    talk = await speaking()
    await talk.voice()
    await talk.passes(0.3)
    await talk.partial("", final=True)
    await talk.silence()
    await talk.passes(0.4)
    assert talk.mind.paused
    await talk.passes(0.2)
    assert not talk.mind.paused
    assert "without words" in talk.judgement.reason
    assert talk.utterance.status == "speaking"
    await talk.ends()
    assert len(talk.messages) == 2


async def test_a_second_voice_during_the_pause_starts_the_wait_anew() -> None:
    talk = await speaking()
    await talk.voice(1)
    await talk.passes(0.5)
    await talk.silence(1)
    await talk.voice(2)
    await talk.passes(0.5)
    await talk.silence(2)
    assert talk.mind.paused
    await talk.passes(0.4)
    assert not talk.mind.paused


async def test_a_voice_that_sounds_on_is_given_time_for_its_words_to_be_recognised() -> None:
    talk = await speaking()
    await talk.voice()
    await talk.passes(2.0)
    assert talk.mind.paused
    await talk.partial("no I meant")
    assert talk.action == "yield_floor"


async def test_a_noise_that_sounds_on_does_not_hold_the_agent_up_for_ever() -> None:
    talk = await speaking()
    await talk.voice()
    await talk.passes(3.0)
    assert not talk.mind.paused
    assert talk.utterance.status == "speaking"


@pytest.mark.parametrize("text", ["wait", "no, stop", "shut up", "hold on please"])
async def test_wait_stops_the_agent_and_it_stays_quiet(text: str) -> None:
    talk = await speaking()
    await talk.says(text)
    assert "yield_floor" in talk.actions
    await talk.ends("Once upon", "cut")
    await talk.passes(10.0)
    assert talk.mind.log.count("say") == 1
    assert talk.heard == [
        ("user", "tell me a story please."),
        ("assistant", "Once upon"),
        ("user", text),
    ]
    assert talk.dialogue.floor == "open"


async def test_an_insult_that_stops_the_agent_is_not_forgotten() -> None:
    talk = await speaking()
    await talk.says("shut up")
    assert talk.dialogue.rapport.affronts == 1


async def test_wait_that_grows_into_a_question_is_answered() -> None:
    talk = await speaking()
    await talk.voice()
    await talk.partial("wait")
    await talk.ends("Once upon", "cut")
    await talk.passes(0.3)
    await talk.partial("wait who is the fox?", final=True)
    await talk.passes(0.3)
    assert talk.action == "reply"
    assert talk.heard[-1] == ("user", "wait who is the fox?")
    assert [role for role, _ in talk.heard] == ["user", "assistant", "user"]


async def test_typing_while_the_agent_speaks_takes_the_floor_at_once() -> None:
    talk = await speaking()
    await talk.types("What about the fox?")
    assert talk.action == "yield_floor"
    assert talk.mind.log[-1] == "hush"
    await talk.ends("Once upon", "cut")
    assert talk.action == "reply"
    assert talk.heard[1:] == [("assistant", "Once upon"), ("user", "What about the fox?")]
    assert talk.utterance.id == "u2"


async def test_typing_before_the_answer_has_sounded_takes_the_floor_too() -> None:
    talk = Conversation()
    await talk.types("Tell me a story.")
    await talk.types("Or better a joke.")
    await talk.ends("", "cut")
    assert talk.action == "reply"
    assert talk.heard == [("user", "Tell me a story."), ("user", "Or better a joke.")]


async def test_the_client_stops_the_agent() -> None:
    talk = await speaking()
    await talk.send({"type": "cancelled", "at": talk.now})
    assert talk.action == "yield_floor"
    await talk.ends("Once upon", "cut")
    await talk.passes(10.0)
    assert talk.mind.log[-1] == "hush"
    assert talk.dialogue.floor == "open"


async def test_the_client_stops_an_agent_that_is_quiet_and_nothing_happens() -> None:
    talk = Conversation()
    await talk.send({"type": "cancelled"})
    assert talk.actions == []
    assert talk.mind.log == []


async def test_the_voice_fails_while_it_is_paused_and_the_user_is_heard() -> None:
    talk = await speaking()
    await talk.voice()
    await talk.ends("Once", "failed")
    assert talk.dialogue.floor == "user"
    await talk.passes(1.0)
    await talk.partial("Are you there?", final=True)
    await talk.passes(0.3)
    assert talk.action == "reply"


async def test_audio_that_starts_after_the_floor_was_yielded_does_not_take_it_back_for_long() -> (
    None
):
    talk = Conversation()
    await talk.types("Tell me a story.")
    await talk.voice()
    await talk.partial("no wait a joke would be")
    await talk.sounds()
    await talk.ends("On", "cut")
    assert talk.dialogue.floor == "user"
    assert talk.dialogue.open_turn


async def test_an_utterance_that_ends_by_itself_leaves_the_floor_open() -> None:
    talk = await speaking()
    await talk.ends()
    assert talk.dialogue.floor == "open"
    assert talk.mind.wakes == {}
