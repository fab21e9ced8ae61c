"""The memory step: when it looks up, writes, and summarises."""

from dataclasses import replace
from typing import Any, cast

import pytest

from graph.events import (
    Event,
    Joined,
    Left,
    Partial,
    Recalled,
    Remembered,
    Summarised,
    TextTyped,
    UtteranceEnded,
)
from graph.state import Dialogue, Exchange, Message, Recollection, ToolRequest, Turn, Utterance
from nodes import history
from nodes.remember import exchanges, remember_node, unremembered
from tests.situations import EPOCH, Digest, Notebook, RecordingMind

ENDED = UtteranceEnded(at=9.0, utterance="u1", heard="")


def message(item: str, content: str = "", **more: Any) -> Message:
    role = {"t": "user", "u": "assistant", "c": "tool"}[item[0]]
    made = {"id": item, "role": role, "content": content or f"words of {item}", "at": 1.0, **more}
    return cast(Message, made)


TALK = [message("t1"), message("u1"), message("t2"), message("u2")]


def talking(*messages: Message, **fields: Any) -> Dialogue:
    known = {"user": "ida", "session": "s", "started": EPOCH, **fields}
    return Dialogue(messages=list(messages), **known)


def open_turn(text: str, **fields: Any) -> Turn:
    return Turn(id="t3", segments={1: text}, newest=1, **fields)


async def asked(event: Event, dialogue: Dialogue, memory: Notebook | None = None) -> RecordingMind:
    mind = RecordingMind()
    node = remember_node(memory if memory is not None else Notebook(), Digest())
    assert await node(dialogue, event, mind) is dialogue
    return mind


@pytest.mark.parametrize(
    ("text", "looked_up", "again"),
    [
        ("where is", "", False),
        ("where is my", "", True),
        ("where is my old", "where is my", False),
        ("where is my old dog now", "where is my", True),
        ("where was", "where is my", False),
        ("where was my", "where is my", True),
        ("", "where is my", False),
    ],
)
async def test_a_turn_is_looked_up_when_it_has_grown_enough(
    text: str, looked_up: str, again: bool
) -> None:
    dialogue = talking(turn=open_turn(text), recollection=Recollection(query=looked_up))
    mind = await asked(Partial(text=text), dialogue)
    assert (mind.log == ["start recall"]) is again


async def test_a_complete_turn_is_looked_up_however_short_it_is() -> None:
    mind = await asked(TextTyped(text="Bruno"), talking(turn=open_turn("Bruno", complete=True)))
    assert mind.log == ["start recall"]


async def test_a_closed_turn_is_not_looked_up() -> None:
    dialogue = talking(turn=open_turn("where is my dog", closed=True))
    assert (await asked(Partial(text="where is my dog"), dialogue)).log == []


async def test_what_is_recalled_names_its_turn_and_its_query() -> None:
    memory = Notebook()
    memory.kept["ida"] = [Exchange("s/t1", "my dog is Bruno", "", 5.0)]
    mind = await asked(
        Partial(at=3.0, text="x"), talking(turn=open_turn("where is my dog")), memory
    )
    work = mind.work("recall")
    recalled = await work.run()
    assert isinstance(recalled, Recalled)
    assert recalled.turn == "t3"
    assert recalled.recollection.query == "where is my dog"
    assert recalled.recollection.facts[0].text == "my dog is Bruno"
    assert recalled.recollection.as_of == EPOCH + 3.0
    assert work.twice == "replace"
    assert not work.keep


async def test_another_user_s_facts_are_not_asked_for() -> None:
    memory = Notebook()
    memory.kept["bob"] = [Exchange("b/t1", "my dog is Rex", "", 5.0)]
    mind = await asked(Partial(text="x"), talking(turn=open_turn("where is my dog")), memory)
    recalled = await mind.work("recall").run()
    assert isinstance(recalled, Recalled)
    assert recalled.recollection.facts == ()


@pytest.mark.parametrize(
    "event",
    [ENDED, Left(), Joined(user="ida", session="s", started=EPOCH), Remembered(upto="t1"),
     TextTyped(text="Hi.")],
    ids=lambda event: event.type,
)  # fmt: skip
async def test_closed_turns_are_written(event: Event) -> None:
    memory = Notebook()
    mind = await asked(event, talking(*TALK, remembered_upto="t1"), memory)
    work = mind.work("remember")
    assert work.keep, "also when the user leaves meanwhile"
    assert await work.run() == Remembered(at=event.at, upto="t2")
    assert memory.kept["ida"] == [Exchange("s/t2", "words of t2", "words of u2", 1.0)]


@pytest.mark.parametrize("event", [Partial(text="so"), Summarised(summary="", upto="t1")])
async def test_other_events_write_nothing(event: Event) -> None:
    assert (await asked(event, talking(*TALK))).log == []


async def test_what_is_written_is_not_written_again() -> None:
    assert (await asked(ENDED, talking(*TALK, remembered_upto="t2"))).log == []


async def test_without_a_memory_nothing_is_asked_for_but_summaries() -> None:
    mind = RecordingMind()
    node = remember_node(None, Digest())
    await node(talking(*TALK, turn=open_turn("one two three four")), ENDED, mind)
    assert mind.log == []
    await node(talking(*(message(f"t{n}") for n in range(1, 50))), ENDED, mind)
    assert mind.log == ["start summarise"]


def test_a_turn_that_is_being_answered_is_not_complete_enough_to_keep() -> None:
    speaking = Utterance("u2", "reply", turn="t2", status="speaking")
    kept = unremembered(talking(*TALK[:3], utterance=speaking))
    assert [exchange.turn for exchange in kept] == ["s/t1"]
    ended = unremembered(talking(*TALK[:3], utterance=replace(speaking, status="ended")))
    assert [exchange.turn for exchange in ended] == ["s/t1", "s/t2"]


def test_a_turn_whose_tool_is_under_way_waits_unless_the_user_is_gone() -> None:
    call: ToolRequest = {"id": "c1", "name": "look", "arguments": "{}"}
    called = Utterance("u2", "reply", turn="t2", status="ended")
    dialogue = talking(*TALK[:3], message("u2", tool_calls=[call]), utterance=called)
    assert [exchange.turn for exchange in unremembered(dialogue)] == ["s/t1"]
    assert [x.turn for x in unremembered(dialogue, gone=True)] == ["s/t1", "s/t2"]
    back = replace(dialogue, messages=[*dialogue.messages, message("c1", tool_call_id="c1")])
    assert [exchange.turn for exchange in unremembered(back)] == ["s/t1", "s/t2"]


def test_a_confirmation_that_has_left_the_window_costs_a_second_writing_not_a_loss() -> None:
    kept = unremembered(talking(*TALK, remembered_upto="t0"))
    assert [exchange.turn for exchange in kept] == ["s/t1", "s/t2"]


def test_an_exchange_is_a_turn_with_all_that_was_answered() -> None:
    talk = [
        message("u0", "Welcome."), *TALK[:2], message("c1", "42"), message("u2", "It is 42."),
        message("t2"), message("t3"),
    ]  # fmt: skip
    assert exchanges(talk, "s") == [
        Exchange("s/t1", "words of t1", "words of u1 It is 42.", 1.0),
        Exchange("s/t2", "words of t2", "", 1.0),
        Exchange("s/t3", "words of t3", "", 1.0),
    ]


async def test_a_full_window_is_summarised_up_to_the_message_that_it_names() -> None:
    talk = [message(f"{side}{n}") for n in range(1, 43) for side in "tu"]
    mind = await asked(ENDED, talking(*talk, summary="Before.", remembered_upto="t42"))
    work = mind.work("summarise")
    summarised = await work.run()
    assert isinstance(summarised, Summarised)
    assert work.keep
    assert summarised.upto == history.overflow(talk) == "u12"
    assert summarised.summary.startswith("Before. words of t1 words of t2")
    assert summarised.summary.endswith("words of t12")
