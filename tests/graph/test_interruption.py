"""The agent interrupts the user, and gives way if the user talks on."""

import pytest

from tests.situations import Conversation

INSULT = "honestly you are such a stupid useless thing and I"


async def interrupting() -> Conversation:
    """An eager persona has just cut in on an insult; its opening sounds."""
    talk = Conversation()
    await talk.send({"type": "configured", "patch": {"persona": "max"}})
    await talk.voice()
    await talk.passes(2.0)
    await talk.last_words(INSULT)
    assert talk.action == "interrupt"
    await talk.sounds()
    return talk


async def test_the_interrupted_words_are_a_closed_turn() -> None:
    talk = await interrupting()
    assert talk.heard == [("user", INSULT)]
    assert talk.turn.closed
    assert talk.dialogue.floor == "agent"
    assert talk.utterance.opening
    assert talk.utterance.text_judged == INSULT
    assert talk.dialogue.rapport.interrupted_at == talk.now
    assert talk.mind.wakes["give_way"] == pytest.approx(talk.now + 1.5)


async def test_the_user_talks_on_for_one_and_a_half_seconds_and_the_agent_gives_way() -> None:
    talk = await interrupting()
    for words in ("really", "really think that", "really think that this is"):
        await talk.passes(0.4)
        await talk.partial(f"{INSULT} {words}")
        assert talk.action == "keep_talking"
    await talk.passes(0.4)
    assert talk.action == "yield_floor"
    assert "talked on" in talk.judgement.reason
    await talk.ends("Hold it right there.", "cut")
    assert talk.dialogue.floor == "user"
    assert talk.turn.text == "really think that this is"
    await talk.partial(f"{INSULT} really think that this is silly.", final=True)
    await talk.passes(0.3)
    assert talk.heard[-1] == ("user", "really think that this is silly.")
    assert talk.heard[-2] == ("assistant", "Hold it right there.")


async def test_the_user_falls_silent_and_the_agent_finishes() -> None:
    talk = await interrupting()
    await talk.passes(0.3)
    await talk.partial(f"{INSULT} really", final=True)
    await talk.silence()
    await talk.passes(3.0)
    assert "hush" not in talk.mind.log
    await talk.ends("Hold it right there. Not in this tone.")
    assert talk.heard[-2:] == [
        ("assistant", "Hold it right there. Not in this tone."),
        ("user", "really"),
    ]
    assert talk.action == "reply", "the last word is answered"


async def test_the_user_begins_anew_later_and_talks_on_and_the_agent_gives_way() -> None:
    talk = await interrupting()
    await talk.passes(0.3)
    await talk.partial(f"{INSULT} really", final=True)
    await talk.silence()
    await talk.passes(2.0)
    await talk.voice(2)
    assert not talk.mind.paused, "the reflex is undone: the interruption goes on"
    await talk.partial("let me finish what I", 2)
    await talk.passes(1.4)
    assert "hush" not in talk.mind.log
    await talk.passes(0.2)
    assert talk.action == "yield_floor"


async def test_a_client_without_voice_events_talks_on_later_and_the_agent_gives_way() -> None:
    talk = await interrupting()
    await talk.passes(2.0)
    for words in ("let me", "let me finish", "let me finish this"):
        await talk.partial(f"{INSULT} {words}")
        await talk.passes(0.5)
    assert "yield_floor" in talk.actions


async def test_a_nod_into_the_interruption_does_not_stop_it() -> None:
    talk = await interrupting()
    await talk.passes(0.5)
    await talk.voice(2)
    await talk.partial("okay", 2)
    await talk.passes(3.0)
    assert "hush" not in talk.mind.log


@pytest.mark.parametrize("how", ["stop", "type", "cancel"])
async def test_the_user_stops_the_interruption(how: str) -> None:
    talk = await interrupting()
    if how == "stop":
        await talk.voice(2)
        await talk.partial("stop", 2)
    elif how == "type":
        await talk.types("Let me finish.")
    else:
        await talk.send({"type": "cancelled", "at": talk.now})
    assert talk.action == "yield_floor"
    assert talk.mind.log[-1] == "hush"
    assert talk.mind.wakes.get("give_way") is None
    await talk.ends("Hold", "cut")
    assert talk.utterance.id == ("u2" if how == "type" else "u1")


async def test_it_does_not_cut_in_again_within_half_a_minute() -> None:
    talk = await interrupting()
    await talk.partial(f"{INSULT} think", final=True)
    await talk.silence()
    await talk.ends("Hold it right there.")
    await talk.passes(10.0)
    talk.mind.log.clear()
    await talk.sounds()
    await talk.ends()
    await talk.voice(3)
    await talk.partial("and you are such a stupid useless thing", 3)
    assert talk.action == "keep_listening"
    await talk.passes(25.0)
    await talk.partial("and you are such a stupid useless thing that I do", 3)
    assert talk.action == "interrupt"


async def test_late_words_of_the_interrupted_segment_are_not_said_twice() -> None:
    talk = await interrupting()
    await talk.partial(INSULT + ".", final=True)
    assert talk.turn.closed
    assert talk.dialogue.open_turn is None
    await talk.partial(INSULT + " do not care", final=True)
    assert talk.turn.text == "do not care"
    assert talk.heard == [("user", INSULT)]
