"""The LLM judge in a dialogue: when it is asked, and what its verdict is worth while a turn grows.

Its answer comes later, as `Verdict`; nothing waits for it here. A newer question takes the place of
one that is still open, which is cancelled.
"""

import asyncio
from dataclasses import replace

from graph.events import Event, SpeechStopped, Verdict
from graph.mind import Mind, Work
from graph.state import Consultation, Dialogue, Estimate, Turn
from nodes.door import Node
from nodes.fold import VERDICT_LAG_WORDS
from nodes.judgement.estimator import Estimator, View, view_of
from nodes.temper import PersonaOf
from nodes.turns import STOP_SILENCE
from nodes.words import is_backchannel, words, words_behind

CONSULT_AFTER_WORDS = 3
"""While the user speaks: words for the first question, and from one that is answered to the next.
"""


def consult_node(llm_judge: Estimator, persona_of: PersonaOf) -> Node:
    """The node that asks the LLM judge about the open turn where it has grown enough."""

    async def consult(dialogue: Dialogue, event: Event, mind: Mind) -> Dialogue:
        turn = dialogue.open_turn
        if turn is None or not _worth_asking(dialogue, turn, event.at):
            return dialogue
        opinions = persona_of(dialogue.config.persona).opinions
        now = event.at + (STOP_SILENCE if isinstance(event, SpeechStopped) else 0.0)
        mind.start(_question(llm_judge, turn, view_of(dialogue, turn, opinions), now))
        known = turn.consulted or Consultation("")
        return replace(dialogue, turn=replace(turn, consulted=replace(known, asked=turn.text)))

    return consult


def verdict_on(turn: Turn) -> Estimate | None:
    """The verdict on just these words, if there is one."""
    consulted = turn.consulted
    same = consulted is not None and words(consulted.judged) == words(turn.text)
    return consulted.verdict if consulted and same else None


def with_verdict(estimate: Estimate, turn: Turn) -> Estimate:
    """The estimate of a turn's words, with the appraisal of a verdict on them or a few fewer.

    What was said stays said when more words come; whether the turn is over does not.
    """
    if exact := verdict_on(turn):
        return exact
    consulted = turn.consulted
    if consulted is None or consulted.verdict is None:
        return estimate
    behind = words_behind(consulted.judged, turn.text)
    verdict = consulted.verdict
    if behind is None or behind > VERDICT_LAG_WORDS or verdict.source == estimate.source:
        return estimate
    both = f"{verdict.source}+{estimate.source}"
    return replace(verdict, p_complete=estimate.p_complete, source=both)


def awaits_verdict(turn: Turn) -> bool:
    """Whether the LLM judge was asked about just these words, and has not answered yet."""
    asked = turn.consulted.asked if turn.consulted else ""
    return bool(asked) and words(asked) == words(turn.text) and verdict_on(turn) is None


def _worth_asking(dialogue: Dialogue, turn: Turn, at: float) -> bool:
    """Whether there is something new: at a pause any word, in mid-speech several.

    In mid-speech an open question stands until its answer would come too late to count.
    """
    said = words(turn.text)
    known = turn.consulted or Consultation("")
    if not said or words(known.asked) == said or _shut_out(dialogue, at):
        return False
    if dialogue.agent_speaks and is_backchannel(turn.text):
        return False
    if turn.complete or turn.silent_since is not None:
        return True
    behind = words_behind(known.asked, turn.text)
    if behind is None:
        return len(said) >= CONSULT_AFTER_WORDS
    answered = known.asked == known.judged
    return behind >= CONSULT_AFTER_WORDS if answered else behind > VERDICT_LAG_WORDS


def _shut_out(dialogue: Dialogue, at: float) -> bool:
    restriction = dialogue.restriction
    return restriction is not None and restriction.until > dialogue.started + at


def _question(llm_judge: Estimator, turn: Turn, view: View, at: float) -> Work:
    loop = asyncio.get_running_loop()
    asked = loop.time()

    async def run() -> Event:
        estimate = await llm_judge.estimate(view)
        now = at + loop.time() - asked
        return Verdict(at=now, turn=turn.id, text=turn.text, estimate=estimate)

    return Work("verdict", run, twice="replace")
