"""What comes late: verdicts, recollections, summaries, and the ends of old utterances."""

import pytest

from graph.events import Event, Recalled, Remembered, Summarised, UtteranceEnded, Verdict
from graph.state import Estimate, Recollection
from tests.situations import EPOCH, Conversation, Notebook, dialogue_graph

RUDE = Estimate(0.3, "affront", 0.95, "llm")


async def listening(text: str, name: str = "max") -> Conversation:
    """The user is in mid-speech, to a persona that would cut in for an insult."""
    talk = Conversation()
    await talk.send({"type": "configured", "patch": {"persona": name}})
    await talk.voice()
    await talk.passes(3.0)
    await talk.partial(text)
    assert talk.action == "keep_listening"
    return talk


@pytest.mark.parametrize(
    ("judged", "counts"),
    [
        ("well I have to tell you that", True),
        ("well I have", True),  # four words behind
        ("well I", False),  # five words behind
        ("well I had to tell you that", False),
        ("well I have to tell you that you", False),
    ],
)
async def test_a_verdict_counts_on_a_prefix_at_most_four_words_behind(
    judged: str, counts: bool
) -> None:
    talk = await listening("well I have to tell you that")
    await talk.send(Verdict(at=talk.now, turn="t1", text=judged, estimate=RUDE))
    assert talk.dialogue.estimate
    assert (talk.dialogue.estimate.appraisal == "affront") is counts
    assert talk.dialogue.stale == (0 if counts else 1)


async def test_a_verdict_on_another_turn_is_counted_and_nothing_is_judged() -> None:
    talk = await listening("well I have to tell you that")
    before = talk.dialogue
    dialogue = await talk.send(Verdict(at=talk.now, turn="t7", text="well", estimate=RUDE))
    assert talk.action is None
    assert dialogue.stale == before.stale + 1
    assert dialogue.estimate == before.estimate
    assert dialogue.turn == before.turn


async def test_a_verdict_on_a_turn_that_has_closed_revokes_nothing() -> None:
    talk = Conversation()
    await talk.speaks("Tell me a story.")
    log = list(talk.mind.log)
    await talk.send(Verdict(at=talk.now, turn="t1", text="Tell me a story.", estimate=RUDE))
    assert talk.mind.log == log
    assert talk.dialogue.stale == 1
    assert talk.utterance.status == "speaking"


async def test_a_verdict_while_the_user_pauses_may_end_the_turn() -> None:
    talk = Conversation()
    await talk.says("I would like to go to the")
    assert talk.action == "keep_listening"
    over = Estimate(0.95, source="llm")
    await talk.passes(0.1)
    await talk.send(
        Verdict(at=talk.now, turn="t1", text="I would like to go to the", estimate=over)
    )
    assert talk.action == "reply"


async def test_a_verdict_that_the_turn_goes_on_keeps_the_endpoint_that_was_asked_for() -> None:
    talk = Conversation()
    await talk.says("I would like to go to the")
    wake = talk.mind.wakes["endpoint"]
    await talk.send(
        Verdict(at=talk.now, turn="t1", text="I would like to go to the", estimate=Estimate(0.1))
    )
    assert talk.mind.wakes["endpoint"] == pytest.approx(wake)


@pytest.mark.parametrize(
    "event",
    [
        Recalled(turn="t9", recollection=Recollection(summary="Somebody else.")),
        Summarised(summary="Of other days.", upto="t9"),
        UtteranceEnded(utterance="u9", heard="Not mine."),
    ],
    ids=lambda event: event.type,
)
async def test_what_is_stale_changes_nothing_but_the_count(event: Event) -> None:
    talk = Conversation()
    await talk.speaks("Tell me a story.")
    before = talk.dialogue
    after = await talk.send(event)
    assert after.stale == before.stale + 1
    assert (after.messages, after.turn, after.utterance, after.floor, after.summary) == (
        before.messages, before.turn, before.utterance, before.floor, before.summary,
    )  # fmt: skip
    assert after.recollection == before.recollection


async def test_memory_is_asked_while_the_user_speaks_and_its_answer_reaches_the_composer() -> None:
    memory = Notebook()
    talk = Conversation(dialogue_graph(memory=memory))
    await talk.joins()
    await talk.types("My dog is called Bruno.")
    await talk.sounds()
    await talk.ends("What a name.")
    remembered = await talk.mind.work("remember").run()
    assert remembered
    await talk.send(remembered)
    assert [turn.turn for turn in memory.kept["u"]] == ["s/t1"]
    assert memory.kept["u"][0].agent == "What a name."
    await talk.voice()
    await talk.partial("what is the name of my")
    assert talk.mind.log[-1] == "start recall"
    recalled = await talk.mind.work("recall").run()
    assert recalled
    await talk.send(recalled)
    assert talk.dialogue.recollection.facts[0].text == "My dog is called Bruno."
    await talk.partial("what is the name of my dog")
    assert talk.mind.log.count("start recall") == 2, "one word more is not looked up again"
    await talk.partial("what is the name of my dog and of my cat")
    assert talk.mind.log.count("start recall") == 3


async def test_what_was_recalled_for_the_turn_before_is_not_taken_for_this_one() -> None:
    talk = Conversation(dialogue_graph(memory=Notebook()))
    await talk.types("What is the name of my dog?")
    late = await talk.mind.work("recall").run()
    await talk.sounds()
    await talk.ends()
    await talk.types("And of my big old cat?")
    assert late
    dialogue = await talk.send(late)
    assert dialogue.stale == 1
    assert dialogue.recollection.query != "What is the name of my dog?"


async def test_forty_turns_on_the_oldest_move_into_the_summary() -> None:
    talk = Conversation()
    for number in range(41):
        await talk.types(f"Number {number} of my turns.")
        await talk.sounds()
        await talk.ends(f"Answer {number}.")
    assert len(talk.messages) == 82
    summarised = await talk.mind.work("summarise").run()
    assert isinstance(summarised, Summarised)
    await talk.types("One more meanwhile.")
    dialogue = await talk.send(summarised)
    assert dialogue.summary.startswith("Number 0 of my turns. Number 1")
    assert talk.messages[0]["content"] == "Number 11 of my turns."
    assert talk.messages[-1]["content"] == "One more meanwhile."
    assert await talk.send(summarised) == talk.dialogue
    assert talk.dialogue.stale == 1
    assert talk.dialogue.summary.count("Number 0") == 1


async def test_memory_that_writes_while_the_talk_goes_on_is_asked_for_the_rest() -> None:
    memory = Notebook()
    talk = Conversation(dialogue_graph(memory=memory))
    await talk.joins()
    for text in ("My name is Ida.", "I live in Bonn."):
        await talk.types(text)
        await talk.sounds()
        await talk.ends()
    await talk.send(Remembered(upto="t1"))
    await talk.mind.work("remember").run()
    assert [turn.user for turn in memory.kept["u"]] == ["I live in Bonn."]
    assert talk.dialogue.started == EPOCH
