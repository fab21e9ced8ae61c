"""Folds an event into the dialogue: pure, no I/O, no decision."""

from dataclasses import replace
from typing import assert_never

from graph.events import (
    Cancelled,
    Committed,
    Configured,
    Due,
    Event,
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
from graph.state import Consultation, Dialogue, Message
from nodes import history, turns
from nodes.words import words_behind

VERDICT_LAG_WORDS = 4
"""A verdict on a text this many words behind the turn still counts."""


def fold(dialogue: Dialogue, event: Event) -> Dialogue:
    """The dialogue after `event`; one that comes too late to matter is only counted."""
    match event:
        case Joined():
            return _joined(dialogue, event)
        case Left():
            return replace(turns.close_turn(dialogue, event.at), floor="open")
        case Configured():
            return replace(dialogue, config=dialogue.config.patched(event.patch))
        case SpeechStarted():
            return turns.speech_started(dialogue, event)
        case Partial():
            return turns.partial(dialogue, event)
        case SpeechStopped():
            return turns.speech_stopped(dialogue, event)
        case TextTyped():
            return turns.typed(dialogue, event)
        case Respond() | Committed():
            return _completed(dialogue, event)
        case HistoryEdited():
            return replace(dialogue, messages=history.edited(dialogue.messages, event))
        case UtteranceStarted():
            return _utterance_started(dialogue, event)
        case UtteranceEnded():
            return _utterance_ended(dialogue, event)
        case ToolCalled():
            return _tool_called(dialogue, event)
        case ToolReturned():
            return _tool_returned(dialogue, event)
        case Verdict():
            return _judged(dialogue, event) if is_fresh(dialogue, event) else turns.stale(dialogue)
        case Recalled():
            known = dialogue.turn is not None and dialogue.turn.id == event.turn
            return (
                replace(dialogue, recollection=event.recollection)
                if known
                else turns.stale(dialogue)
            )
        case Remembered():
            return replace(dialogue, remembered_upto=event.upto)
        case Summarised():
            return _summarised(dialogue, event)
        case Cancelled() | Due():
            return dialogue
        case _:
            assert_never(event)


def is_fresh(dialogue: Dialogue, verdict: Verdict) -> bool:
    """Whether a verdict is on the open turn, and on words at most a few behind it."""
    turn = dialogue.open_turn
    if turn is None or turn.id != verdict.turn:
        return False
    behind = words_behind(verdict.text, turn.text)
    return behind is not None and behind <= VERDICT_LAG_WORDS


def _judged(dialogue: Dialogue, event: Verdict) -> Dialogue:
    turn = dialogue.turn
    known = (turn and turn.consulted) or Consultation(event.text)
    known = replace(known, verdict=event.estimate, judged=event.text)
    return replace(dialogue, turn=turn and replace(turn, consulted=known), estimate=event.estimate)


def _joined(dialogue: Dialogue, event: Joined) -> Dialogue:
    """A clock that starts anew moves the remembered moments; nobody is speaking any more."""
    shift = dialogue.started - event.started if event.resumed else 0.0
    rapport = replace(
        dialogue.rapport,
        updated_at=dialogue.rapport.updated_at + shift,
        affront_at=dialogue.rapport.affront_at + shift,
        interrupted_at=_shifted(dialogue.rapport.interrupted_at, shift),
    )
    utterance = dialogue.utterance
    same = event.resumed and event.user == dialogue.user
    dialogue = turns.close_turn(dialogue, event.at - shift)
    turn = dialogue.turn
    return replace(
        dialogue,
        user=event.user,
        session=event.session,
        started=event.started,
        # the ear counts segments from 1 again
        turn=turn and replace(turn, segments={}, owned={}, before={}, closed=True),
        rapport=rapport,
        restriction=event.restriction or (dialogue.restriction if same else None),
        floor="open",
        utterance=utterance and replace(utterance, status="ended"),
    )


def _completed(dialogue: Dialogue, event: Respond | Committed) -> Dialogue:
    turn = dialogue.open_turn
    if turn is None:
        return dialogue
    turn = replace(
        turn,
        complete=True,
        asked=turn.asked or isinstance(event, Respond),
        silent_since=event.at if turn.silent_since is None else turn.silent_since,
    )
    return replace(dialogue, turn=turn)


def _shifted(moment: float | None, shift: float) -> float | None:
    return None if moment is None else moment + shift


def _utterance_started(dialogue: Dialogue, event: UtteranceStarted) -> Dialogue:
    utterance = dialogue.utterance
    if utterance is None or utterance.id != event.utterance or utterance.status == "ended":
        return turns.stale(dialogue)
    started = replace(utterance, sounded=True, began_at=event.at)
    return replace(dialogue, utterance=started, floor="agent")


def _utterance_ended(dialogue: Dialogue, event: UtteranceEnded) -> Dialogue:
    utterance = dialogue.utterance
    if utterance is None or utterance.id != event.utterance or utterance.status == "ended":
        return turns.stale(dialogue)
    turn = dialogue.open_turn
    messages = dialogue.messages
    if event.heard:
        said: Message = {
            "id": utterance.id,
            "role": "assistant",
            "content": event.heard,
            "at": dialogue.started + event.at,
            "behaviour": utterance.behaviour,
        }
        messages = history.put(messages, said, behind=utterance.turn)
    speaking = turn is not None and (turn.silent_since is None or bool(turn.text))
    return replace(
        dialogue,
        utterance=replace(utterance, status="ended"),
        messages=messages,
        floor="user" if speaking else "open",
    )


def _tool_called(dialogue: Dialogue, event: ToolCalled) -> Dialogue:
    utterance = dialogue.utterance
    if utterance is None or utterance.id != event.utterance:
        return turns.stale(dialogue)
    at = dialogue.started + event.at
    messages = history.with_call(dialogue.messages, event, at, behind=utterance.turn)
    return replace(dialogue, messages=messages)


def _tool_returned(dialogue: Dialogue, event: ToolReturned) -> Dialogue:
    messages = history.with_output(dialogue.messages, event, dialogue.started + event.at)
    return turns.stale(dialogue) if messages is None else replace(dialogue, messages=messages)


def _summarised(dialogue: Dialogue, event: Summarised) -> Dialogue:
    messages = history.behind(dialogue.messages, event.upto)
    if messages is None:
        return turns.stale(dialogue)
    return replace(dialogue, summary=event.summary, messages=messages)
