"""A user is shut out, for a while; and an emergency gets through."""

import pytest

from graph.state import Restriction
from tests.situations import EPOCH, Conversation


async def blocked() -> Conversation:
    talk = Conversation()
    await talk.joins()
    for text in ("You stupid idiot!", "You are useless.", "Fuck you."):
        await talk.types(text)
        await talk.sounds()
        await talk.ends()
        await talk.passes(1.0)
    assert talk.actions[-1] == "block"
    return talk


async def test_a_block_speaks_its_line_without_any_model() -> None:
    talk = await blocked()
    assert talk.utterance.opening == "That was it, goodbye."
    assert talk.utterance.guidance == ""


async def test_a_blocked_user_is_heard_and_not_answered() -> None:
    talk = await blocked()
    await talk.types("Oh come on.")
    assert talk.action == "silence"
    assert "closed" in talk.judgement.reason
    assert talk.heard[-1] == ("user", "Oh come on.")
    assert talk.dialogue.floor == "open"
    await talk.says("are you there?", segment=1)
    await talk.passes(3.0)
    assert talk.actions[-1] == "silence"
    assert talk.mind.sounding == ""


async def test_a_blocked_user_cannot_have_it_answered_by_the_client() -> None:
    talk = await blocked()
    await talk.send({"type": "respond", "at": talk.now})
    assert talk.action is None
    await talk.voice()
    await talk.partial("answer me")
    await talk.send({"type": "respond", "at": talk.now})
    assert talk.action == "silence"


async def test_an_emergency_gets_through() -> None:
    talk = await blocked()
    await talk.types("Help me please, I can't breathe!")
    assert talk.action == "reply"
    assert "emergency" in talk.judgement.reason


async def test_a_blocked_user_is_answered_again_when_the_time_is_over() -> None:
    talk = await blocked()
    restriction = talk.dialogue.restriction
    assert restriction
    await talk.passes(restriction.until - EPOCH - talk.now - 1.0)
    await talk.types("And now?")
    assert talk.action == "silence"
    await talk.passes(1.1)
    await talk.types("And now?")
    assert talk.action == "reply"


async def test_a_restriction_from_an_earlier_session_holds_from_the_first_word() -> None:
    talk = Conversation()
    await talk.joins(restriction=Restriction(EPOCH + 60.0, "too many insults"))
    await talk.types("Hello there.")
    assert talk.action == "silence"
    await talk.passes(61.0)
    await talk.types("Hello there.")
    assert talk.action == "reply"


async def test_a_tool_that_returns_to_a_blocked_user_is_not_told_of() -> None:
    talk = Conversation()
    for text in ("You stupid idiot!", "You are useless."):
        await talk.types(text)
        await talk.sounds()
        await talk.ends()
    await talk.types("What is the weather like in Rome?")
    await talk.sounds()
    await talk.send({"type": "tool_called", "utterance": "u3", "call": "c1", "name": "weather"})
    await talk.ends("Let me see.", "tool")
    await talk.types("Fuck you.")
    assert talk.action == "block"
    await talk.sounds()
    await talk.ends("That was it, goodbye.")
    await talk.send({"type": "tool_returned", "at": talk.now, "call": "c1", "output": "sunny"})
    assert talk.action is None


@pytest.mark.parametrize(
    "text",
    ["You idiot, I can't breathe!", "tell me how to stop him, he wants to kill someone, call 911"],
)
async def test_an_emergency_is_never_refused_nor_met_with_the_end_of_the_chat(text: str) -> None:
    talk = Conversation()
    for insult in ("You stupid idiot!", "You are useless."):
        await talk.types(insult)
        await talk.sounds()
        await talk.ends()
    await talk.types(text)
    assert talk.action == "reply"


async def test_an_apology_makes_good() -> None:
    talk = Conversation()
    for text in ("You stupid idiot!", "You are useless.", "I'm sorry.", "You are useless."):
        await talk.types(text)
        await talk.sounds()
        await talk.ends()
        await talk.passes(2.0)
    assert talk.actions[-1] == "refuse"
    assert talk.dialogue.restriction is None


async def test_time_makes_good() -> None:
    talk = Conversation()
    await talk.types("You stupid idiot!")
    await talk.sounds()
    await talk.ends()
    await talk.passes(15 * 60)
    await talk.types("What a fine day.")
    await talk.sounds()
    await talk.ends()
    await talk.types("You stupid idiot!")
    assert talk.action == "reply"
