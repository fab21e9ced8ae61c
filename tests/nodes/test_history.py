"""The history as a list of messages."""

from typing import Any, cast

import pytest

from graph.errors import BadInput
from graph.events import HistoryEdited, ToolCalled, ToolReturned
from graph.state import Message
from nodes import history


def message(item: str, role: str = "user", content: str = "", **more: Any) -> Message:
    made = {"id": item, "role": role, "content": content or f"words of {item}", "at": 1.0, **more}
    return cast(Message, made)


def ids(messages: list[Message] | None) -> list[str]:
    return [entry["id"] for entry in messages or []]


TALK = [message("t1"), message("u1", "assistant"), message("t2"), message("u2", "assistant")]


def edit(**fields: Any) -> list[Message]:
    return history.edited(list(TALK), HistoryEdited(**fields))


def test_an_item_is_added_at_the_end_or_behind_another() -> None:
    new = cast(Message, {"role": "user", "content": "By the way."})
    assert ids(edit(op="add", item="x", message=new)) == ["t1", "u1", "t2", "u2", "x"]
    assert ids(edit(op="add", item="x", message=new, after="u1")) == ["t1", "u1", "x", "t2", "u2"]


def test_an_added_item_bears_the_id_it_was_given() -> None:
    new = cast(Message, {"id": "other", "role": "user", "content": "By the way."})
    added = edit(op="add", item="x", message=new)[-1]
    assert added["id"] == "x"
    assert added["content"] == "By the way."


def test_an_item_is_deleted() -> None:
    assert ids(edit(op="delete", item="u1")) == ["t1", "t2", "u2"]


def test_an_item_is_cut_to_what_was_heard() -> None:
    cut = edit(op="truncate", item="u2", heard="words")
    assert cut[-1]["content"] == "words"
    assert cut[:-1] == TALK[:-1]
    assert TALK[-1]["content"] == "words of u2"


@pytest.mark.parametrize(
    ("fields", "field", "value"),
    [
        ({"op": "delete", "item": "t9"}, "item", "t9"),
        ({"op": "truncate", "item": "t9", "heard": ""}, "item", "t9"),
        ({"op": "add", "item": "t1", "message": {"role": "user", "content": ""}}, "item", "t1"),
        ({"op": "add", "item": "x", "message": {"role": "user", "content": ""}, "after": "t9"},
         "after", "t9"),
    ],
)  # fmt: skip
def test_an_edit_of_what_is_not_there_is_refused(
    fields: dict[str, Any], field: str, value: str
) -> None:
    with pytest.raises(BadInput) as refused:
        edit(**fields)
    assert (refused.value.field, refused.value.value) == (field, value)


@pytest.mark.parametrize("item", ["t3", "u17"])
def test_an_added_item_cannot_take_an_id_that_a_later_turn_will_bear(item: str) -> None:
    with pytest.raises(BadInput, match="item"):
        edit(op="add", item=item, message={"role": "user", "content": "mine"})


def test_a_message_of_a_known_id_takes_its_place_and_keeps_its_calls() -> None:
    call = {"id": "c1", "name": "look", "arguments": "{}"}
    talk = [*TALK[:3], message("u2", "assistant", tool_calls=[call])]
    put = history.put([*talk, message("c1", "tool")], message("u2", "assistant", "Let me see."))
    assert ids(put) == ["t1", "u1", "t2", "u2", "c1"]
    assert put[3]["content"] == "Let me see."
    assert put[3]["tool_calls"] == [call]


def test_a_call_stands_in_the_message_of_its_utterance() -> None:
    talk = history.with_call(TALK[:3], ToolCalled(utterance="u2", call="c1", name="look"), 5.0)
    talk = history.with_call(talk, ToolCalled(utterance="u2", call="c2", name="find"), 5.0)
    assert ids(talk) == ["t1", "u1", "t2", "u2"]
    assert [call["name"] for call in talk[-1]["tool_calls"]] == ["look", "find"]
    assert history.pending_calls(talk) == {"c1", "c2"}


def test_outputs_stand_behind_their_call_in_the_order_they_came() -> None:
    talk = history.with_call(TALK[:3], ToolCalled(utterance="u2", call="c1", name="look"), 5.0)
    talk = history.with_call(talk, ToolCalled(utterance="u2", call="c2", name="find"), 5.0)
    talk = [*talk, message("t3"), message("u3", "assistant")]
    for call in ("c2", "c1"):
        after = history.with_output(talk, ToolReturned(call=call, output=f"of {call}"), 6.0)
        assert after
        talk = after
    assert ids(talk) == ["t1", "u1", "t2", "u2", "c2", "c1", "t3", "u3"]
    assert history.pending_calls(talk) == set()


def test_an_output_that_nobody_waits_for_is_not_taken() -> None:
    talk = history.with_call(TALK, ToolCalled(utterance="u2", call="c1", name="look"), 5.0)
    assert history.with_output(talk, ToolReturned(call="c9", output=""), 6.0) is None
    talk = history.with_output(talk, ToolReturned(call="c1", output="ok"), 6.0) or []
    assert history.with_output(talk, ToolReturned(call="c1", output="again"), 7.0) is None


def turns(count: int) -> list[Message]:
    return [
        message(f"{side}{n}", role)
        for n in range(1, count + 1)
        for side, role in (("t", "user"), ("u", "assistant"))
    ]


def test_forty_turns_stay_word_for_word() -> None:
    assert history.overflow(turns(40)) is None


def test_beyond_forty_turns_the_oldest_are_to_be_summarised_some_at_a_time() -> None:
    talk = turns(41)
    last = history.overflow(talk)
    assert last == "u11"
    rest = history.behind(talk, last)
    assert rest
    assert ids(rest)[0] == "t12"
    assert history.overflow(rest) is None


def test_a_summariser_that_never_comes_back_costs_the_oldest_turns_not_the_memory() -> None:
    talk = turns(80)
    for n in range(81, 200):
        talk = history.put(talk, message(f"t{n}"))
    users = [entry for entry in talk if entry["role"] == "user"]
    assert len(users) == history.HARD_LIMIT_TURNS
    assert users[-1]["id"] == "t199"
    assert talk[0]["role"] == "user"


def test_what_stands_behind_an_unknown_item_is_unknown() -> None:
    assert history.behind(TALK, "t9") is None
    assert history.behind(TALK, "u2") == []
