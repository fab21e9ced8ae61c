"""What the estimates of a turn agree on: no interruption rests on one of them alone."""

from graph.events import Due, Partial, Verdict
from graph.state import Consultation, Dialogue, Estimate, Impression, Turn
from nodes.judge import judge_node
from nodes.judgement.interruption import impression_after
from tests.situations import (
    EAGER,
    Conversation,
    Opinionated,
    RecordingMind,
    dialogue_graph,
    persona_of,
)

PLAIN = Estimate(0.1, "plain", 0.9)
TEDIOUS = Estimate(0.1, "boring", 0.9)
RUDE = Estimate(0.1, "affront", 0.9)

Said = tuple[Estimate, int, float]


def after(*estimates: Said) -> Impression | None:
    """What (estimate, words, at) leave behind."""
    impression = None
    for estimate, words, at in estimates:
        impression = impression_after(impression, estimate, words, at)
    return impression


def test_it_begins_with_the_first_estimate_that_says_so_and_lasts() -> None:
    assert after((TEDIOUS, 12, 4.0)) == Impression("boring", 12, 12, 4.0)
    assert after((TEDIOUS, 12, 4.0), (TEDIOUS, 15, 5.0)) == Impression("boring", 12, 15, 4.0)


def test_plain_words_leave_none() -> None:
    assert after((PLAIN, 12, 4.0)) is None


def test_what_is_hardly_probable_leaves_none() -> None:
    assert after((Estimate(0.1, "boring", 0.55), 12, 4.0)) is None


def test_one_estimate_that_says_otherwise_does_not_break_it() -> None:
    said = after((TEDIOUS, 12, 4.0), (PLAIN, 13, 4.4), (TEDIOUS, 14, 4.8))
    assert said == Impression("boring", 12, 14, 4.0)


def test_four_words_without_support_break_it() -> None:
    plain = [(PLAIN, words, 4.0) for words in (13, 14, 15)]
    assert after((TEDIOUS, 12, 4.0), *plain) == Impression("boring", 12, 12, 4.0)
    assert after((TEDIOUS, 12, 4.0), *plain, (PLAIN, 16, 5.0)) is None
    again = after((TEDIOUS, 12, 4.0), *plain, (PLAIN, 16, 5.0), (TEDIOUS, 17, 6.0))
    assert again == Impression("boring", 17, 17, 6.0)


def test_partials_that_come_rarely_count_as_much() -> None:
    assert after((TEDIOUS, 12, 4.0), (TEDIOUS, 22, 7.0)) == Impression("boring", 12, 22, 4.0)


def test_another_appraisal_begins_anew() -> None:
    assert after((TEDIOUS, 12, 4.0), (RUDE, 13, 4.4)) == Impression("affront", 13, 13, 4.4)


async def saying(
    *estimates: Said, turn: Turn | None = None, mind: RecordingMind | None = None
) -> Dialogue:
    """The judgement node on a turn that grows, each estimate on so many words."""
    estimator, dialogue = Opinionated(), Dialogue(turn=turn or Turn(id="t1"))
    judge = judge_node(estimator, persona_of)
    for estimate, words, at in estimates:
        estimator.says = estimate
        text = " ".join(f"w{n}" for n in range(words))
        assert dialogue.turn
        grown = {**vars(dialogue.turn), "segments": {1: text}}
        dialogue = Dialogue(turn=Turn(**grown), config=dialogue.config)
        dialogue = await judge(dialogue, Partial(at=at, text=text), mind or RecordingMind())
    return dialogue


async def test_it_is_kept_with_the_turn() -> None:
    dialogue = await saying((TEDIOUS, 12, 4.0), (TEDIOUS, 15, 5.0))
    assert dialogue.turn
    assert dialogue.turn.impression == Impression("boring", 12, 15, 4.0)


async def test_words_that_the_recogniser_takes_back_take_it_along() -> None:
    dialogue = await saying((TEDIOUS, 12, 4.0), (TEDIOUS, 15, 5.0), (TEDIOUS, 9, 5.5))
    assert dialogue.turn
    assert dialogue.turn.impression == Impression("boring", 9, 9, 5.5)


async def test_one_verdict_that_stands_while_the_turn_grows_counts_once() -> None:
    verdict = Estimate(0.1, "boring", 0.9, source="llm")
    text = " ".join(f"w{n}" for n in range(12))
    turn = Turn(id="t1", segments={1: text}, consulted=Consultation(text, verdict, text))
    told = Dialogue(turn=turn, estimate=verdict)
    event = Verdict(at=4.0, turn="t1", text=text, estimate=verdict)
    told = await judge_node(Opinionated(), persona_of)(told, event, RecordingMind())
    assert told.turn
    assert told.turn.impression == Impression("boring", 12, 12, 4.0)
    grown = await saying((PLAIN, 15, 6.0), turn=told.turn)
    assert grown.turn
    assert grown.estimate
    assert grown.estimate.appraisal == "boring", "the verdict stands"
    assert grown.turn.impression == Impression("boring", 12, 12, 4.0)


async def eager(says: Estimate) -> tuple[Conversation, Opinionated]:
    estimator = Opinionated()
    estimator.says = says
    talk = Conversation(dialogue_graph(estimator=estimator))
    await talk.send({"type": "configured", "patch": {"persona": "max"}})
    await talk.voice()
    await talk.passes(4.0)
    return talk, estimator


STORY = "and the fence is his and he said the fence is mine and".split()


async def test_time_that_passes_without_new_words_is_no_second_estimate() -> None:
    talk, _ = await eager(TEDIOUS)
    await talk.partial(" ".join(STORY))
    await talk.passes(2.0)
    await talk.send(Due(at=talk.now, name="endpoint"))
    assert talk.action == "keep_listening"
    await talk.partial(" ".join([*STORY, "so", "it", "is"]))
    assert talk.action == "interrupt"
    assert EAGER.eagerness > 0.9


async def test_a_single_slip_of_the_estimator_interrupts_nobody() -> None:
    talk, estimator = await eager(PLAIN)
    said = list(STORY)
    for number in range(30):
        estimator.says = TEDIOUS if number % 6 == 0 else PLAIN
        said.append(f"word{number}")
        await talk.passes(0.4)
        await talk.partial(" ".join(said))
    assert set(talk.actions) == {"keep_listening"}
