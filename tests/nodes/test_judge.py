"""The judgement step by itself: what it reads off the moment, and what it asks of the session."""

from dataclasses import replace
from typing import Any, cast

import pytest

from graph.events import (
    Cancelled,
    Committed,
    Due,
    Event,
    Joined,
    Partial,
    Recalled,
    Respond,
    SpeechStarted,
    SpeechStopped,
    TextTyped,
    UtteranceStarted,
    Verdict,
)
from graph.state import (
    Config,
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
from nodes.judge import judge_node
from nodes.judgement.situation import Situation
from nodes.moment import situation_of
from tests.situations import EAGER, EPOCH, PERSONA, Opinionated, RecordingMind, persona_of

SAID = Turn(id="t1", segments={1: "I went to the market"}, newest=1, opened_at=1.0)
QUIET = replace(SAID, silent_since=4.0)
SPEAKS = Utterance(id="u1", behaviour="reply", turn="t0", sounded=True)


def moment(event: Event, turn: Turn | None = SAID, **fields: Any) -> Situation:
    return situation_of(Dialogue(started=EPOCH, turn=turn, **fields), event, PERSONA)


async def judged(
    event: Event, dialogue: Dialogue, says: Estimate | None = None
) -> tuple[Dialogue, RecordingMind]:
    estimator, mind = Opinionated(), RecordingMind()
    estimator.says = says
    if dialogue.agent_speaks:
        mind.sounding = "u1"
    if dialogue.utterance and dialogue.utterance.status == "held":
        mind.held = dialogue.utterance.id
    return await judge_node(estimator, persona_of)(dialogue, event, mind), mind


def message(role: str, content: str, **more: Any) -> Message:
    return cast(Message, {"id": content[:3], "role": role, "content": content, **more})


def test_the_clock_is_read_off_the_turn() -> None:
    now = moment(Partial(at=5.0, text="..."), QUIET)
    assert now.words == 5
    assert now.lasted == 4.0
    assert now.silence == 1.0
    assert moment(Partial(at=5.0, text="...")).silence is None


def test_when_the_ear_tells_of_silence_a_fifth_of_a_second_has_passed() -> None:
    assert moment(SpeechStopped(at=4.0, segment=1), QUIET).silence == 0.2
    assert moment(Due(at=3.9, name="endpoint"), QUIET).silence == 0.0


@pytest.mark.parametrize(
    ("utterance", "agent"),
    [
        (None, "quiet"),
        (SPEAKS, "speaking"),
        (replace(SPEAKS, status="paused"), "paused"),
        (replace(SPEAKS, status="held"), "quiet"),
        (replace(SPEAKS, status="ended"), "quiet"),
        (replace(SPEAKS, behaviour="interrupt"), "interrupting"),
        (replace(SPEAKS, behaviour="interrupt", status="ended"), "quiet"),
        (replace(SPEAKS, behaviour="block"), "speaking"),
    ],
)
def test_what_the_agent_is_doing(utterance: Utterance | None, agent: str) -> None:
    assert moment(Due(name="endpoint"), utterance=utterance).agent == agent


def test_the_agent_s_last_words_make_a_nod_an_answer() -> None:
    asked = [message("assistant", "Shall we go?"), message("user", "hm")]
    assert moment(Due(name="endpoint"), messages=asked).answers_agent
    told = [*asked, message("assistant", "We shall.")]
    assert not moment(Due(name="endpoint"), messages=told).answers_agent
    assert not moment(Due(name="endpoint")).answers_agent


def test_a_restriction_counts_while_it_lasts() -> None:
    rude = Restriction(EPOCH + 10.0, "too rude")
    assert moment(Partial(at=9.9, text="a"), restriction=rude).blocked == "too rude"
    assert moment(Partial(at=10.1, text="a"), restriction=rude).blocked == ""


def test_the_time_since_the_agent_cut_in() -> None:
    assert moment(Due(at=50.0, name="endpoint")).since_interruption is None
    cut = Rapport(interrupted_at=-20.0)
    assert moment(Due(at=5.0, name="endpoint"), rapport=cut).since_interruption == 25.0


def test_what_the_client_asks_for() -> None:
    assert moment(Respond()).asked
    assert not moment(Committed()).asked
    assert moment(Cancelled()).cancelled
    assert moment(Due(name="resume")).due == "resume"
    assert moment(Due(name="endpoint"), config=Config(turn_detection="manual")).manual
    assert moment(Due(name="endpoint"), replace(SAID, asked=True)).asked


def test_a_request_is_kept_until_it_is_answered() -> None:
    wordless = Turn(id="t1", asked=True)
    assert moment(Due(name="endpoint"), wordless).asked
    answer = Utterance(id="u1", behaviour="reply", turn="t1", status="ended")
    assert not moment(Due(name="endpoint"), wordless, utterance=answer).asked
    assert moment(Due(name="endpoint"), replace(SAID, asked=True), utterance=answer).asked


def test_words_that_came_late_amend_the_turn_that_is_answered() -> None:
    answer = Utterance(id="u1", behaviour="reply", turn="t1", text_judged="I went to")
    assert moment(Due(name="endpoint"), utterance=answer).amended
    same = replace(answer, text_judged="i went, to the market.")
    assert not moment(Due(name="endpoint"), utterance=same).amended
    assert not moment(Due(name="endpoint"), utterance=replace(answer, turn="t0")).amended
    assert not moment(Due(name="endpoint"), utterance=replace(answer, status="ended")).amended


def test_the_persona_s_temper_counts() -> None:
    dialogue = Dialogue(turn=SAID)
    temper = situation_of(dialogue, Due(name="endpoint"), EAGER).temper
    assert temper.cuts_in == 0.95
    assert temper.block_seconds == 600.0
    assert temper.recovery_per_minute == 0.1


@pytest.mark.parametrize(
    "event",
    [
        Joined(user="u", session="s", started=0.0),
        UtteranceStarted(utterance="u1"),
        Recalled(turn="t1", recollection=Recollection()),
    ],
    ids=lambda event: event.type,
)
async def test_events_that_leave_no_choice_are_not_judged(event: Event) -> None:
    before = Dialogue(turn=QUIET)
    after, mind = await judged(event, before)
    assert after is before
    assert mind.log == []


async def test_a_judgement_says_what_it_was_made_on() -> None:
    after, _ = await judged(Partial(at=3.0, text=SAID.text), Dialogue(turn=SAID), Estimate(0.4))
    judgement = after.judgement
    assert judgement
    assert (judgement.turn, judgement.text, judgement.at) == ("t1", SAID.text, 3.0)
    assert judgement.confidence == 0.6
    assert after.estimate == Estimate(0.4)


async def test_an_unfinished_turn_in_silence_is_to_be_looked_at_again() -> None:
    _, mind = await judged(
        SpeechStopped(at=4.0, segment=1), Dialogue(turn=QUIET), Estimate(0.5, p_appraisal=0.9)
    )
    assert mind.wakes["endpoint"] == pytest.approx(4.0 + 1.1)


async def test_a_turn_that_goes_on_is_looked_at_when_something_happens() -> None:
    dialogue, mind = Dialogue(turn=SAID), RecordingMind()
    mind.wake("endpoint", 9.0)
    await judge_node(Opinionated(), persona_of)(dialogue, Partial(at=3.0, text=SAID.text), mind)
    assert mind.wakes == {}


async def test_an_estimate_is_asked_for_with_what_was_said_before() -> None:
    estimator = Opinionated()
    talk = [
        message("user", "Hello."), message("assistant", "Hello you."),
        message("tool", "42", tool_call_id="c"), message("assistant", ""),
    ]  # fmt: skip
    dialogue = Dialogue(turn=SAID, messages=talk, config=Config(language="de"))
    await judge_node(estimator, persona_of)(dialogue, Partial(text=SAID.text), RecordingMind())
    (view,) = estimator.views
    assert view.text == SAID.text
    assert view.context == (("user", "Hello."), ("agent", "Hello you."))
    assert view.said_before == ("Hello.",)
    assert view.opinions == PERSONA.opinions
    assert view.language == "de"


async def test_a_wordless_turn_is_not_estimated() -> None:
    estimator = Opinionated()
    dialogue = Dialogue(turn=Turn(id="t1"), estimate=Estimate(0.9))
    after = await judge_node(estimator, persona_of)(
        dialogue, SpeechStarted(segment=1), RecordingMind()
    )
    assert estimator.views == []
    assert after.estimate is None


async def test_a_verdict_stands_in_for_the_estimator() -> None:
    estimator = Opinionated()
    said = Estimate(0.95, source="llm")
    verdict = Verdict(at=4.3, turn="t1", text=QUIET.text, estimate=said)
    dialogue = fold(Dialogue(turn=QUIET), verdict)
    after = await judge_node(estimator, persona_of)(dialogue, verdict, RecordingMind())
    assert estimator.views == []
    assert after.judgement
    assert after.judgement.action == "reply"


async def test_a_voice_pauses_the_agent_until_there_are_words() -> None:
    paused = replace(SPEAKS, status="paused")
    dialogue = Dialogue(turn=Turn(id="t1", opened_at=3.0), utterance=paused, floor="agent")
    after, mind = await judged(SpeechStarted(at=3.0, segment=1), dialogue)
    assert mind.log == ["pause"]
    assert mind.wakes == {"resume": 3.8}
    assert after.utterance == paused


async def test_no_words_in_time_and_the_agent_goes_on() -> None:
    paused = replace(SPEAKS, status="paused")
    cough = Turn(id="t1", opened_at=3.0, silent_since=3.2)
    dialogue = Dialogue(turn=cough, utterance=paused, floor="agent")
    after, mind = await judged(Due(at=3.8, name="resume"), dialogue)
    assert mind.log == ["resume"]
    assert after.utterance == SPEAKS


async def test_the_voice_sounds_on_and_its_words_are_late_the_agent_waits_once_more() -> None:
    paused = replace(SPEAKS, status="paused")
    dialogue = Dialogue(turn=Turn(id="t1", opened_at=3.0), utterance=paused, floor="agent")
    after, mind = await judged(Due(at=3.8, name="resume"), dialogue)
    assert mind.log == []
    assert mind.wakes == {"resume": pytest.approx(4.6)}
    assert after.utterance == paused


async def test_the_ear_s_reflex_is_undone_where_the_agent_keeps_cutting_in() -> None:
    cutting = replace(SPEAKS, behaviour="interrupt")
    dialogue = Dialogue(turn=Turn(id="t1", opened_at=3.0), utterance=cutting, floor="agent")
    after, mind = await judged(SpeechStarted(at=3.0, segment=1), dialogue)
    assert mind.log == ["resume"]
    assert mind.wakes == {"give_way": 4.5}
    assert after.utterance == cutting


async def test_an_outdated_prepared_answer_is_discarded() -> None:
    held = replace(SPEAKS, turn="t1", status="held", text_judged="I went to")
    after, mind = await judged(Partial(at=3.0, text=SAID.text), Dialogue(turn=SAID, utterance=held))
    assert mind.log == ["hush"]
    assert after.utterance
    assert after.utterance.status == "ended"


async def test_a_prepared_answer_to_the_same_words_is_kept() -> None:
    held = replace(SPEAKS, turn="t1", status="held", text_judged=SAID.text.upper() + "!")
    _, mind = await judged(Partial(at=3.0, text=SAID.text), Dialogue(turn=SAID, utterance=held))
    assert mind.log == []


async def test_a_persona_that_is_gone_is_bad_input() -> None:
    dialogue = Dialogue(turn=SAID, config=Config(persona="nobody"))
    with pytest.raises(ValueError, match="nobody"):
        await judged(TextTyped(text="Hello."), dialogue)
