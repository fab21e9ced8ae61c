"""How the agent stands to the user: what costs patience, and what makes good."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.state import Estimate, Rapport
from nodes.judgement.policy import decide
from nodes.judgement.rapport import aged, rapport_after
from nodes.judgement.situation import Situation, Temper

TEMPER = Temper(cuts_in=0.3, affronts_to_block=3)
DONE = Situation(words=6, lasted=3.0, silence=2.0, temper=TEMPER)
RUDE = Estimate(0.5, "affront", 0.9)
CALM = Temper(patience=1.0, recovery_per_minute=0.1)


def after(rapport: Rapport, *turns: tuple[str, bool, float], temper: Temper = CALM) -> Rapport:
    """The rapport after turns of (appraisal, courteous, at)."""
    for number, (appraisal, courteous, at) in enumerate(turns, 1):
        turn = f"t{number}-{at}"
        rapport = rapport_after(rapport, appraisal, courteous, turn, at, temper)  # type: ignore[arg-type]
    return rapport


def test_an_affront_costs_patience_and_is_counted() -> None:
    rapport = after(Rapport(), ("affront", False, 1.0))
    assert rapport.affronts == 1
    assert rapport.patience < 0.7


def test_affronts_in_a_row_add_up_through_plain_turns() -> None:
    turns = [("affront", False, 1.0), ("plain", False, 5.0), ("affront", False, 9.0)]
    assert after(Rapport(), *turns).affronts == 2


def test_a_turn_counts_once_however_often_it_closes() -> None:
    once = rapport_after(Rapport(), "affront", False, "t1", 1.0, CALM)
    assert rapport_after(once, "affront", False, "t1", 2.0, CALM) == once


def test_courtesy_makes_an_affront_good() -> None:
    rapport = after(Rapport(), ("affront", False, 1.0), ("plain", True, 5.0))
    assert rapport.affronts == 0
    assert rapport.patience > 0.7


def test_an_insult_with_thanks_is_still_an_insult() -> None:
    rude, polite = (
        after(Rapport(), ("affront", False, 1.0)),
        after(Rapport(), ("affront", True, 1.0)),
    )
    assert polite.affronts == rude.affronts == 1
    assert polite.patience == rude.patience


def test_time_makes_an_affront_good() -> None:
    rapport = after(Rapport(), ("affront", False, 1.0), ("plain", False, 60.0))
    assert rapport.affronts == 1
    assert after(rapport, ("plain", False, 600.0)).affronts == 0


def test_time_works_while_nobody_speaks() -> None:
    rapport = after(Rapport(), ("affront", False, 0.0), ("affront", False, 1.0))
    assert aged(rapport, 1.0, CALM).affronts == 2
    assert aged(rapport, 1.0 + 4 * 60, CALM).affronts == 1
    assert aged(rapport, 1.0 + 8 * 60, CALM).affronts == 0
    assert aged(rapport, 1.0 + 4 * 60, CALM).patience == pytest.approx(rapport.patience + 0.4)


def test_plain_turns_in_between_do_not_put_off_what_time_makes_good() -> None:
    rapport = after(Rapport(), ("affront", False, 0.0))
    rapport = after(rapport, *[("plain", False, 30.0 * n) for n in range(1, 9)])
    assert rapport.affronts == 0


def test_a_new_affront_puts_it_off() -> None:
    rapport = after(Rapport(), ("affront", False, 0.0), ("affront", False, 200.0))
    assert aged(rapport, 300.0, CALM).affronts == 2


def test_one_who_recovers_nothing_forgives_by_courtesy_alone() -> None:
    stern = Temper(patience=0.5, recovery_per_minute=0.0)
    rapport = after(Rapport(), ("affront", False, 0.0), temper=stern)
    assert aged(rapport, 1e6, stern) == replace(rapport, updated_at=1e6)
    assert after(rapport, ("plain", True, 5.0), temper=stern).affronts == 0


def test_asking_again_for_what_was_refused_is_counted_until_something_else_is_said() -> None:
    turns = [("unreasonable", False, 1.0), ("unreasonable", False, 2.0)]
    assert after(Rapport(), *turns).demands == 2
    assert after(Rapport(), *turns, ("boring", False, 3.0)).demands == 0


@given(
    st.builds(
        Rapport,
        patience=st.floats(0, 1),
        affronts=st.integers(0, 5),
        affront_at=st.floats(0, 100),
        updated_at=st.floats(0, 100),
    ),
    st.floats(0, 2000),
    st.floats(0, 2000),
)
def test_looking_in_between_changes_nothing(rapport: Rapport, one: float, more: float) -> None:
    at_once = aged(rapport, one + more, CALM)
    in_steps = aged(aged(rapport, one, CALM), one + more, CALM)
    assert in_steps.patience == pytest.approx(at_once.patience)
    assert abs(in_steps.affronts - at_once.affronts) <= 1  # the very moment may round either way
    assert aged(at_once, one + more, CALM) == at_once


def test_patience_comes_back_by_the_minute_and_not_beyond_the_persona() -> None:
    worn = Rapport(patience=0.2, updated_at=0.0)
    assert after(worn, ("conflict", False, 120.0)).patience == pytest.approx(0.35)
    short = Temper(patience=0.6, recovery_per_minute=0.1)
    assert after(worn, ("plain", False, 9000.0), temper=short).patience == 0.6


def test_repeating_oneself_is_counted_until_something_new_is_said() -> None:
    turns = [("boring", False, 1.0), ("boring", False, 2.0)]
    assert after(Rapport(), *turns).repeats == 2
    assert after(Rapport(), *turns, ("plain", False, 3.0)).repeats == 0


def test_escalation_is_a_cool_reply_then_a_refusal_then_the_end() -> None:
    rapport, actions = Rapport(), []
    for number in range(3):
        judgement = decide(RUDE, replace(DONE, rapport=rapport))
        assert judgement
        actions.append(judgement.action)
        rapport = rapport_after(rapport, "affront", False, f"t{number}", number, TEMPER)
    assert actions == ["reply", "refuse", "block"]


def test_an_apology_stops_the_escalation() -> None:
    rapport = after(Rapport(), ("affront", False, 1.0), ("affront", False, 2.0))
    rapport = rapport_after(rapport, "plain", True, "sorry", 3.0, TEMPER)
    judgement = decide(RUDE, replace(DONE, rapport=rapport))
    assert judgement
    assert judgement.action == "refuse"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["plain", "affront", "boring", "conflict"]),
            st.booleans(),
            st.floats(0, 1e5),
        ),
        max_size=12,
    )
)
def test_patience_stays_a_share_whatever_happens(turns: list[tuple[str, bool, float]]) -> None:
    rapport = after(Rapport(), *turns)
    assert 0.0 <= rapport.patience <= 1.0
    assert rapport.affronts >= 0
