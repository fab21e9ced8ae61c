"""What an event does to the dialogue, before anything is decided."""

from dataclasses import replace
from typing import cast

import pytest

from graph.errors import BadInput
from graph.events import (
    Cancelled,
    Committed,
    Configured,
    Due,
    HistoryEdited,
    Joined,
    Left,
    Partial,
    Recalled,
    Remembered,
    Respond,
    SpeechStarted,
    SpeechStopped,
    Summarised,
    TextTyped,
    ToolCalled,
    ToolReturned,
    UtteranceEnded,
    UtteranceStarted,
    Verdict,
)
from graph.state import (
    Dialogue,
    Estimate,
    Message,
    Rapport,
    Recollection,
    Restriction,
    Turn,
    Utterance,
)
from nodes.fold import fold
from nodes.perceive import perceive_node
from tests.situations import RecordingMind, persona_of

TALK = [
    cast(Message, {"id": "t1", "role": "user", "content": "Tell me a story.", "at": 1.0}),
]
SPEAKS = Dialogue(
    started=1000.0,
    messages=TALK,
    floor="agent",
    turn=Turn(id="t1", segments={1: "Tell me a story."}, closed=True),
    utterance=Utterance(id="u1", behaviour="reply", turn="t1", sounded=True),
)
"""The agent is answering."""

ASKS = Dialogue(turn=Turn(id="t1", segments={1: "so what I wanted to ask you is"}, newest=1))
"""The user is in the middle of a turn."""


def contents(dialogue: Dialogue) -> list[str]:
    return [message["content"] for message in dialogue.messages]


def test_the_agent_has_the_floor_once_it_sounds() -> None:
    silent = replace(
        SPEAKS, floor="open", utterance=Utterance(id="u1", behaviour="reply", turn="t1")
    )
    dialogue = fold(silent, UtteranceStarted(at=3.0, utterance="u1"))
    assert dialogue.floor == "agent"
    assert dialogue.utterance
    assert dialogue.utterance.sounded
    assert dialogue.utterance.began_at == 3.0


def test_what_was_heard_is_what_the_history_keeps() -> None:
    dialogue = fold(SPEAKS, UtteranceEnded(at=5.0, utterance="u1", heard="Once", reason="cut"))
    assert dialogue.messages[-1] == {
        "id": "u1", "role": "assistant", "content": "Once", "at": 1005.0, "behaviour": "reply",
    }  # fmt: skip
    assert dialogue.floor == "open"
    assert not dialogue.agent_speaks


def test_an_utterance_of_which_nothing_was_heard_leaves_no_message() -> None:
    dialogue = fold(SPEAKS, UtteranceEnded(at=5.0, utterance="u1", heard="", reason="failed"))
    assert dialogue.messages == TALK


def test_the_floor_goes_to_the_user_who_has_begun_to_speak() -> None:
    listening = fold(SPEAKS, SpeechStarted(at=2.0, segment=2))
    dialogue = fold(listening, UtteranceEnded(at=3.0, utterance="u1", heard="Once", reason="cut"))
    assert dialogue.floor == "user"


def test_the_answer_stands_before_a_word_that_fell_while_it_sounded() -> None:
    nodding = replace(
        SPEAKS,
        messages=[*TALK, cast(Message, {"id": "t2", "role": "user", "content": "mhm", "at": 2.0})],
        turn=Turn(id="t2", segments={2: "mhm"}, closed=True),
    )
    dialogue = fold(nodding, UtteranceEnded(at=5.0, utterance="u1", heard="Once upon a time."))
    assert [message["id"] for message in dialogue.messages] == ["t1", "u1", "t2"]


@pytest.mark.parametrize(
    "event",
    [
        UtteranceStarted(utterance="u0"),
        UtteranceEnded(utterance="u9", heard="Not me"),
        ToolCalled(utterance="u9", call="c1", name="look"),
        ToolReturned(call="c1", output="42"),
        Recalled(turn="t9", recollection=Recollection(summary="Somebody else.")),
        Summarised(summary="Old.", upto="t9"),
        Verdict(turn="t9", text="so", estimate=Estimate(1.0)),
        Verdict(turn="t1", text="Tell me", estimate=Estimate(1.0)),
    ],
    ids=lambda event: event.type,
)
def test_what_names_another_turn_or_utterance_is_only_counted(event: object) -> None:
    assert fold(SPEAKS, event) == replace(SPEAKS, stale=1)  # type: ignore[arg-type]


def test_an_utterance_ends_once() -> None:
    ended = fold(SPEAKS, UtteranceEnded(at=5.0, utterance="u1", heard="Once"))
    again = fold(ended, UtteranceEnded(at=6.0, utterance="u1", heard="Once upon"))
    assert again == replace(ended, stale=1)
    assert fold(ended, UtteranceStarted(at=6.0, utterance="u1")) == replace(ended, stale=1)


@pytest.mark.parametrize(
    ("judged", "counts"),
    [
        ("so what I wanted to ask you is", True),
        ("So, what I wanted", True),  # four words behind
        ("so what I", False),  # five words behind
        ("", False),
        ("so what we wanted to ask you is", False),  # revised since
        ("so what I wanted to ask you is this", False),  # ahead: words that were taken back
    ],
)
def test_a_verdict_counts_up_to_four_words_behind(judged: str, counts: bool) -> None:
    estimate = Estimate(0.9, "boring", 0.8, "llm")
    dialogue = fold(ASKS, Verdict(turn="t1", text=judged, estimate=estimate))
    assert (dialogue.estimate == estimate) is counts
    assert dialogue.stale == (0 if counts else 1)


def test_what_memory_brings_for_the_turn_is_taken_also_once_it_has_closed() -> None:
    recollection = Recollection(summary="Likes stories.", query="Tell me a story.")
    assert fold(ASKS, Recalled(turn="t1", recollection=recollection)).recollection == recollection
    assert fold(SPEAKS, Recalled(turn="t1", recollection=recollection)).recollection == recollection


def test_a_summary_takes_the_place_of_what_it_covers() -> None:
    more = cast(list[Message], [{"id": "u1", "role": "assistant", "content": "Once."},
                                {"id": "t2", "role": "user", "content": "More!"}])  # fmt: skip
    long = replace(SPEAKS, messages=[*TALK, *more])
    dialogue = fold(long, Summarised(summary="A story was begun.", upto="u1"))
    assert dialogue.summary == "A story was begun."
    assert contents(dialogue) == ["More!"]


def test_a_tool_round_in_the_history() -> None:
    call = ToolCalled(at=2.0, utterance="u1", call="c1", name="look", arguments='{"at": "sea"}')
    dialogue = fold(SPEAKS, call)
    dialogue = fold(dialogue, ToolReturned(at=3.0, call="c1", output="blue"))
    dialogue = fold(
        dialogue, UtteranceEnded(at=4.0, utterance="u1", heard="Let me see.", reason="tool")
    )
    assert [(m["id"], m["role"], m["content"]) for m in dialogue.messages] == [
        ("t1", "user", "Tell me a story."),
        ("u1", "assistant", "Let me see."),
        ("c1", "tool", "blue"),
    ]
    assert dialogue.messages[1]["tool_calls"] == [
        {"id": "c1", "name": "look", "arguments": '{"at": "sea"}'}
    ]
    assert dialogue.messages[2]["tool_call_id"] == "c1"


def test_the_client_ends_the_turn() -> None:
    committed = fold(ASKS, Committed(at=7.0)).turn
    assert committed
    assert committed.complete
    assert not committed.asked
    assert committed.silent_since == 7.0
    asked = fold(ASKS, Respond(at=7.0)).turn
    assert asked
    assert asked.complete
    assert asked.asked


def test_a_known_moment_of_silence_is_not_moved_by_the_client() -> None:
    stopped = fold(ASKS, SpeechStopped(at=0.0, segment=1))
    committed = fold(stopped, Committed(at=7.0)).turn
    assert committed
    assert committed.silent_since == 0.0


def test_a_voice_after_the_client_has_ended_the_turn_opens_it_again() -> None:
    dialogue = fold(fold(ASKS, Respond(at=7.0)), SpeechStarted(at=8.0, segment=2))
    assert dialogue.open_turn
    assert not dialogue.open_turn.complete
    assert not dialogue.open_turn.asked


def test_nothing_is_ended_where_nobody_spoke() -> None:
    for event in (Committed(at=1.0), Respond(at=1.0), Cancelled(at=1.0), Due(name="endpoint")):
        assert fold(Dialogue(), event) == Dialogue()


def test_the_config_is_patched_field_by_field() -> None:
    dialogue = fold(Dialogue(), Configured(patch={"language": "zh"}))
    dialogue = fold(dialogue, Configured(patch={"tools": [{"name": "look"}]}))
    assert dialogue.config.language == "zh"
    assert dialogue.config.tools[0].name == "look"


async def test_a_persona_that_does_not_exist_is_not_taken_over() -> None:
    perceive = perceive_node(persona_of)
    dialogue = await perceive(SPEAKS, Configured(patch={"persona": "max"}), RecordingMind())
    assert dialogue.config.persona == "max"
    with pytest.raises(BadInput, match="nobody"):
        await perceive(SPEAKS, Configured(patch={"persona": "nobody"}), RecordingMind())


def test_an_item_of_the_history_that_is_not_there_is_bad_input() -> None:
    with pytest.raises(BadInput, match="t9"):
        fold(SPEAKS, HistoryEdited(op="delete", item="t9"))


def test_memory_says_how_far_it_has_written() -> None:
    assert fold(SPEAKS, Remembered(upto="t1")).remembered_upto == "t1"


def test_a_user_who_leaves_is_kept_with_what_they_had_begun_to_say() -> None:
    dialogue = fold(replace(ASKS, started=1000.0, floor="user"), Left(at=4.0))
    assert contents(dialogue) == ["so what I wanted to ask you is"]
    assert dialogue.messages[0]["at"] == 1004.0
    assert dialogue.floor == "open"
    assert dialogue.open_turn is None


def test_a_user_who_comes_back_finds_moments_moved_to_the_new_clock() -> None:
    before = replace(
        ASKS,
        user="u",
        started=1000.0,
        floor="user",
        rapport=Rapport(patience=0.4, affronts=2, updated_at=50.0, interrupted_at=40.0),
        utterance=Utterance(id="u1", behaviour="reply", turn="t0", status="paused"),
    )
    came = Joined(at=0.5, user="u", session="s", started=1100.0, resumed=True)
    dialogue = fold(before, came)
    assert dialogue.rapport.updated_at == -50.0
    assert dialogue.rapport.interrupted_at == -60.0
    assert dialogue.rapport.affronts == 2
    assert contents(dialogue) == ["so what I wanted to ask you is"]
    assert dialogue.messages[0]["at"] == 1100.5
    assert dialogue.floor == "open"
    assert not dialogue.agent_speaks
    assert dialogue.open_turn is None


def test_a_restriction_comes_with_the_user() -> None:
    rude = Restriction(until=2000.0, reason="too many insults")
    came = Joined(user="u", session="s", started=1000.0, restriction=rude)
    assert fold(Dialogue(), came).restriction == rude


def test_a_restriction_of_the_session_is_kept_where_the_server_knows_of_none() -> None:
    rude = Restriction(until=2000.0, reason="too many insults")
    blocked = Dialogue(user="u", restriction=rude)
    back = Joined(user="u", session="s", started=1000.0, resumed=True)
    assert fold(blocked, back).restriction == rude
    assert fold(blocked, replace(back, user="somebody else")).restriction is None
    assert fold(blocked, replace(back, resumed=False)).restriction is None


def test_folding_never_changes_the_dialogue_before() -> None:
    frozen = repr(SPEAKS)
    for event in (
        Partial(segment=1, text="Tell me a story. And then"),
        TextTyped(text="Stop."),
        UtteranceEnded(utterance="u1", heard="Once"),
        ToolCalled(utterance="u1", call="c1", name="look"),
        HistoryEdited(op="delete", item="t1"),
        Left(),
    ):
        fold(SPEAKS, event)
    assert repr(SPEAKS) == frozen
