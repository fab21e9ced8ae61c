"""The state as JSON and as values."""

import json
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.errors import BadInput
from graph.state import (
    Config,
    Dialogue,
    DialogueState,
    Estimate,
    Fact,
    Judgement,
    Message,
    Rapport,
    Recollection,
    Restriction,
    Tool,
    Turn,
    Utterance,
    join_words,
)

TEXT = st.text("ab 你。'\"\n", max_size=6)
SECONDS = st.floats(min_value=0, max_value=1e6, allow_nan=False)
SHARE = st.floats(min_value=0, max_value=1)
APPRAISAL = st.sampled_from(["plain", "affront", "boring"])
TURN = st.builds(
    Turn,
    id=st.sampled_from(["t1", "t7"]),
    segments=st.dictionaries(st.integers(1, 9), TEXT, max_size=3),
    owned=st.dictionaries(st.integers(1, 9), st.integers(0, 5), max_size=2),
    before=st.dictionaries(st.integers(1, 9), st.integers(0, 5), max_size=2),
    typed=TEXT,
    opened_at=SECONDS,
    silent_since=st.none() | SECONDS,
    complete=st.booleans(),
    closed=st.booleans(),
)
UTTERANCE = st.builds(
    Utterance,
    id=st.just("u1"),
    behaviour=st.sampled_from(["reply", "interrupt", "block"]),
    turn=TEXT,
    opening=TEXT,
    status=st.sampled_from(["held", "speaking", "paused", "ended"]),
    sounded=st.booleans(),
)
MESSAGE = st.builds(
    lambda item, text, at: cast(
        Message, {"id": item, "role": "user", "content": text, "at": at}
    ),
    TEXT, TEXT, SECONDS,
)  # fmt: skip
DIALOGUE = st.builds(
    Dialogue,
    user=TEXT,
    session=TEXT,
    started=SECONDS,
    messages=st.lists(MESSAGE, max_size=3),
    summary=TEXT,
    turn=st.none() | TURN,
    floor=st.sampled_from(["open", "user", "agent"]),
    recollection=st.builds(
        Recollection, facts=st.tuples(st.builds(Fact, TEXT, SECONDS, SHARE)), summary=TEXT
    ),
    estimate=st.none() | st.builds(Estimate, SHARE, APPRAISAL, SHARE, TEXT),
    judgement=st.none()
    | st.builds(Judgement, st.sampled_from(["reply", "keep_listening"]), SHARE, TEXT, SECONDS),
    rapport=st.builds(Rapport, SHARE, st.integers(0, 5), interrupted_at=st.none() | SECONDS),
    restriction=st.none() | st.builds(Restriction, SECONDS, TEXT),
    utterance=st.none() | UTTERANCE,
    config=st.builds(Config, persona=TEXT, tools=st.tuples(st.builds(Tool, TEXT, TEXT))),
    remembered_upto=TEXT,
    stale=st.integers(0, 99),
)


@settings(max_examples=60, deadline=None)
@given(DIALOGUE)
def test_a_dialogue_survives_its_json(dialogue: Dialogue) -> None:
    wire = json.loads(json.dumps(dialogue.changes(), allow_nan=False))
    assert Dialogue.load(wire) == dialogue


@settings(max_examples=30, deadline=None)
@given(DIALOGUE, DIALOGUE)
def test_changes_laid_over_the_state_before_give_the_state_after(
    before: Dialogue, after: Dialogue
) -> None:
    merged = cast(DialogueState, {**before.changes(), **after.changes(before)})
    assert Dialogue.load(merged) == after


def test_nothing_changed_writes_nothing() -> None:
    dialogue = Dialogue.load(Dialogue(user="u", turn=Turn(id="t1")).changes())
    assert dialogue.changes(dialogue) == {}


def test_an_empty_state_is_a_new_dialogue() -> None:
    assert Dialogue.load({}) == Dialogue()


@pytest.mark.parametrize(
    ("state", "field"),
    [
        ({"user": 5}, "user"),
        ({"messages": "none"}, "messages"),
        ({"floor": ["agent"]}, "floor"),
        ({"floor": "dance"}, "floor"),
        ({"turn": {"id": "t1", "colour": "red"}}, "turn.colour"),
        ({"turn": {}}, "turn.id"),
        ({"rapport": {"patience": "much"}}, "rapport.patience"),
        ({"utterance": {"id": "u1", "behaviour": "sing"}}, "utterance.behaviour"),
        ({"started": "today"}, "started"),
    ],
)
def test_a_wrong_value_in_the_state_is_named(state: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        Dialogue.load(cast(DialogueState, state))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ((), ""),
        (("hello", "there"), "hello there"),
        (("", "  there ", ""), "there"),
        (("今天", "天气"), "今天天气"),
        (("我用", "Python"), "我用 Python"),
        (("你好，", "世界"), "你好，世界"),
        (("你好。", "世界"), "你好。世界"),
        (("one\n", "two"), "one two"),
    ],
)
def test_pieces_of_speech_join_as_they_are_written(parts: tuple[str, ...], whole: str) -> None:
    assert join_words(parts) == whole


def test_the_text_of_a_turn_is_its_segments_in_order_then_what_was_typed() -> None:
    turn = Turn(id="t1", segments={3: "three", 1: "one"}, typed="four")
    assert turn.text == "one three four"


def test_a_held_utterance_does_not_hold_the_floor() -> None:
    statuses = {"held": False, "speaking": True, "paused": True, "ended": False}
    for status, holds in statuses.items():
        utterance = Utterance(id="u1", behaviour="reply", status=cast(Any, status))
        assert utterance.holds_floor is holds
