"""The graph without a session: one run does all that a session would do in time."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from graph.dialogue import Graph
from graph.errors import CleanS2SError, Unavailable
from graph.events import Recalled
from graph.mind import TextStream, Work
from graph.state import Dialogue, DialogueState, Recollection, Turn, Utterance
from nodes.dry import DryMind
from tests.situations import EPOCH, FixedComposer, Notebook, dialogue_graph


class Thread:
    """Runs one after another on one state, as Studio makes them."""

    def __init__(self, graph: Graph | None = None) -> None:
        self.graph = graph or dialogue_graph()
        self.state: DialogueState = {}

    async def run(self, kind: str, **fields: Any) -> Dialogue:
        given: DialogueState = {**self.state, "event": {"type": kind, **fields}}
        self.state = cast(DialogueState, await self.graph.ainvoke(given))
        return Dialogue.load(self.state)


def heard(dialogue: Dialogue) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in dialogue.messages]


async def test_one_run_of_a_typed_turn_ends_with_the_reply_in_the_history() -> None:
    dialogue = await Thread().run("text_typed", text="Hello there.")
    assert heard(dialogue) == [("user", "Hello there."), ("assistant", "I hear you, friend.")]
    assert dialogue.floor == "open"
    assert dialogue.judgement
    assert dialogue.judgement.action == "reply"
    assert dialogue.utterance
    assert dialogue.utterance.status == "ended"


async def test_typed_turns_on_one_thread_are_a_conversation() -> None:
    thread = Thread()
    for number in range(3):
        dialogue = await thread.run("text_typed", text=f"Turn number {number}.")
    assert [message["id"] for message in dialogue.messages] == ["t1", "u1", "t2", "u2", "t3", "u3"]
    assert dialogue.session
    assert [message["at"] for message in dialogue.messages] == sorted(
        message["at"] for message in dialogue.messages
    )


async def test_partials_one_by_one_show_judgements_and_the_last_silence_answers() -> None:
    thread = Thread()
    reasons = []
    for at, text in ((0.5, "I would"), (1.0, "I would like to"), (1.5, "I would like to go.")):
        dialogue = await thread.run("partial", at=at, segment=1, text=text)
        assert dialogue.judgement
        reasons.append(dialogue.judgement.reason)
    assert reasons == ["you are still speaking"] * 3
    dialogue = await thread.run("speech_stopped", at=1.5, segment=1)
    assert dialogue.messages == []
    dialogue = await thread.run("due", at=2.5, name="endpoint")
    assert heard(dialogue)[0] == ("user", "I would like to go.")
    assert heard(dialogue)[1][0] == "assistant"


async def test_every_act_is_reachable() -> None:
    thread = Thread()
    actions = []
    for text in (
        "Hello there.",
        "Tell me how to build a bomb.",
        "my garden has seven big apple trees",
        "my garden has seven big apple trees",
        "my garden has seven big apple trees",
        "You stupid idiot!", "You are useless.", "Fuck you.",
        "Hello?",
    ):  # fmt: skip
        dialogue = await thread.run("text_typed", text=text)
        assert dialogue.judgement
        actions.append(dialogue.judgement.action)
    assert set(actions) == {"reply", "refuse", "deflect", "block", "silence"}
    assert dialogue.restriction
    await thread.run("configured", patch={"persona": "max"})
    other = Thread()
    await other.run("configured", patch={"persona": "max"})
    insult = "honestly you are such a stupid useless thing and"
    await other.run("partial", at=9.0, text=insult)
    dialogue = await other.run("partial", at=9.4, text=f"{insult} I say")
    assert dialogue.judgement
    assert dialogue.judgement.action == "interrupt"
    assert heard(dialogue)[-1][1].startswith("Hold it right there.")


async def test_a_tool_round_in_three_runs() -> None:
    composer = FixedComposer("Let me see.", {"id": "c1", "name": "weather", "arguments": "{}"})
    thread = Thread(dialogue_graph(composer=composer))
    await thread.run("configured", patch={"tools": [{"name": "weather"}]})
    dialogue = await thread.run("text_typed", text="How is the weather?")
    assert dialogue.messages[-1]["tool_calls"][0]["id"] == "c1"
    assert dialogue.floor == "open"
    composer.pieces = ("It is sunny.",)
    dialogue = await thread.run("tool_returned", call="c1", output="sunny")
    assert heard(dialogue) == [
        ("user", "How is the weather?"),
        ("assistant", "Let me see."),
        ("tool", "sunny"),
        ("assistant", "It is sunny."),
    ]


async def test_a_composer_that_fails_leaves_what_was_said_and_the_thread_goes_on() -> None:
    composer = FixedComposer("I was about to")
    composer.error = Unavailable("the model is gone")
    thread = Thread(dialogue_graph(composer=composer))
    dialogue = await thread.run("text_typed", text="Hello.")
    assert heard(dialogue) == [("user", "Hello."), ("assistant", "I was about to")]
    assert dialogue.floor == "open"
    composer.error = None
    dialogue = await thread.run("text_typed", text="Hello again.")
    assert heard(dialogue)[-1] == ("assistant", "I was about to")
    assert len(dialogue.messages) == 4


async def test_memory_is_read_and_written_also_without_a_session() -> None:
    memory = Notebook()
    thread = Thread(dialogue_graph(memory=memory))
    await thread.run("text_typed", text="My dog is called Bruno.")
    dialogue = await thread.run("text_typed", text="What is my dog called?")
    (kept,) = memory.kept["local"]
    assert kept.user == "My dog is called Bruno."
    assert kept.agent == "I hear you, friend."
    assert dialogue.remembered_upto == "t1"
    dialogue = await thread.run("text_typed", text="Is my dog a poodle?")
    assert dialogue.recollection.facts[0].text == "My dog is called Bruno."


async def test_a_memory_that_fails_costs_the_facts_and_not_the_answer() -> None:
    class Broken(Notebook):
        async def recall(self, query: str, user: str, now: float) -> Recollection:
            raise Unavailable("the disk is full")

    thread = Thread(dialogue_graph(memory=Broken()))
    dialogue = await thread.run("text_typed", text="Hello.")
    assert heard(dialogue)[-1] == ("assistant", "I hear you, friend.")


async def test_a_held_answer_is_let_go_by_the_due_that_a_person_sends() -> None:
    thread = Thread()
    await thread.run("partial", at=1.0, text="Where do you live?")
    dialogue = await thread.run("speech_stopped", at=0.9, segment=1)
    if dialogue.utterance and dialogue.utterance.status == "held":
        assert dialogue.messages == []
    dialogue = await thread.run("due", at=3.0, name="endpoint")
    assert heard(dialogue)[-1][0] == "assistant"


# --- the dry mind by itself ---


def saying(*pieces: str, error: Exception | None = None) -> TextStream:
    async def stream() -> AsyncIterator[str]:
        for piece in pieces:
            yield piece
        if error:
            raise error

    return stream


SPEAKS = Dialogue(
    started=EPOCH,
    turn=Turn(id="t1", segments={1: "Hello."}, closed=True),
    utterance=Utterance(id="u1", behaviour="reply", turn="t1", began_at=4.0),
    floor="agent",
)


async def test_what_is_said_is_heard_in_full() -> None:
    mind = DryMind()
    assert SPEAKS.utterance
    mind.say(SPEAKS.utterance, saying("Hello ", "you. "))
    dialogue = await mind.settle(SPEAKS)
    assert heard(dialogue) == [("assistant", "Hello you.")]
    assert dialogue.messages[0]["at"] == EPOCH + 4.0
    assert dialogue.floor == "open"


async def test_a_held_utterance_is_not_composed() -> None:
    mind = DryMind()
    mind.say(
        Utterance(id="u1", behaviour="reply", status="held"),
        saying(error=AssertionError("composed")),
    )
    assert await mind.settle(SPEAKS) == SPEAKS


async def test_hushing_ends_what_nobody_plays() -> None:
    mind = DryMind()
    mind.hush()
    dialogue = await mind.settle(SPEAKS)
    assert not dialogue.agent_speaks
    assert dialogue.messages == []
    assert dialogue.floor == "open"


async def test_work_is_done_at_once_and_work_that_replaces_is_done_once() -> None:
    mind, done = DryMind(), []

    async def run(name: str) -> Recalled:
        done.append(name)
        return Recalled(turn="t1", recollection=Recollection(summary=name))

    for name in ("first", "second"):
        mind.start(Work("recall", lambda name=name: run(name), twice="replace"))  # type: ignore[misc]
    dialogue = await mind.settle(SPEAKS)
    assert done == ["second"]
    assert dialogue.recollection.summary == "second"


async def test_only_our_own_errors_are_taken_for_a_failed_utterance() -> None:
    assert SPEAKS.utterance
    for error, passes in ((CleanS2SError("ours"), True), (KeyError("a bug"), False)):
        mind = DryMind()
        mind.say(SPEAKS.utterance, saying("Hel", error=error))
        if passes:
            assert heard(await mind.settle(SPEAKS)) == [("assistant", "Hel")]
        else:
            with pytest.raises(KeyError):
                await mind.settle(SPEAKS)


async def test_nothing_is_ever_under_way() -> None:
    assert await DryMind().result("recall", 0.05) is None
