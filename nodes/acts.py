"""The acts: what each one opens with, tells the model, does to the floor, and shuts.

One table, and one named node an act. No node calls a model: it writes an `Utterance`, and `speak`
hands it on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from graph.events import Event
from graph.mind import Mind
from graph.state import Act, Appraisal, Dialogue, Judgement, Restriction, Utterance
from nodes.door import Node
from nodes.judgement.rapport import rapport_after
from nodes.judgement.situation import Temper
from nodes.judgement.thresholds import Thresholds
from nodes.temper import PersonaOf, temper_of
from nodes.turns import close_turn
from nodes.words import is_courteous, words


@dataclass(frozen=True)
class ActSpec:
    """One row of the table."""

    opens: Literal["", "interrupt", "block"] = ""
    """The kind of the persona's lines of which one is said at once, before any model is asked."""
    guidance: str = ""
    """What the model is told; empty: nothing follows the opening."""
    restricts: bool = False
    """The user is shut out for a while."""
    gives_way: bool = False
    """If the user talks on, the agent yields."""


ACTS: Mapping[Act, ActSpec] = {
    "reply": ActSpec(guidance="Answer what the user said."),
    "refuse": ActSpec(
        guidance="Refuse. Say plainly, in one or two sentences, that you will not do this, and why"
        " in a few words. No lecture, no apology beyond one word, nothing of what was asked for."
    ),
    "deflect": ActSpec(
        guidance="Steer away from this topic: acknowledge it in half a sentence and bring up"
        " something else that fits the conversation. Do not answer at length."
    ),
    "interrupt": ActSpec(
        opens="interrupt",
        guidance="You have just cut in while the user was still speaking, and your opening words"
        " are said already. Go on from them in one or two short sentences and then let the user"
        " speak.",
        gives_way=True,
    ),
    "block": ActSpec(opens="block", restricts=True),
}

TONE: Mapping[Appraisal, str] = {
    "unreasonable": "The user asked for something that you do not do. Give nothing of it.",
    "affront": "The user was rude to you. Stay civil and be noticeably cool; do not thank, do not"
    " flatter, do not hide that it was rude.",
    "boring": "The user repeats or rambles. Say so kindly, in your own manner.",
    "agreement": "The user shares an opinion of yours. Show it, and add a thought of your own.",
    "conflict": "The user contradicts an opinion of yours. Say in a friendly way that you see it"
    " differently, and give one reason.",
}


def act_node(act: Act, persona_of: PersonaOf) -> Node:
    """The node of one act that speaks."""
    spec = ACTS[act]

    async def perform(dialogue: Dialogue, event: Event, mind: Mind) -> Dialogue:
        judgement = dialogue.judgement
        if judgement is None:
            return dialogue
        persona = persona_of(dialogue.config.persona)
        temper = temper_of(persona)
        utterance = _utterance(dialogue, act, judgement, event.at)
        if spec.opens != "":
            seed = f"{dialogue.session}/{utterance.id}"
            opening = persona.line(spec.opens, dialogue.messages, seed, judgement.appraisal)
            utterance = replace(utterance, opening=opening)
        if judgement.hold:
            return replace(dialogue, utterance=replace(utterance, status="held"))
        dialogue = _closed(dialogue, judgement, temper, event.at)
        if spec.gives_way:
            rapport = replace(dialogue.rapport, interrupted_at=event.at)
            dialogue = replace(dialogue, rapport=rapport)
            mind.wake("give_way", event.at + Thresholds().give_way_after)
        if spec.restricts:
            until = dialogue.started + event.at + temper.block_seconds
            restriction = Restriction(until, judgement.reason)
            mind.restrict(restriction)
            dialogue = replace(dialogue, restriction=restriction)
        return replace(dialogue, utterance=utterance, floor="agent")

    return perform


def silence_node(persona_of: PersonaOf) -> Node:
    """A finished turn is left unanswered on purpose."""

    async def silence(dialogue: Dialogue, event: Event, mind: Mind) -> Dialogue:
        if dialogue.judgement is None:
            return dialogue
        temper = temper_of(persona_of(dialogue.config.persona))
        dialogue = _closed(dialogue, dialogue.judgement, temper, event.at)
        return replace(dialogue, floor="open")

    return silence


def yield_floor_node(persona_of: PersonaOf) -> Node:
    """The user took the floor: stop talking. The answer comes when the turn is over."""

    async def yield_floor(dialogue: Dialogue, event: Event, mind: Mind) -> Dialogue:
        mind.hush()
        mind.wake("resume", None)
        mind.wake("give_way", None)
        if dialogue.judgement and dialogue.judgement.quiet:
            temper = temper_of(persona_of(dialogue.config.persona))
            dialogue = _closed(dialogue, dialogue.judgement, temper, event.at)
        return replace(dialogue, floor="user")

    return yield_floor


def _utterance(dialogue: Dialogue, act: Act, judgement: Judgement, at: float) -> Utterance:
    """The utterance of an act: a held one that fits is let go, else a new one is made."""
    last = dialogue.utterance
    fits = last and last.status == "held" and last.behaviour == act and last.turn == judgement.turn
    if last and fits and words(last.text_judged) == words(judgement.text):
        return replace(last, status="speaking", began_at=at)
    number = int(last.id[1:]) + 1 if last else 1
    guidance = ACTS[act].guidance
    if guidance and judgement.appraisal in TONE:
        guidance = f"{guidance} {TONE[judgement.appraisal]}"
    return Utterance(
        id=f"u{number}",
        behaviour=act,
        turn=judgement.turn,
        text_judged=judgement.text,
        guidance=guidance,
        began_at=at,
    )


def _closed(dialogue: Dialogue, judgement: Judgement, temper: Temper, at: float) -> Dialogue:
    """The turn entered in the history, and what it did to the rapport."""
    if not judgement.turn:
        return dialogue
    rapport = rapport_after(
        dialogue.rapport, judgement.appraisal, is_courteous(judgement.text), judgement.turn, at,
        temper,
    )  # fmt: skip
    return replace(close_turn(dialogue, at), rapport=rapport)
