"""Events from outside: what is read, what is refused, and what the refusal says."""

import json
import re
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.errors import BadInput
from graph.events import (
    EVENTS,
    Configured,
    Due,
    Event,
    HistoryEdited,
    Joined,
    Partial,
    TextTyped,
    ToolCalled,
    UtteranceEnded,
    Verdict,
    event_json,
    parse_event,
)
from graph.state import Estimate, Restriction


def test_every_event_bears_the_snake_case_of_its_name() -> None:
    for name, kind in EVENTS.items():
        assert name == re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def test_the_events_of_the_design_are_all_there() -> None:
    design = (
        "joined left configured speech_started partial speech_stopped text_typed respond cancelled"
        " committed history_edited utterance_started utterance_ended tool_called tool_returned"
        " verdict recalled summarised due"
    )
    assert set(design.split()) <= set(EVENTS)


@pytest.mark.parametrize(
    "event",
    [
        TextTyped(at=1.5, text="hello"),
        Partial(at=2, segment=3, text="we could", confirmed=2, final=True),
        Joined(user="u", session="s", started=5.0, restriction=Restriction(9.0, "rude")),
        Configured(patch={"language": "zh", "tools": [{"name": "f"}]}),
        Verdict(turn="t1", text="so", estimate=Estimate(0.5, "affront", 0.9, "llm", "refuse")),
        HistoryEdited(op="add", item="x", message={"role": "user", "content": "hi"}),
        UtteranceEnded(utterance="u1", heard="", reason="cut"),
        ToolCalled(utterance="u1", call="c", name="f", arguments='{"a": 1}'),
        Due(name="give_way"),
    ],
    ids=lambda event: event.type,
)
def test_an_event_survives_its_json(event: Event) -> None:
    wire = json.loads(json.dumps(event_json(event)))
    assert parse_event(wire) == event
    assert parse_event(event) is event


@pytest.mark.parametrize(
    ("given_event", "field", "value"),
    [
        (None, "event", None),
        ("text_typed", "event", "text_typed"),
        ([{"type": "left"}], "event", [{"type": "left"}]),
        ({}, "event.type", None),
        ({"type": "shouted"}, "event.type", "shouted"),
        ({"type": ["left"]}, "event.type", ["left"]),
        ({"type": "text_typed", "text": 5}, "event.text", 5),
        ({"type": "text_typed", "text": None}, "event.text", None),
        ({"type": "text_typed", "text": "a", "loud": True}, "event.loud", True),
        ({"type": "partial", "text": "a", "segment": "one"}, "event.segment", "one"),
        ({"type": "partial", "text": "a", "segment": -1}, "event.segment", -1),
        ({"type": "speech_started", "segment": -7}, "event.segment", -7),
        ({"type": "partial", "text": "a", "segment": 1, "confirmed": -2}, "event.confirmed", -2),
        ({"type": "text_typed", "text": "a", "at": float("nan")}, "event.at", None),
        ({"type": "text_typed", "text": "a", "at": float("inf")}, "event.at", None),
        ({"type": "text_typed", "text": "a\ud800"}, "event.text", None),
        ({"type": "utterance_ended", "utterance": "u1", "heard": "", "reason": "bored"},
         "event.reason", "bored"),
        ({"type": "due", "name": "lunch"}, "event.name", "lunch"),
        ({"type": "verdict", "turn": "t1", "text": "", "estimate": {"p_complete": "high"}},
         "event.estimate.p_complete", "high"),
        ({"type": "verdict", "turn": "t1", "text": "", "estimate": {"p_complete": 1.5}},
         "event.estimate.p_complete", 1.5),
        ({"type": "verdict", "turn": "t1", "text": "",
          "estimate": {"p_complete": 0.5, "p_appraisal": -1}},
         "event.estimate.p_appraisal", -1),
    ],
)  # fmt: skip
def test_bad_input_names_the_field_and_the_value(
    given_event: object, field: str, value: object
) -> None:
    with pytest.raises(BadInput) as refused:
        parse_event(given_event)
    assert refused.value.field == field
    assert field in str(refused.value)
    if value is not None:
        assert repr(value) in str(refused.value)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(BadInput, match=r"event\.text: Field required"):
        parse_event({"type": "text_typed"})


@pytest.mark.parametrize(
    ("patch", "named"),
    [
        ({"persone": "ada"}, "persone"),
        ({"persona": 7}, "persona"),
        ({"turn_detection": "sometimes"}, "turn_detection"),
        ({"tools": [{"nom": "f"}]}, "tools.0"),
        ({"tools": [{"name": 3}]}, "tools.0.name"),
    ],
)
def test_a_patch_of_the_config_is_checked_before_it_is_an_event(
    patch: dict[str, Any], named: str
) -> None:
    with pytest.raises(BadInput, match=re.escape(named)) as refused:
        parse_event({"type": "configured", "patch": patch})
    assert named in refused.value.field


def test_a_patch_too_deep_to_be_kept_as_json_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"properties": deep}
    patch = {"tools": [{"name": "f", "parameters": deep}]}
    with pytest.raises(BadInput):
        parse_event({"type": "configured", "patch": patch})


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        ({"op": "add", "item": "x"}, "message"),
        ({"op": "add", "item": "x", "message": {"content": "no role"}}, "message"),
        ({"op": "add", "item": "x", "message": {"role": "user"}}, "message"),
        ({"op": "add", "item": "x", "message": {"role": "king", "content": ""}}, "message.role"),
        ({"op": "truncate", "item": "x"}, "heard"),
        ({"op": "burn", "item": "x"}, "op"),
    ],
)
def test_an_edit_that_lacks_what_it_needs_is_refused(edit: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_event({"type": "history_edited", **edit})
    assert field in refused.value.field


def test_a_huge_bad_value_is_shown_in_short() -> None:
    with pytest.raises(BadInput) as refused:
        parse_event({"type": "text_typed", "text": ["x" * 100_000]})
    assert len(str(refused.value)) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = sorted({field for kind in EVENTS.values() for field in kind.__dataclass_fields__})
GARBAGE = st.dictionaries(
    st.sampled_from(FIELDS) | st.text(max_size=4) | st.integers(), JSON, max_size=5
)


@settings(max_examples=100, deadline=None)
@given(
    JSON | GARBAGE | st.builds(lambda d, t: d | {"type": t}, GARBAGE, st.sampled_from([*EVENTS]))
)
def test_garbage_is_either_an_event_or_bad_input(garbage: object) -> None:
    try:
        event = parse_event(garbage)
    except BadInput:
        return
    assert isinstance(event, get_args(Event))
    assert parse_event(event_json(event)) == event
