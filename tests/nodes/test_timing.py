"""How long the agent waits: by how finished the words sound, and never the same twice."""

from dataclasses import replace
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.events import Due
from graph.state import Dialogue, Turn
from nodes.judgement.timing import draw, gap_in, wait_for
from nodes.moment import situation_of
from nodes.persona import Gap
from tests.situations import PERSONA, Conversation, dialogue_graph

HUMAN = replace(PERSONA, gap=Gap())


@pytest.mark.parametrize(
    ("p_complete", "seconds"),
    [(1.0, 0.2), (0.8, 0.2), (0.65, 0.65), (0.5, 1.1), (0.2, 2.0), (0.0, 2.0)],
)
def test_the_wait_follows_the_probability(p_complete: float, seconds: float) -> None:
    assert wait_for(p_complete) == pytest.approx(seconds)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.6))
def test_the_surer_the_end_the_shorter_the_wait(one: float, other: float, gap: float) -> None:
    low, high = sorted((one, other))
    assert gap <= wait_for(high, gap=gap) <= wait_for(low, gap=gap) <= 2.0


def gaps(shortest: float, longest: float) -> list[float]:
    return [gap_in(shortest, longest, draw("a session", f"t{turn}")) for turn in range(2000)]


def test_gaps_are_those_of_people() -> None:
    found = gaps(0.1, 0.5)
    assert min(found) >= 0.1
    assert max(found) <= 0.5
    assert median(found) == pytest.approx(0.2, abs=0.02)
    assert sum(gap > 0.35 for gap in found) / len(found) == pytest.approx(0.21, abs=0.03)


def test_hardly_any_gap_comes_twice_in_a_row() -> None:
    found = gaps(0.1, 0.5)
    steps = [abs(one - other) for one, other in pairwise(found)]
    assert sum(step < 0.01 for step in steps) / len(steps) < 0.15


def test_one_without_a_range_is_a_metronome() -> None:
    assert set(gaps(0.2, 0.2)) == {0.2}


def test_the_same_turn_has_the_same_gap_whenever_it_is_judged() -> None:
    turn = Turn(id="t7", segments={1: "I am done."})
    dialogue = Dialogue(session="s", turn=turn)
    now = [situation_of(dialogue, Due(at=at, name="endpoint"), HUMAN).gap for at in (1.0, 9.0)]
    assert now[0] == now[1]
    other = Dialogue(session="another", turn=turn)
    assert situation_of(other, Due(name="endpoint"), HUMAN).gap != now[0]


def test_the_persona_sets_the_range() -> None:
    dialogue = Dialogue(session="s", turn=Turn(id="t1"))
    slow = replace(PERSONA, gap=Gap(0.4, 0.6))
    assert 0.4 <= situation_of(dialogue, Due(name="endpoint"), slow).gap <= 0.6
    assert situation_of(dialogue, Due(name="endpoint"), PERSONA).gap == 0.2


async def test_a_finished_sentence_is_answered_when_the_breath_is_taken() -> None:
    answered = set()
    for session in ("a", "b", "c", "d"):
        talk = Conversation(dialogue_graph(personas=lambda name: HUMAN))
        await talk.joins(session=session)
        await talk.says("I have been to the market.")
        wait = situation_of(talk.dialogue, Due(at=talk.now, name="endpoint"), HUMAN).gap
        await talk.passes(max(0.0, wait - 0.2) + 0.001)
        assert talk.action == "reply"
        assert not talk.judgement.hold
        answered.add(round(talk.judgement.at, 2))
    assert len(answered) > 1
