"""The door between LangGraph and a node."""

import json
from dataclasses import replace
from typing import Any, cast

import pytest
from langgraph.runtime import Runtime

from graph.errors import BadInput
from graph.events import Event, TextTyped, event_json
from graph.mind import Mind
from graph.state import Dialogue, DialogueState, Utterance
from nodes.door import Node, door
from nodes.dry import DryMind
from tests.situations import EPOCH, RecordingMind


class Spy:
    """A node that notes what it was given, and changes the summary."""

    def __init__(self) -> None:
        self.seen: list[tuple[Dialogue, Event, Mind]] = []

    async def node(self, dialogue: Dialogue, event: Event, mind: Mind) -> Dialogue:
        self.seen.append((dialogue, event, mind))
        return replace(dialogue, summary="changed")


async def through(
    node: Node, state: dict[str, Any], context: object = None, thread: str = ""
) -> DialogueState:
    config = {"configurable": {"thread_id": thread} if thread else {}}
    return await door(node)(cast(DialogueState, state), config, Runtime(context=context))


def state(**fields: Any) -> dict[str, Any]:
    typed = event_json(TextTyped(at=3.0, text="Hello."))
    return {**Dialogue(session="s", started=EPOCH).changes(), "event": typed, **fields}


async def test_a_node_sees_values_and_the_session_s_own_mind() -> None:
    spy, mind = Spy(), RecordingMind()
    changes = await through(spy.node, state(), mind)
    ((dialogue, event, given),) = spy.seen
    assert event == TextTyped(at=3.0, text="Hello.")
    assert dialogue == Dialogue(session="s", started=EPOCH)
    assert given is mind
    assert changes == {"summary": "changed"}


@pytest.mark.parametrize(
    "context", [None, {"user": "a JSON object as Studio sends it"}, "x"], ids=str
)
async def test_without_a_session_the_mind_is_dry(context: object) -> None:
    spy = Spy()
    await through(spy.node, state(), context)
    assert isinstance(spy.seen[0][2], DryMind)


async def test_a_run_without_a_session_is_named_by_its_thread_and_starts_now() -> None:
    spy = Spy()
    given = state(session="", started=0.0, event={"type": "text_typed", "text": "Hi."})
    changes = await through(spy.node, given, thread="thread-7")
    assert changes.get("session") == "thread-7"
    assert changes.get("started", 0.0) > EPOCH
    assert 0.0 <= spy.seen[0][1].at < 60.0


async def test_a_run_without_a_thread_gets_a_name_of_its_own() -> None:
    one, other = [await through(Spy().node, state(session="", started=0.0)) for _ in range(2)]
    assert one["session"]
    assert one["session"] != other["session"]


async def test_an_event_without_a_time_happens_now_in_a_thread_that_goes_on() -> None:
    spy = Spy()
    await through(spy.node, state(event={"type": "text_typed", "text": "Hi."}))
    assert spy.seen[0][1].at > 1_000_000.0, "seconds since the thread began"


async def test_an_event_that_names_its_time_keeps_it() -> None:
    spy = Spy()
    await through(spy.node, state())
    assert spy.seen[0][1].at == 3.0


@pytest.mark.parametrize("context", [None, RecordingMind()], ids=["dry", "session"])
async def test_bad_input_never_reaches_the_node(context: object) -> None:
    spy = Spy()
    for wrong in (
        state(event=None),
        state(event={"type": "nonsense"}),
        state(event={"type": "text_typed", "text": 4}),
        state(turn={"id": 5}),
    ):
        with pytest.raises(BadInput):
            await through(spy.node, wrong, context)
    assert spy.seen == []


async def test_what_the_node_leaves_alone_is_not_written() -> None:
    async def idle(dialogue: Dialogue, event: Event, mind: Mind) -> Dialogue:
        return dialogue

    utterance = Dialogue(utterance=Utterance(id="u1", behaviour="reply")).changes()["utterance"]
    assert await through(idle, state(utterance=utterance), RecordingMind()) == {}


async def test_what_comes_out_is_json() -> None:
    async def speak(dialogue: Dialogue, event: Event, mind: Mind) -> Dialogue:
        return replace(dialogue, utterance=Utterance(id="u1", behaviour="reply"))

    changes = await through(speak, state(), RecordingMind())
    assert json.loads(json.dumps(changes)) == changes
