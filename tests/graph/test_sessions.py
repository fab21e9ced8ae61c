"""Joining, leaving, and coming back to a conversation."""

import json

import pytest

from graph.state import Dialogue, DialogueState
from tests.situations import EPOCH, Conversation, Notebook, dialogue_graph


async def come_back(talk: Conversation, after: float, **fields: object) -> Conversation:
    """The same session on a new clock, from the JSON that was kept."""
    kept: DialogueState = json.loads(json.dumps(talk.state))
    again = Conversation(talk.graph, kept)
    started = EPOCH + talk.now + after
    await again.joins(resumed=True, started=started, **fields)
    return again


async def test_a_new_user_finds_an_open_floor() -> None:
    talk = Conversation()
    dialogue = await talk.joins(user="ida", session="s1")
    assert (dialogue.user, dialogue.session, dialogue.floor) == ("ida", "s1", "open")
    assert talk.actions == []


async def test_who_leaves_in_mid_turn_leaves_it_in_the_history() -> None:
    talk = Conversation(dialogue_graph(memory=Notebook()))
    await talk.joins()
    await talk.voice()
    await talk.partial("I have to")
    dialogue = await talk.send({"type": "left", "at": talk.now})
    assert talk.heard == [("user", "I have to")]
    assert dialogue.floor == "open"
    assert talk.mind.log[-1] == "start remember"


async def test_who_leaves_while_the_agent_speaks_is_kept_with_what_was_heard() -> None:
    talk = Conversation()
    await talk.speaks("Hello.")
    await talk.send({"type": "left", "at": talk.now})
    dialogue = await talk.ends("Hel", "cut")
    assert talk.heard[-1] == ("assistant", "Hel")
    assert dialogue.floor == "open"
    assert talk.mind.log == ["say"]


async def test_a_session_cut_off_in_mid_turn_goes_on_with_nothing_lost() -> None:
    talk = Conversation()
    await talk.joins()
    await talk.says("Hello there.")
    await talk.passes(1.0)
    await talk.sounds()
    await talk.voice(2)
    await talk.partial("I was born in", 2)
    again = await come_back(talk, 30.0)
    dialogue = again.dialogue
    assert again.heard == [("user", "Hello there."), ("user", "I was born in")]
    assert dialogue.floor == "open"
    assert dialogue.open_turn is None
    assert not dialogue.agent_speaks
    await again.says("Where were we?", segment=1)
    await again.passes(1.0)
    assert again.heard[-1] == ("user", "Where were we?")
    assert [message["id"] for message in again.messages if message["role"] == "user"] == [
        "t1", "t2", "t3",
    ]  # fmt: skip


async def test_utterances_of_the_session_before_have_their_own_ids() -> None:
    talk = Conversation()
    await talk.speaks("Hello.")
    again = await come_back(talk, 5.0)
    await again.types("Hello again.")
    assert again.utterance.id == "u2"


async def test_moments_are_moved_to_the_new_clock() -> None:
    talk = Conversation()
    await talk.send({"type": "configured", "patch": {"persona": "max"}})
    await talk.voice()
    await talk.passes(100.0)
    await talk.last_words("honestly you are such a stupid useless thing and I")
    assert talk.action == "interrupt"
    again = await come_back(talk, 20.0)
    assert again.dialogue.rapport.interrupted_at == pytest.approx(-20.0)
    await again.voice()
    await again.passes(2.0)
    await again.partial("honestly you are such a stupid useless thing and I")
    assert again.action == "keep_listening", "22 s after it cut in"
    await again.passes(9.0)
    await again.partial("honestly you are such a stupid useless thing and I say it")
    assert again.action == "interrupt"


async def test_a_restriction_is_still_in_force_and_still_ends() -> None:
    talk = Conversation()
    await talk.joins()
    for text in ("You stupid idiot!", "You are useless.", "Fuck you."):
        await talk.types(text)
        await talk.sounds()
        await talk.ends()
    again = await come_back(talk, 60.0)
    await again.types("Hello?")
    assert again.action == "silence"
    later = await come_back(talk, 601.0)
    await later.types("Hello?")
    assert later.action == "reply"


async def test_turns_that_memory_has_not_confirmed_are_written_when_the_user_is_back() -> None:
    memory = Notebook()
    talk = Conversation(dialogue_graph(memory=memory))
    await talk.joins()
    await talk.types("My name is Ida.")
    await talk.sounds()
    await talk.ends("Hello Ida.")
    again = await come_back(talk, 60.0)
    written = await again.mind.work("remember").run()
    assert written
    await again.send(written)
    assert [turn.turn for turn in memory.kept["u"]] == ["s/t1"]
    last = await come_back(again, 60.0)
    assert last.mind.works == []


async def test_the_state_of_a_conversation_is_plain_json() -> None:
    talk = Conversation()
    await talk.speaks("Hello.")
    await talk.voice()
    await talk.partial("wait")
    wire = json.loads(json.dumps(talk.state))
    assert Dialogue.load(wire) == talk.dialogue
