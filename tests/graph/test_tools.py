"""A tool round: the agent calls, the client answers, the agent goes on."""

from graph.events import ToolCalled, ToolReturned
from tests.situations import Conversation, Notebook, dialogue_graph

ASK = "What is the weather like in Rome?"


async def calling(*calls: str, memory: Notebook | None = None) -> Conversation:
    """The agent says something and calls tools."""
    talk = Conversation(dialogue_graph(memory=memory))
    await talk.joins()
    await talk.send({"type": "configured", "patch": {"tools": [{"name": "weather"}]}})
    await talk.types(ASK)
    await talk.sounds()
    for call in calls or ("c1",):
        await talk.send(
            ToolCalled(at=talk.now, utterance=talk.utterance.id, call=call, name="weather")
        )
    return talk


async def returns(talk: Conversation, call: str = "c1", output: str = "sunny") -> None:
    await talk.send(ToolReturned(at=talk.now, call=call, output=output))


def ids(talk: Conversation) -> list[str]:
    return [message["id"] for message in talk.messages]


async def test_a_tool_returns_and_the_agent_goes_on() -> None:
    talk = await calling()
    await talk.ends("Let me see.", "tool")
    assert talk.dialogue.floor == "open"
    await talk.passes(3.0)
    await returns(talk)
    assert talk.action == "reply"
    assert "tool" in talk.judgement.reason
    assert talk.utterance.turn == "t1"
    await talk.sounds()
    await talk.ends("It is sunny.")
    assert talk.heard == [
        ("user", ASK),
        ("assistant", "Let me see."),
        ("tool", "sunny"),
        ("assistant", "It is sunny."),
    ]
    assert talk.dialogue.floor == "open"
    assert talk.mind.sounding == ""


async def test_a_call_without_a_word_said() -> None:
    talk = await calling()
    await talk.ends("", "tool")
    await returns(talk)
    await talk.sounds()
    await talk.ends("It is sunny.")
    assert ids(talk) == ["t1", "u1", "c1", "u2"]
    assert talk.messages[1]["content"] == ""


async def test_a_tool_returns_before_the_utterance_has_ended() -> None:
    talk = await calling()
    await returns(talk)
    assert talk.action is None
    assert talk.mind.log.count("say") == 1
    await talk.passes(1.0)
    await talk.ends("Let me see.", "tool")
    assert talk.action == "reply"
    assert ids(talk) == ["t1", "u1", "c1"]
    assert talk.utterance.id == "u2"


async def test_two_calls_are_waited_for() -> None:
    talk = await calling("c1", "c2")
    await talk.ends("Let me see.", "tool")
    await returns(talk, "c2", "windy")
    assert talk.action is None
    await returns(talk, "c1", "sunny")
    assert talk.action == "reply"
    assert ids(talk) == ["t1", "u1", "c2", "c1"]


async def test_one_of_two_returns_while_the_agent_speaks() -> None:
    talk = await calling("c1", "c2")
    await returns(talk, "c1")
    await talk.ends("Let me see.", "tool")
    assert talk.action is None
    await returns(talk, "c2")
    assert talk.action == "reply"


async def test_the_user_speaks_meanwhile_and_is_answered_with_what_the_tool_gave() -> None:
    talk = await calling()
    await talk.ends("Let me see.", "tool")
    await talk.voice()
    await talk.partial("and in Paris")
    await returns(talk)
    assert talk.action == "keep_listening"
    assert talk.mind.log.count("say") == 1
    await talk.partial("and in Paris please?", final=True)
    await talk.passes(0.3)
    assert talk.action == "reply"
    assert ids(talk) == ["t1", "u1", "c1", "t2"]


async def test_a_tool_that_returns_after_another_turn_was_answered_is_still_told_of() -> None:
    talk = await calling()
    await talk.ends("Let me see.", "tool")
    await talk.types("By the way, hello.")
    await talk.sounds()
    await talk.passes(1.0)
    await talk.ends("Hello.")
    await talk.passes(1.0)
    await returns(talk)
    assert talk.action == "reply"
    assert ids(talk) == ["t1", "u1", "c1", "t2", "u2"]


async def test_a_nod_while_the_agent_announces_the_call_does_not_stop_it_from_going_on() -> None:
    talk = await calling()
    await talk.says("okay")
    await returns(talk)
    await talk.ends("Let me see.", "tool")
    assert talk.action == "reply"
    assert ids(talk) == ["t1", "u1", "c1", "t2"]


async def test_a_call_that_never_returns_does_not_keep_later_ones_from_going_on() -> None:
    talk = await calling("lost")
    await talk.ends("Let me see.", "tool")
    await talk.types("And in Paris?")
    await talk.sounds()
    await talk.send(ToolCalled(at=talk.now, utterance="u2", call="c2", name="weather"))
    await talk.ends("One moment.", "tool")
    await returns(talk, "c2")
    assert talk.action == "reply"


async def test_an_unknown_call_is_counted_and_nothing_is_said() -> None:
    talk = await calling()
    await talk.ends("Let me see.", "tool")
    before = talk.dialogue
    await returns(talk, "c9")
    assert talk.dialogue.stale == before.stale + 1
    assert talk.action is None
    assert talk.messages == before.messages


async def test_a_call_that_returns_twice_is_told_of_once() -> None:
    talk = await calling()
    await talk.ends("Let me see.", "tool")
    await returns(talk)
    await talk.sounds()
    await talk.passes(1.0)
    await talk.ends("It is sunny.")
    await returns(talk, output="rainy")
    assert talk.action is None
    assert ("tool", "rainy") not in talk.heard


async def test_barging_in_on_a_call_leaves_the_answer_to_the_user_s_words() -> None:
    talk = await calling()
    await returns(talk)
    await talk.voice()
    await talk.partial("no forget it tell me")
    await talk.ends("Let me", "cut")
    assert talk.action == "keep_listening"
    assert talk.mind.log.count("say") == 1


async def test_an_agent_that_the_client_stopped_does_not_go_on_by_itself() -> None:
    talk = await calling()
    await returns(talk)
    await talk.send({"type": "cancelled", "at": talk.now})
    await talk.ends("Let me", "cut")
    assert talk.action is None
    assert talk.mind.log.count("say") == 1


async def test_late_words_once_a_tool_was_called_are_the_next_turn() -> None:
    talk = Conversation()
    await talk.voice()
    await talk.partial("What is the weather like?")
    await talk.passes(0.2)
    await talk.silence()
    await talk.passes(0.5)
    await talk.send(ToolCalled(at=talk.now, utterance="u1", call="c1", name="weather"))
    await talk.ends("", "tool")
    await returns(talk)
    assert talk.utterance.id == "u2"
    await talk.partial("What is the weather like? In Rome.", final=True)
    assert talk.turn.id == "t2"
    assert talk.turn.text == "In Rome."
    assert ids(talk) == ["t1", "u1", "c1"]


async def test_a_push_to_talk_client_asks_for_the_answer_to_a_tool() -> None:
    talk = await calling()
    await talk.send({"type": "configured", "patch": {"turn_detection": "manual"}})
    await talk.ends("", "tool")
    await returns(talk)
    assert talk.action is None
    await talk.send({"type": "respond", "at": talk.now})
    assert talk.action == "reply"


async def test_memory_keeps_a_turn_once_the_whole_answer_is_known() -> None:
    memory = Notebook()
    talk = await calling(memory=memory)
    await talk.ends("Let me see.", "tool")
    assert "start remember" not in talk.mind.log
    await returns(talk)
    await talk.sounds()
    await talk.ends("It is sunny.")
    await talk.mind.work("remember").run()
    (kept,) = memory.kept["u"]
    assert kept.agent == "Let me see. It is sunny."


async def test_a_call_left_open_does_not_cost_the_turn_its_place_in_memory() -> None:
    talk = await calling(memory=Notebook())
    await talk.ends("Let me see.", "tool")
    await talk.send({"type": "left", "at": talk.now})
    assert talk.mind.log[-1] == "start remember"
