"""What a client sets and asks for: configuration, push-to-talk, edits of the history."""

from typing import Any

import pytest

from graph.errors import BadInput
from graph.events import Configured, HistoryEdited
from tests.situations import Conversation, Notebook, Opinionated, dialogue_graph


async def sends(talk: Conversation, kind: str, **fields: Any) -> None:
    await talk.send({"type": kind, "at": talk.now, **fields})


async def manual() -> Conversation:
    talk = Conversation()
    await sends(talk, "configured", patch={"turn_detection": "manual"})
    return talk


async def test_a_persona_changes_in_mid_conversation() -> None:
    talk = Conversation()
    await talk.speaks("Hello.")
    await talk.ends("Hello from Tess.")
    dialogue = await talk.send(Configured(at=talk.now, patch={"persona": "max"}))
    assert dialogue.config.persona == "max"
    assert len(talk.messages) == 2
    await talk.voice(2)
    await talk.passes(1.0)
    await talk.last_words("honestly you are such an idiot and so on", 2)
    assert talk.action == "interrupt", "the new persona cuts in"


async def test_an_unknown_persona_is_refused_and_the_old_one_stands() -> None:
    talk = Conversation()
    await talk.speaks("Hello.")
    before = talk.state
    with pytest.raises(BadInput) as refused:
        await talk.send(Configured(at=talk.now, patch={"persona": "nobody"}))
    assert refused.value.field == "config.persona"
    assert "tess" in str(refused.value)
    assert talk.state is before
    await talk.ends()
    await talk.types("Still there?")
    assert talk.action == "reply"


async def test_instructions_and_tools_reach_the_composer() -> None:
    talk = Conversation()
    await sends(talk, "configured", patch={"instructions": "Be brief.", "tools": [{"name": "f"}]})
    await talk.types("Hello.")
    assert talk.dialogue.config.instructions == "Be brief."
    assert [tool.name for tool in talk.dialogue.config.tools] == ["f"]


async def test_in_manual_mode_the_agent_waits_to_be_asked() -> None:
    talk = await manual()
    await talk.says("What time is it?")
    await talk.passes(20.0)
    assert talk.action == "keep_listening"
    assert talk.mind.wakes == {}
    await sends(talk, "respond")
    assert talk.action == "reply"
    assert talk.heard == [("user", "What time is it?")]


async def test_committing_in_manual_mode_is_not_asking() -> None:
    talk = await manual()
    await talk.says("What time is it?")
    await sends(talk, "committed")
    await talk.passes(5.0)
    assert talk.action == "keep_listening"
    await sends(talk, "respond")
    assert talk.action == "reply"


async def test_typing_in_manual_mode_waits_too() -> None:
    talk = await manual()
    await talk.types("What time is it?")
    assert talk.action == "keep_listening"
    await sends(talk, "respond")
    assert talk.action == "reply"


async def test_the_key_is_let_go_before_the_recogniser_is_done() -> None:
    talk = await manual()
    await talk.voice()
    await talk.passes(1.0)
    await sends(talk, "committed")
    await sends(talk, "respond")
    assert talk.action == "keep_listening"
    await talk.passes(0.3)
    await talk.partial("What time is it?", final=True)
    assert talk.action == "reply"
    assert talk.heard == [("user", "What time is it?")]
    assert talk.mind.log.count("say") == 1


async def test_the_recogniser_is_so_late_that_the_agent_has_begun() -> None:
    talk = await manual()
    await talk.voice()
    await talk.passes(1.0)
    await sends(talk, "respond")
    await talk.passes(0.6)
    assert talk.mind.sounding == "u1"
    await talk.partial("What time is it?", final=True)
    assert talk.action == "yield_floor"
    await talk.ends("", "cut")
    assert talk.action == "reply"
    assert talk.utterance.text_judged == "What time is it?"


async def test_a_request_without_any_words_is_answered_once() -> None:
    talk = await manual()
    await talk.voice()
    await sends(talk, "respond")
    await talk.passes(1.0)
    assert talk.mind.sounding == "u1"
    await talk.sounds()
    await talk.ends("Yes?")
    await talk.passes(10.0)
    assert talk.mind.log.count("say") == 1
    await talk.says("What time is it?", segment=2)
    await talk.passes(5.0)
    assert talk.action == "keep_listening", "the next turn has not been asked for"


async def test_the_client_asks_out_of_the_blue() -> None:
    talk = Conversation()
    await sends(talk, "respond")
    assert talk.action == "reply"
    assert talk.utterance.turn == ""
    await talk.sounds()
    await talk.ends("Hello from Tess.")
    assert talk.heard == [("assistant", "Hello from Tess.")]


async def test_the_client_asks_while_the_agent_speaks_and_it_speaks_on() -> None:
    talk = Conversation()
    await talk.speaks("Hello.")
    await sends(talk, "respond")
    assert talk.mind.log == ["say"]


async def test_a_commit_ends_a_turn_in_mid_sentence() -> None:
    talk = Conversation()
    await talk.voice()
    await talk.partial("I would like to go to the")
    await sends(talk, "committed")
    assert talk.action == "reply"
    assert talk.heard == [("user", "I would like to go to the")]


async def test_speech_after_a_commit_without_words_is_not_answered_in_mid_word() -> None:
    talk = Conversation()
    await talk.voice(1)
    await sends(talk, "committed")
    await talk.passes(5.0)
    await talk.voice(2)
    await talk.partial("I", 2)
    assert talk.action == "keep_listening"


async def test_detection_turned_manual_takes_the_endpoint_back() -> None:
    talk = Conversation()
    await talk.says("I would like to go to the")
    assert "endpoint" in talk.mind.wakes
    await sends(talk, "configured", patch={"turn_detection": "manual"})
    assert talk.mind.wakes == {}


async def test_detection_turned_automatic_sets_the_endpoint() -> None:
    talk = await manual()
    await talk.says("I would like to go to the")
    await sends(talk, "configured", patch={"turn_detection": "auto"})
    await talk.passes(2.0)
    assert "reply" in talk.actions


async def test_the_history_is_edited_and_the_next_answer_knows_it() -> None:
    talk = Conversation()
    await talk.speaks("Hello.")
    await talk.ends("Hello from Tess, and welcome.")
    added = {"role": "user", "content": "I am Ida."}
    await talk.send(HistoryEdited(op="add", item="x", message=added, after="t1"))  # type: ignore[arg-type]
    await talk.send(HistoryEdited(op="truncate", item="u1", heard="Hello"))
    assert talk.heard == [("user", "Hello."), ("user", "I am Ida."), ("assistant", "Hello")]
    await talk.send(HistoryEdited(op="delete", item="x"))
    assert talk.heard == [("user", "Hello."), ("assistant", "Hello")]
    assert talk.actions.count("reply") == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"op": "delete", "item": "u7"},
        {"op": "truncate", "item": "u7", "heard": ""},
        {"op": "add", "item": "t1", "message": {"role": "user", "content": "again"}},
        {"op": "add", "item": "x", "message": {"role": "user", "content": ""}, "after": "u7"},
        {"op": "add", "item": "t2", "message": {"role": "user", "content": "mine"}},
        {"op": "add", "item": "x"},
        {"op": "paint", "item": "t1"},
    ],
)
async def test_a_bad_edit_is_refused_and_the_history_stands(fields: dict[str, Any]) -> None:
    talk = Conversation()
    await talk.speaks("Hello.")
    before = talk.state
    with pytest.raises(BadInput):
        await sends(talk, "history_edited", **fields)
    assert talk.state is before
    await talk.ends()
    assert len(talk.messages) == 2


async def test_an_item_with_a_slash_in_its_id_is_written_to_memory_once() -> None:
    memory = Notebook()
    talk = Conversation(dialogue_graph(memory=memory))
    await talk.joins()
    await sends(
        talk, "history_edited", op="add", item="a/b", message={"role": "user", "content": "Hi"}
    )
    await sends(talk, "respond")
    await talk.sounds()
    await talk.ends("Hello.")
    for _ in range(3):
        if not talk.mind.works:
            break
        done = await talk.mind.works.pop().run()
        assert done
        await talk.send(done)
    assert talk.dialogue.remembered_upto == "a/b"
    assert talk.mind.works == []


async def test_a_node_that_raises_leaves_the_state_as_it_was() -> None:
    said = Opinionated()
    talk = Conversation(dialogue_graph(estimator=said))
    await talk.voice()
    await talk.partial("What time")
    before, log = talk.state, list(talk.mind.log)
    said.error = RuntimeError("the model is gone")
    with pytest.raises(RuntimeError, match="the model is gone"):
        await talk.partial("What time is it?", final=True)
    assert talk.state is before
    assert talk.mind.log == log
    assert talk.turn.text == "What time"
    said.error = None
    await talk.partial("What time is it?", final=True)
    await talk.passes(1.0)
    assert talk.heard == [("user", "What time is it?")]


@pytest.mark.parametrize("event", [None, {}, {"type": "shouted"}, {"type": "partial"}, "hello"])
async def test_what_is_no_event_is_refused_before_anything_changes(event: Any) -> None:
    talk = Conversation()
    await talk.speaks("Hello.")
    given: Any = {**talk.state, "event": event}
    with pytest.raises(BadInput, match="event"):
        await talk.graph.ainvoke(given, context=talk.mind)
