"""The nodes of the acts: what each one opens with, asks for, closes and shuts."""

from dataclasses import replace
from typing import get_args

import pytest

from graph.events import Due
from graph.state import Act, Appraisal, Dialogue, Judgement, Rapport, Turn, Utterance
from nodes.acts import ACTS, act_node, silence_node, yield_floor_node
from nodes.catalogue import Catalogue
from tests.situations import EPOCH, PERSONA, RecordingMind, persona_of

NOW = Due(at=8.0, name="endpoint")


def deciding(action: Act, **judged: object) -> Dialogue:
    """The user's turn is over and this act was chosen for it."""
    judgement = Judgement(action, 0.9, "because", turn="t1", text="Some words.", at=8.0)
    return Dialogue(
        started=EPOCH,
        floor="user",
        turn=Turn(id="t1", segments={1: "Some words."}, newest=1, silent_since=7.0),
        judgement=replace(judgement, **judged),  # type: ignore[arg-type]
    )


async def performed(act: Act, dialogue: Dialogue) -> tuple[Dialogue, RecordingMind]:
    mind = RecordingMind()
    return await act_node(act, persona_of)(dialogue, NOW, mind), mind


def utterance_of(dialogue: Dialogue) -> Utterance:
    assert dialogue.utterance
    return dialogue.utterance


@pytest.mark.parametrize("act", get_args(Act))
async def test_every_act_closes_the_turn_and_takes_the_floor(act: Act) -> None:
    dialogue, mind = await performed(act, deciding(act))
    utterance = utterance_of(dialogue)
    assert (utterance.id, utterance.behaviour, utterance.status) == ("u1", act, "speaking")
    assert (utterance.turn, utterance.text_judged) == ("t1", "Some words.")
    assert utterance.began_at == 8.0
    assert dialogue.floor == "agent"
    assert dialogue.turn
    assert dialogue.turn.closed
    assert dialogue.messages[-1]["content"] == "Some words."
    assert dialogue.messages[-1]["at"] == EPOCH + 8.0
    assert "say" not in mind.log, "speaking is the next node's part"


@pytest.mark.parametrize("act", get_args(Act))
async def test_an_act_says_something_of_its_own_or_tells_the_model_what(act: Act) -> None:
    utterance = utterance_of((await performed(act, deciding(act)))[0])
    assert utterance.opening or utterance.guidance
    assert bool(utterance.opening) is (act in ("interrupt", "block"))
    assert bool(utterance.guidance) is (act != "block")


async def test_the_tone_goes_with_what_was_said() -> None:
    said = {}
    for appraisal in get_args(Appraisal):
        dialogue, _ = await performed("reply", deciding("reply", appraisal=appraisal))
        said[appraisal] = utterance_of(dialogue).guidance
    assert said["plain"] == ACTS["reply"].guidance
    assert all(said[a].startswith(said["plain"]) for a in said)
    assert len({said[a] for a in ("plain", "affront", "boring", "agreement", "conflict")}) == 5


async def test_an_interruption_is_remembered_and_gives_way_in_time() -> None:
    dialogue, mind = await performed("interrupt", deciding("interrupt"))
    assert dialogue.rapport.interrupted_at == 8.0
    assert mind.wakes == {"give_way": 9.5}
    assert utterance_of(dialogue).opening == "Hold it right there."


async def test_a_block_shuts_the_user_out_for_as_long_as_the_persona_wants() -> None:
    dialogue, mind = await performed("block", deciding("block", appraisal="affront"))
    assert dialogue.restriction
    assert dialogue.restriction.until == EPOCH + 8.0 + 60 * PERSONA.block_minutes
    assert dialogue.restriction.reason == "because"
    assert mind.restrictions == [dialogue.restriction]


async def test_the_rapport_changes_when_the_turn_closes() -> None:
    dialogue, _ = await performed("reply", deciding("reply", appraisal="affront"))
    assert dialogue.rapport.affronts == 1
    assert dialogue.rapport.turn == "t1"
    assert dialogue.rapport.updated_at == 8.0


async def test_holding_prepares_and_changes_nothing_else() -> None:
    before = deciding("reply", hold=True)
    dialogue, mind = await performed("reply", before)
    assert utterance_of(dialogue).status == "held"
    assert replace(dialogue, utterance=None) == before
    assert mind.log == []


async def test_a_held_utterance_of_the_same_words_is_let_go() -> None:
    held = Utterance("u4", "reply", "t1", "some words", guidance="As prepared.", status="held")
    dialogue, _ = await performed("reply", replace(deciding("reply"), utterance=held))
    assert utterance_of(dialogue) == replace(held, status="speaking", began_at=8.0)


@pytest.mark.parametrize(
    "held",
    [
        Utterance("u4", "reply", "t1", "Some", status="held"),
        Utterance("u4", "refuse", "t1", "Some words.", status="held"),
        Utterance("u4", "reply", "t0", "Some words.", status="held"),
        Utterance("u4", "reply", "t1", "Some words.", status="ended"),
    ],
    ids=["other words", "other act", "other turn", "over"],
)
async def test_anything_else_is_made_anew_under_the_next_id(held: Utterance) -> None:
    dialogue, _ = await performed("reply", replace(deciding("reply"), utterance=held))
    assert utterance_of(dialogue).id == "u5"
    assert utterance_of(dialogue).status == "speaking"


async def test_nothing_is_closed_where_nobody_had_spoken() -> None:
    asked = Dialogue(judgement=Judgement("reply", 1.0, "the client asked"))
    dialogue, _ = await performed("reply", asked)
    assert dialogue.messages == []
    assert dialogue.rapport == Rapport()
    assert utterance_of(dialogue).turn == ""


async def test_silence_closes_the_turn_and_opens_the_floor() -> None:
    mind = RecordingMind()
    before = replace(
        deciding("reply"), judgement=Judgement("silence", 1.0, "x", turn="t1", text="Some words.")
    )
    dialogue = await silence_node(persona_of)(before, NOW, mind)
    assert dialogue.turn
    assert dialogue.turn.closed
    assert dialogue.floor == "open"
    assert dialogue.utterance is None
    assert dialogue.rapport.turn == "t1"
    assert mind.log == []


@pytest.mark.parametrize("quiet", [True, False])
async def test_yielding_stops_the_voice_and_closes_the_turn_only_where_it_asks_for_quiet(
    quiet: bool,
) -> None:
    mind = RecordingMind()
    mind.sounding = "u1"
    mind.wakes = {"resume": 9.0, "give_way": 9.5}
    judgement = Judgement("yield_floor", 1.0, "x", turn="t1", text="Some words.", quiet=quiet)
    before = replace(
        deciding("reply"),
        judgement=judgement,
        utterance=Utterance("u1", "reply", "t0", status="paused"),
    )
    dialogue = await yield_floor_node(persona_of)(before, NOW, mind)
    assert mind.log == ["hush"]
    assert mind.wakes == {}
    assert dialogue.floor == "user"
    assert dialogue.turn
    assert dialogue.turn.closed is quiet
    assert len(dialogue.messages) == (1 if quiet else 0)


@pytest.mark.parametrize("name", Catalogue().names)
@pytest.mark.parametrize("act", ["interrupt", "block"])
async def test_every_persona_of_ours_has_an_opening_for_what_cannot_wait(
    name: str, act: Act
) -> None:
    catalogue = Catalogue()
    for appraisal in get_args(Appraisal):
        node = act_node(act, lambda _: catalogue.get(name))
        dialogue = await node(deciding(act, appraisal=appraisal), NOW, RecordingMind())
        assert utterance_of(dialogue).opening.strip()
