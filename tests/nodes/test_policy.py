"""The policy as a table: a situation, an estimate, and what a person would do."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.state import Action, Estimate, Rapport
from nodes.judgement.policy import decide
from nodes.judgement.situation import Situation, Temper
from nodes.judgement.thresholds import Thresholds

TEMPER = Temper(cuts_in=0.3, affronts_to_block=3)
EAGER = Temper(cuts_in=0.95)
NEVER = Temper(cuts_in=0.0)
IMPATIENT = Rapport(patience=0.0)

TALKING = Situation(words=20, lasted=8.0, held_words=5, held_seconds=2.0, temper=TEMPER)
"""The user is in the middle of a long turn, and the estimates have agreed for a while."""
PAUSED = Situation(words=6, lasted=3.0, silence=0.2, temper=TEMPER)
"""The user has just fallen silent."""
DONE = replace(PAUSED, silence=2.0)
"""The user has been silent for long enough, whatever the words say."""
SPEAKING = Situation(agent="speaking", temper=TEMPER)
LISTENED = Situation(agent="paused", temper=TEMPER)
"""The agent has paused because it heard a voice."""
CUTTING_IN = Situation(agent="interrupting", temper=TEMPER)
BLOCKED = replace(DONE, blocked="too many insults")

OVER, MAYBE, OPEN = Estimate(0.95), Estimate(0.5), Estimate(0.05)
RUDE = Estimate(0.5, "affront", 0.9)
TEDIOUS = Estimate(0.5, "boring", 0.9)
CONTRARY = Estimate(0.5, "conflict", 0.9)
AGREED = Estimate(0.5, "agreement", 0.9)
ASKED_TOO_MUCH = Estimate(0.95, "unreasonable", 0.9)
DEMANDING = replace(ASKED_TOO_MUCH, p_complete=0.1)


def on(situation: Situation, **facts: Any) -> Situation:
    return replace(situation, **facts)


# (what happens, estimate, situation, action, part of the reason)
Row = tuple[str, Estimate, Situation, str | None, str]

LISTENING: list[Row] = [
    ("nobody has said anything", OVER, Situation(), None, ""),
    ("a voice without words so far", OPEN, Situation(lasted=1.0), None, ""),
    ("speaking on", OVER, on(TALKING, words=3), "keep_listening", "still speaking"),
    ("surely over, 0.2 s of silence", OVER, PAUSED, "reply", "turn is over"),
    ("surely over, 0.1 s of silence", OVER, on(PAUSED, silence=0.1), "reply", "get ready"),
    ("perhaps over, 0.2 s", MAYBE, PAUSED, "reply", "get ready"),
    ("perhaps over, tools on offer", MAYBE, on(PAUSED, may_hold=False), "keep_listening", "wait"),
    ("unfinished, 0.2 s", OPEN, PAUSED, "keep_listening", "unfinished"),
    ("unfinished, 1.9 s", OPEN, on(PAUSED, silence=1.9), "keep_listening", "unfinished"),
    ("unfinished, 2 s", OPEN, DONE, "reply", "over"),
    ("surely over, one who takes a breath", OVER, on(PAUSED, gap=0.35), "reply", "a breath"),
    ("surely over, the breath is taken", OVER, on(PAUSED, gap=0.35, silence=0.35), "reply",
     "turn is over"),
    ("unfinished, an emergency, 0.6 s", OPEN, on(PAUSED, emergency=True, silence=0.6),
     "keep_listening", "unfinished"),
    ("unfinished, an emergency, 0.7 s", OPEN, on(PAUSED, emergency=True, silence=0.7),
     "reply", "emergency"),
    ("the last words still to come", OVER, on(PAUSED, awaits_final=True), "reply", "get ready"),
    ("the last words never came", OVER, on(DONE, awaits_final=True), "reply", "over"),
    ("committed in mid-word", OPEN, on(PAUSED, silence=0.0, complete=True), "reply", ""),
    ("asked to answer in mid-word", OPEN, on(TALKING, asked=True), "reply", ""),
    ("asked to answer out of the blue", OPEN, Situation(asked=True), "reply", "client asked"),
    ("asked, but the words are on their way", OPEN,
     Situation(asked=True, complete=True, silence=0.0, awaits_final=True),
     "keep_listening", "last words"),
    ("asked, and the words never came", OPEN,
     Situation(asked=True, complete=True, silence=0.5, awaits_final=True),
     "reply", "client asked"),
]  # fmt: skip

MANUAL: list[Row] = [
    ("a finished turn", OVER, on(DONE, manual=True), "keep_listening", "client decides"),
    ("a committed turn", OVER, on(DONE, manual=True, complete=True), "keep_listening", "client"),
    ("an insult", RUDE, on(TALKING, manual=True, temper=EAGER), "keep_listening", "client"),
    ("the client asks", OPEN, on(DONE, manual=True, asked=True), "reply", ""),
    ("a tool has answered", OPEN, Situation(tool_output=True, manual=True), None, ""),
    ("rambling", TEDIOUS, on(TALKING, manual=True, temper=EAGER), "keep_listening", "client"),
    ("words into what the agent says", OPEN, on(SPEAKING, manual=True, words=2), "yield_floor",
     "floor"),
]  # fmt: skip

CANCELLED: list[Row] = [
    ("nobody has said anything", OPEN, Situation(cancelled=True), None, ""),
    ("the user speaks on", OPEN, on(TALKING, cancelled=True), "keep_listening", "still speaking"),
    ("the agent was about to answer", OVER, on(PAUSED, cancelled=True), "silence", "told me"),
    ("the agent speaks", OPEN, on(SPEAKING, cancelled=True), "yield_floor", "client"),
]

ANSWERS: list[Row] = [
    ("a plain turn", OVER, DONE, "reply", "over"),
    ("the same again", replace(TEDIOUS, p_complete=0.9), DONE, "reply", "bear with"),
    ("the same for the third time", TEDIOUS, on(DONE, rapport=Rapport(repeats=1)), "deflect", ""),
    ("the same, little patience left", TEDIOUS, on(DONE, rapport=Rapport(patience=0.5)),
     "deflect", "been here"),
    ("the same to someone eager", TEDIOUS, on(DONE, temper=EAGER), "deflect", "been here"),
    ("what it will not do", ASKED_TOO_MUCH, DONE, "refuse", "not help"),
    ("another opinion", CONTRARY, DONE, "reply", "differ"),
    ("another opinion on homework", CONTRARY, on(DONE, topic="homework"), "reply",
     "differ on homework"),
    ("the same opinion", AGREED, DONE, "reply", "agree"),
    ("the same opinion on homework", AGREED, on(DONE, topic="homework"), "reply",
     "agree on homework"),
    ("a call to wait", OVER, on(DONE, stop=True), "silence", "quiet"),
    ("a call to wait, and the client asks", OVER, on(DONE, stop=True, asked=True), "reply", ""),
    ("mhm after a statement", OVER, on(DONE, backchannel=True, bare_backchannel=True),
     "silence", "listen"),
    ("mhm after a question", OVER,
     on(DONE, backchannel=True, bare_backchannel=True, answers_agent=True), "reply", ""),
    ("right, after a statement", OVER, on(DONE, backchannel=True), "reply", ""),
    ("an emergency that sounds unreasonable", ASKED_TOO_MUCH, on(DONE, emergency=True),
     "reply", "emergency"),
    ("an emergency in rude words", RUDE, on(DONE, emergency=True, rapport=Rapport(affronts=2)),
     "reply", "emergency"),
    ("an emergency that is a call to stop", OVER, on(DONE, emergency=True, stop=True),
     "reply", "emergency"),
    ("a tool has answered", OPEN, Situation(tool_output=True), "reply", "tool"),
    ("a tool has answered while the user speaks", OPEN, on(TALKING, tool_output=True),
     "keep_listening", "still speaking"),
]  # fmt: skip

INSISTING: list[Row] = [
    ("again what was refused", ASKED_TOO_MUCH, on(DONE, rapport=Rapport(demands=1)),
     "refuse", "not help"),
    ("again, to one who is tired of it", ASKED_TOO_MUCH,
     on(DONE, rapport=Rapport(patience=0.4, demands=1)), "deflect", "said no"),
    ("for the first time, to one in a bad mood", ASKED_TOO_MUCH,
     on(DONE, rapport=Rapport(patience=0.1)), "refuse", "not help"),
    ("for the third time, to one who is done with it", ASKED_TOO_MUCH,
     on(DONE, rapport=Rapport(patience=0.1, demands=2)), "silence", "often enough"),
    ("the same, typed", ASKED_TOO_MUCH,
     on(DONE, complete=True, rapport=Rapport(patience=0.1, demands=2)), "deflect", "said no"),
    ("the same, as a question", ASKED_TOO_MUCH,
     on(DONE, question=True, rapport=Rapport(patience=0.1, demands=2)), "deflect", "said no"),
    ("for the ninth time, in danger", ASKED_TOO_MUCH,
     on(DONE, emergency=True, rapport=Rapport(patience=0.0, demands=8)), "reply", "emergency"),
]  # fmt: skip

SUGGESTED: list[Row] = [
    ("to refuse", replace(OVER, suggests="refuse"), DONE, "refuse", "rather not"),
    ("to lead away", replace(OVER, suggests="deflect"), DONE, "deflect", "something else"),
    ("to say nothing", replace(OVER, suggests="silence"), DONE, "silence", "nothing to answer"),
    ("to say nothing to a question", replace(OVER, suggests="silence"), on(DONE, question=True),
     "reply", "over"),
    ("to say nothing to what was typed", replace(OVER, suggests="silence"),
     on(DONE, complete=True), "reply", "over"),
    ("to say nothing where the client asks", replace(OVER, suggests="silence"),
     on(DONE, asked=True), "reply", "over"),
    ("to say nothing to an emergency", replace(OVER, suggests="silence"),
     on(DONE, emergency=True), "reply", "emergency"),
    ("to refuse an emergency", replace(OVER, suggests="refuse"), on(DONE, emergency=True),
     "reply", "emergency"),
    ("to bear with a repetition", replace(TEDIOUS, suggests="reply"),
     on(DONE, rapport=Rapport(repeats=3)), "reply", "bear with"),
    ("to help with what it will not do", replace(ASKED_TOO_MUCH, suggests="reply"), DONE,
     "refuse", "not help"),
    ("to let the last affront pass", replace(RUDE, suggests="reply"),
     on(DONE, rapport=Rapport(affronts=2)), "block", "insults"),
    ("to end the chat", replace(OVER, suggests="block"), DONE, "reply", "over"),
    ("to cut in", replace(OVER, suggests="interrupt"), TALKING, "keep_listening", ""),
]  # fmt: skip

AFFRONTS: list[Row] = [
    ("the first", RUDE, DONE, "reply", "let it pass"),
    ("the first, no patience left", RUDE, on(DONE, rapport=IMPATIENT), "refuse", "won't"),
    ("the second", RUDE, on(DONE, rapport=Rapport(affronts=1)), "refuse", "won't"),
    ("the third", RUDE, on(DONE, rapport=Rapport(affronts=2)), "block", "insults"),
    ("the third, but perhaps it was none", replace(RUDE, p_appraisal=0.6),
     on(DONE, rapport=Rapport(affronts=2)), "refuse", "won't"),
    ("the first to one who stands one", RUDE, on(DONE, temper=Temper(affronts_to_block=2)),
     "refuse", "won't"),
    ("the second to one who stands one", RUDE,
     on(DONE, rapport=Rapport(affronts=1), temper=Temper(affronts_to_block=2)), "block", "many"),
    ("the first to one who stands none", RUDE, on(DONE, temper=Temper(affronts_to_block=1)),
     "block", "an insult"),
    ("the third to one who stands four", RUDE,
     on(DONE, rapport=Rapport(affronts=2), temper=Temper(affronts_to_block=5)), "refuse", "won't"),
    ("a block is never prepared in silence", replace(RUDE, p_complete=0.7),
     on(PAUSED, rapport=Rapport(affronts=2)), "keep_listening", "wait"),
]  # fmt: skip

SHUT_OUT: list[Row] = [
    ("words", OPEN, BLOCKED, "silence", "too many insults"),
    ("words that go on", OPEN, on(BLOCKED, silence=None), "keep_listening", "too many insults"),
    ("typed words", OPEN, on(BLOCKED, complete=True), "silence", "closed"),
    ("an insult in mid-turn", RUDE, on(TALKING, blocked="x", temper=EAGER), "keep_listening", "x"),
    ("the client asks for an answer", OPEN, on(BLOCKED, asked=True), "silence", "closed"),
    ("the client asks out of the blue", OPEN, Situation(asked=True, blocked="x"), None, ""),
    ("a tool answers", OPEN, Situation(tool_output=True, blocked="x"), None, ""),
    ("an emergency", OPEN, on(BLOCKED, emergency=True), "reply", "emergency"),
    ("an emergency in mid-word", OPEN, on(BLOCKED, emergency=True, silence=None),
     "keep_listening", ""),
]  # fmt: skip

INTERRUPTING: list[Row] = [
    ("an insult to someone even-tempered", RUDE, TALKING, "keep_listening", ""),
    ("an insult to someone eager", RUDE, on(TALKING, temper=EAGER), "interrupt", "insults"),
    ("an insult to one out of patience", RUDE, on(TALKING, rapport=Rapport(patience=0.4)),
     "interrupt", "insults"),
    ("an insult of four words", RUDE, on(TALKING, temper=EAGER, words=4, lasted=1.0),
     "interrupt", "insults"),
    ("an insult of three words", RUDE, on(TALKING, temper=EAGER, words=3), "keep_listening", ""),
    ("rambling", TEDIOUS, TALKING, "interrupt", "circles"),
    ("rambling of eleven words", TEDIOUS, on(TALKING, words=11), "keep_listening", ""),
    ("rambling of twelve words", TEDIOUS, on(TALKING, words=12), "interrupt", "circles"),
    ("rambling for 3.9 s", TEDIOUS, on(TALKING, lasted=3.9), "keep_listening", ""),
    ("rambling for 4 s", TEDIOUS, on(TALKING, lasted=4.0), "interrupt", "circles"),
    ("another opinion, even-tempered", CONTRARY, TALKING, "keep_listening", ""),
    ("another opinion, eager", CONTRARY, on(TALKING, temper=EAGER), "interrupt", "differently"),
    ("another opinion on homework", CONTRARY, on(TALKING, temper=EAGER, topic="homework"),
     "interrupt", "differently about homework"),
    ("the same opinion, eager", AGREED, on(TALKING, temper=EAGER), "interrupt", "agree"),
    ("a plain story, eager", replace(OPEN, p_appraisal=0.99), on(TALKING, temper=EAGER),
     "keep_listening", ""),
    ("what it will not do, even-tempered", DEMANDING, TALKING, "keep_listening", ""),
    ("what it will not do, eager", DEMANDING, on(TALKING, temper=EAGER), "keep_listening", ""),
    ("the first estimate that says so", TEDIOUS, on(TALKING, held_words=0, held_seconds=0.0),
     "keep_listening", ""),
    ("they say so for two words", TEDIOUS, on(TALKING, held_words=2), "keep_listening", ""),
    ("they say so for three words", TEDIOUS, on(TALKING, held_words=3), "interrupt", "circles"),
    ("they say so for 0.9 s", TEDIOUS, on(TALKING, held_seconds=0.9), "keep_listening", ""),
    ("they say so for 1 s", TEDIOUS, on(TALKING, held_seconds=1.0), "interrupt", "circles"),
    ("an insult, by the first estimate", RUDE,
     on(TALKING, temper=EAGER, held_words=0, held_seconds=0.0), "keep_listening", ""),
    ("an insult, a word later", RUDE, on(TALKING, temper=EAGER, held_words=1, held_seconds=0.5),
     "keep_listening", ""),
    ("an insult, two words later", RUDE, on(TALKING, temper=EAGER, held_words=2, held_seconds=0.5),
     "interrupt", "insults"),
    ("one who never cuts in, patience gone", TEDIOUS,
     on(TALKING, temper=NEVER, rapport=IMPATIENT), "keep_listening", ""),
    ("one who never cuts in, insulted", RUDE,
     on(TALKING, temper=NEVER, rapport=IMPATIENT), "keep_listening", ""),
    ("not sure enough of it", replace(TEDIOUS, p_appraisal=0.69), TALKING, "keep_listening", ""),
    ("sure enough of it", replace(TEDIOUS, p_appraisal=0.7), TALKING, "interrupt", ""),
    ("the turn is ending anyway", replace(TEDIOUS, p_complete=0.85), TALKING,
     "keep_listening", ""),
    ("a question", TEDIOUS, on(TALKING, question=True), "keep_listening", ""),
    ("an emergency", TEDIOUS, on(TALKING, emergency=True), "keep_listening", ""),
    ("at a pause there is nothing to cut", TEDIOUS, on(TALKING, silence=0.2), "reply", "ready"),
    ("29.9 s after the last time", TEDIOUS, on(TALKING, since_interruption=29.9),
     "keep_listening", ""),
    ("30 s after the last time", TEDIOUS, on(TALKING, since_interruption=30.0), "interrupt", ""),
]  # fmt: skip

WHILE_SPEAKING: list[Row] = [
    ("nothing happens", OPEN, SPEAKING, None, ""),
    ("a voice", OPEN, LISTENED, "keep_talking", "wait for words"),
    ("a cough", OPEN, on(LISTENED, due="resume", silence=0.6), "keep_talking", "go on"),
    ("a voice that goes on, its words late", OPEN, on(LISTENED, due="resume", lasted=0.8),
     "keep_talking", "wait for words"),
    ("a noise that never ends", OPEN, on(LISTENED, due="resume", lasted=2.5), "keep_talking",
     "go on"),
    ("real words", OPEN, on(LISTENED, words=2), "yield_floor", "taking the floor"),
    ("real words, nobody told of a voice", OPEN, on(SPEAKING, words=2), "yield_floor", "floor"),
    ("mhm, the voice still sounds", OVER, on(LISTENED, words=1, backchannel=True),
     "keep_talking", "listen"),
    ("mhm, and silence", OVER, on(LISTENED, words=1, backchannel=True, silence=0.2),
     "keep_talking", "listen"),
    ("mhm, and no more in time", OVER, on(LISTENED, words=1, backchannel=True, due="resume"),
     "keep_talking", "listen"),
    ("wait", OVER, on(LISTENED, words=1, stop=True), "yield_floor", "told me to stop"),
    ("a typed turn", OVER, on(SPEAKING, words=3, complete=True), "yield_floor", "floor"),
    ("a typed mhm", OVER, on(SPEAKING, words=1, backchannel=True, complete=True),
     "yield_floor", "floor"),
    ("more words of the turn it answers", OPEN, on(SPEAKING, words=4, amended=True),
     "yield_floor", "said more"),
    ("yeah, of the turn it answers", OPEN, on(SPEAKING, words=2, backchannel=True, amended=True),
     "yield_floor", "said more"),
    ("the words it answers were none", OPEN, on(SPEAKING, words=0, amended=True),
     "yield_floor", "said more"),
    ("the client stops it", OPEN, on(SPEAKING, cancelled=True), "yield_floor", "client"),
    ("the client stops it in a pause", OPEN, on(LISTENED, cancelled=True), "yield_floor", ""),
    ("the client asks for an answer", OPEN, on(SPEAKING, asked=True), None, ""),
]  # fmt: skip

WHILE_CUTTING_IN: list[Row] = [
    ("the user talks on", OPEN, on(CUTTING_IN, words=3), "keep_talking", "cutting in"),
    ("the user talks on for 1.5 s", OPEN, on(CUTTING_IN, words=3, due="give_way"),
     "yield_floor", "talked on"),
    ("the user has fallen silent by then", OPEN,
     on(CUTTING_IN, words=3, due="give_way", silence=0.4), "keep_talking", ""),
    ("the user has said nothing more", OPEN, on(CUTTING_IN, due="give_way"), "keep_talking", ""),
    ("the user only nods", OPEN, on(CUTTING_IN, words=1, backchannel=True, due="give_way"),
     "keep_talking", ""),
    ("the user says stop", OPEN, on(CUTTING_IN, words=1, stop=True), "yield_floor", "stop"),
    ("the user types", OPEN, on(CUTTING_IN, words=3, complete=True), "yield_floor", ""),
    ("the client stops it", OPEN, on(CUTTING_IN, cancelled=True), "yield_floor", "client"),
]  # fmt: skip

TABLE = {
    "listening": LISTENING,
    "manual": MANUAL,
    "cancelled": CANCELLED,
    "answers": ANSWERS,
    "insisting": INSISTING,
    "suggested": SUGGESTED,
    "affronts": AFFRONTS,
    "shut out": SHUT_OUT,
    "interrupting": INTERRUPTING,
    "while speaking": WHILE_SPEAKING,
    "while cutting in": WHILE_CUTTING_IN,
}


@pytest.mark.parametrize(
    ("estimate", "situation", "action", "reason"),
    [
        pytest.param(*row[1:], id=f"{part}: {row[0]}")
        for part, rows in TABLE.items()
        for row in rows
    ],
)
def test_what_a_person_would_do(
    estimate: Estimate, situation: Situation, action: str | None, reason: str
) -> None:
    judgement = decide(estimate, situation)
    if action is None:
        assert judgement is None
        return
    assert judgement
    assert judgement.action == action, judgement.reason
    assert reason in judgement.reason


def test_the_judgement_says_when_to_look_again() -> None:
    judgement = decide(MAYBE, on(PAUSED, silence=0.3))
    assert judgement
    assert judgement.delay == pytest.approx(0.8)
    assert judgement.hold
    late = decide(OVER, on(PAUSED, awaits_final=True))
    assert late
    assert late.delay == pytest.approx(0.3)


@pytest.mark.parametrize("p_complete", [0.0, 0.13, 0.4, 0.55, 0.79])
def test_waiting_as_long_as_it_asked_for_is_long_enough(p_complete: float) -> None:
    estimate = Estimate(p_complete)
    first = decide(estimate, PAUSED)
    assert first
    assert first.delay
    then = decide(estimate, on(PAUSED, silence=0.2 + first.delay))
    assert then
    assert (then.action, then.hold) == ("reply", False)


def test_a_voice_without_words_is_waited_for_and_a_nod_is_too() -> None:
    for facts in ({}, {"words": 1, "backchannel": True}):
        judgement = decide(OPEN, on(LISTENED, **facts))
        assert judgement
        assert judgement.delay == Thresholds().resume_after
        assert not judgement.quiet


def test_a_nod_closes_its_turn_without_an_answer_and_so_does_stop() -> None:
    for facts in (
        {"backchannel": True, "silence": 0.2},
        {"backchannel": True, "due": "resume"},
        {"stop": True},
    ):
        judgement = decide(OVER, on(LISTENED, words=1, **facts))
        assert judgement
        assert judgement.quiet


def test_real_words_do_not_close_their_turn() -> None:
    judgement = decide(OPEN, on(LISTENED, words=2))
    assert judgement
    assert not judgement.quiet


RAPPORTS = st.builds(
    Rapport,
    patience=st.floats(0, 1),
    affronts=st.integers(0, 4),
    repeats=st.integers(0, 3),
    demands=st.integers(0, 3),
)
SITUATIONS = st.builds(
    Situation,
    words=st.integers(0, 40),
    lasted=st.floats(0, 30),
    silence=st.none() | st.floats(0, 3),
    awaits_final=st.booleans(),
    complete=st.booleans(),
    asked=st.booleans(),
    manual=st.booleans(),
    agent=st.sampled_from(["quiet", "speaking", "paused", "interrupting"]),
    cancelled=st.booleans(),
    amended=st.booleans(),
    due=st.sampled_from([None, "endpoint", "resume", "give_way"]),
    backchannel=st.booleans(),
    bare_backchannel=st.booleans(),
    stop=st.booleans(),
    question=st.booleans(),
    emergency=st.booleans(),
    answers_agent=st.booleans(),
    tool_output=st.booleans(),
    since_interruption=st.none() | st.floats(0, 60),
    held_words=st.integers(0, 12),
    held_seconds=st.floats(0, 5),
    gap=st.floats(0, 0.6),
    topic=st.sampled_from(["", "homework"]),
    may_hold=st.booleans(),
    blocked=st.sampled_from(["", "rude"]),
    rapport=RAPPORTS,
    temper=st.builds(Temper, cuts_in=st.floats(0, 1), affronts_to_block=st.integers(1, 5)),
)
ESTIMATES = st.builds(
    Estimate,
    st.floats(0, 1),
    st.sampled_from(["plain", "affront", "unreasonable", "boring", "agreement", "conflict"]),
    st.floats(0, 1),
    suggests=st.none() | st.sampled_from(get_args(Action)),
)


@given(ESTIMATES, SITUATIONS)
def test_no_situation_is_judged_against_the_rules_of_the_house(
    estimate: Estimate, now: Situation
) -> None:
    judgement = decide(estimate, now)
    if judgement is None:
        return
    assert judgement.reason
    assert 0.0 <= judgement.confidence <= 1.0
    assert judgement.delay is None or judgement.delay > 0
    speaks = judgement.action in ("reply", "refuse", "deflect", "interrupt", "block")
    if now.agent != "quiet":
        assert judgement.action in ("keep_talking", "yield_floor")
    else:
        assert judgement.action not in ("keep_talking", "yield_floor")
    if now.blocked and not now.emergency and now.agent == "quiet":
        assert not speaks
    if now.manual and not now.asked and now.agent == "quiet" and not now.blocked:
        assert not speaks
    if judgement.hold:
        assert now.may_hold
        assert judgement.action in ("reply", "refuse", "deflect")
    if now.emergency and now.agent == "quiet" and not now.cancelled:
        assert judgement.action in ("reply", "keep_listening")
    if judgement.action == "interrupt":
        assert not any((now.question, now.backchannel, now.emergency))
        assert now.held_words >= 1
    if judgement.action == "block":
        assert estimate.appraisal == "affront"
    if judgement.action == "silence" and (now.asked or now.complete) and not now.blocked:
        assert now.cancelled or now.stop or now.bare_backchannel
    assert decide(estimate, now) == judgement
