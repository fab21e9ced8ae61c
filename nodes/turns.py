"""Who owns the words: the ear owns segments, the mind owns turns.

A partial names its segment; which turn its words belong to is decided here (design, section 3).
Pure functions of the dialogue and one event.
"""

from dataclasses import replace

from graph.events import Partial, SpeechStarted, SpeechStopped, TextTyped
from graph.state import Dialogue, Floor, Message, Turn
from nodes import history
from nodes.words import drop_words, words


def close_turn(dialogue: Dialogue, at: float) -> Dialogue:
    """Ends the open turn and enters it in the history; nothing happens to one without words."""
    turn = dialogue.open_turn
    if turn is None or not turn.text:
        return dialogue
    said: Message = {
        "id": turn.id,
        "role": "user",
        "content": turn.text,
        "at": dialogue.started + at,
    }
    messages = history.put(dialogue.messages, said)
    return replace(dialogue, turn=replace(turn, closed=True), messages=messages)


def stale(dialogue: Dialogue) -> Dialogue:
    """Counts an event that came too late to matter."""
    return replace(dialogue, stale=dialogue.stale + 1)


def speech_started(dialogue: Dialogue, event: SpeechStarted) -> Dialogue:
    """A voice sounds: it belongs to the open turn, or opens one."""
    turn = dialogue.open_turn
    if turn is None:
        turn = _next_turn(dialogue.turn, event.at)
    turn = replace(turn, silent_since=None, awaits_final=True)
    utterance = dialogue.utterance
    if utterance and utterance.status == "speaking" and utterance.behaviour != "interrupt":
        utterance = replace(utterance, status="paused")  # the ear's reflex has done it already
    floor = dialogue.floor if dialogue.agent_speaks else "user"
    return replace(dialogue, turn=turn, floor=floor, utterance=utterance)


def speech_stopped(dialogue: Dialogue, event: SpeechStopped) -> Dialogue:
    """The silence counts from the moment the voice stopped."""
    turn = dialogue.open_turn
    if turn is None:
        return dialogue
    return replace(dialogue, turn=replace(turn, silent_since=event.at))


def typed(dialogue: Dialogue, event: TextTyped) -> Dialogue:
    """What is typed completes the open turn, or is one."""
    turn = dialogue.open_turn or _next_turn(dialogue.turn, event.at)
    turn = replace(
        turn,
        typed=f"{turn.typed}\n{event.text}".strip(),
        words_at=event.at,
        silent_since=event.at,
        awaits_final=False,
        complete=True,
    )
    return replace(dialogue, turn=turn, floor=_floor(dialogue, turn))


def partial(dialogue: Dialogue, event: Partial) -> Dialogue:
    """Gives the words of a segment to the turn that they belong to."""
    turn = dialogue.turn
    if turn is None or (turn.closed and event.segment > max(turn.segments, default=0)):
        return _with_words(dialogue, _next_turn(turn, event.at), event)
    known = max([*turn.segments, *turn.before], default=0)
    if not turn.closed and (event.segment in turn.segments or event.segment > known):
        return _with_words(dialogue, turn, event)
    if not turn.closed and event.segment in turn.before:
        return _late_words(dialogue, turn, turn.before[event.segment], event)
    if turn.closed and event.segment in turn.segments:
        return _after_close(dialogue, turn, event)
    return stale(dialogue)


def _after_close(dialogue: Dialogue, turn: Turn, event: Partial) -> Dialogue:
    """A partial of a turn that the mind has closed already."""
    number = event.segment
    taken = turn.owned.get(number, 0) + len(words(turn.segments[number]))
    if words(drop_words(event.text, turn.owned.get(number, 0))) == words(turn.segments[number]):
        return dialogue
    utterance = dialogue.utterance
    answered = utterance is not None and utterance.turn == turn.id
    if answered and utterance and (utterance.sounded or utterance.behaviour == "interrupt"):
        return _late_words(dialogue, _next_turn(turn, event.at), taken, event)
    messages = history.without(dialogue.messages, turn.id)
    reopened = replace(turn, closed=False, complete=bool(turn.typed))
    return _with_words(replace(dialogue, messages=messages), reopened, event)


def _late_words(dialogue: Dialogue, turn: Turn, taken: int, event: Partial) -> Dialogue:
    """Words of a segment whose first `taken` words belong to the turn before."""
    if not drop_words(event.text, taken):
        return dialogue
    turn = replace(turn, owned=turn.owned | {event.segment: taken})
    return _with_words(dialogue, turn, event)


def _with_words(dialogue: Dialogue, turn: Turn, event: Partial) -> Dialogue:
    number = event.segment
    text = drop_words(event.text, turn.owned.get(number, 0))
    fresh = number not in turn.segments
    changed = turn.segments.get(number, "") != text
    silent_since = None if fresh and not turn.segments else turn.silent_since
    if event.final and silent_since is None:
        silent_since = event.at
    turn = replace(
        turn,
        segments=turn.segments | {number: text},
        words_at=event.at if changed else turn.words_at,
        silent_since=silent_since,
        awaits_final=not event.final,
    )
    return replace(dialogue, turn=turn, floor=_floor(dialogue, turn))


def _next_turn(last: Turn | None, at: float) -> Turn:
    number = int(last.id[1:]) + 1 if last else 1
    taken: dict[int, int] = {}
    if last:
        for segment, text in last.segments.items():
            taken[segment] = last.owned.get(segment, 0) + len(words(text))
    return Turn(id=f"t{number}", opened_at=at, words_at=at, before=taken)


def _floor(dialogue: Dialogue, turn: Turn) -> Floor:
    return "user" if turn.text and not dialogue.agent_speaks else dialogue.floor
