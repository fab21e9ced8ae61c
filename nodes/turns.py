"""Who owns the words: the ear owns segments, the mind owns turns.

A partial names its segment; which turn its words belong to is decided here (design, section 3).
Pure functions of the dialogue and one event.
"""

from dataclasses import replace

from graph.events import Partial, SpeechStarted, SpeechStopped, TextTyped
from graph.state import Dialogue, Floor, Message, Turn
from nodes import history
from nodes.words import drop_words, words

STOP_SILENCE = 0.2
"""Seconds of silence that have passed when the ear says that speech has stopped."""

KEPT_SEGMENTS = 4
"""Segments of earlier turns whose late words still find a turn."""


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
    turn = dialogue.open_turn or _next_turn(dialogue.turn, event.at)
    turn = replace(
        turn,
        newest=max(turn.newest, event.segment),
        opened_at=turn.opened_at if turn.text else event.at,
        paused=_longest_pause(turn, event.at),
        silent_since=None,
        awaits_final=True,
        complete=False,
        asked=False,
    )
    utterance = dialogue.utterance
    if utterance and utterance.status == "speaking" and utterance.behaviour != "interrupt":
        utterance = replace(utterance, status="paused")  # the ear's reflex has done it already
    floor = dialogue.floor if dialogue.agent_speaks else "user"
    return replace(dialogue, turn=turn, floor=floor, utterance=utterance)


def _longest_pause(turn: Turn, at: float) -> float:
    if turn.silent_since is None or not turn.text:
        return turn.paused
    return max(turn.paused, at - turn.silent_since)


def speech_stopped(dialogue: Dialogue, event: SpeechStopped) -> Dialogue:
    """The silence counts from the moment the voice stopped."""
    turn = dialogue.open_turn
    if turn is None or event.segment < turn.newest:
        return dialogue
    wordless = not turn.text and not dialogue.agent_speaks
    return replace(
        dialogue,
        turn=replace(turn, silent_since=event.at),
        floor="open" if wordless else dialogue.floor,
    )


def typed(dialogue: Dialogue, event: TextTyped) -> Dialogue:
    """What is typed completes the open turn, or is one."""
    if not event.text.strip():
        return dialogue
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
    last, number = dialogue.turn, event.segment
    turn = dialogue.open_turn or _next_turn(last, event.at)
    if last is None or number in turn.segments:
        return _with_words(dialogue, turn, event)
    if number in last.segments:
        return _after_close(dialogue, last, event)
    if number in last.before:
        return _late_words(dialogue, turn, last.before[number], event)
    known = max([*last.segments, *last.before], default=0)
    if number <= known - KEPT_SEGMENTS:
        return stale(dialogue)
    return _with_words(dialogue, turn, event)  # its first words, be it a newer segment or not


def _after_close(dialogue: Dialogue, turn: Turn, event: Partial) -> Dialogue:
    """A partial of a turn that the mind has closed already."""
    number = event.segment
    taken = turn.owned.get(number, 0) + len(words(turn.segments[number]))
    if words(drop_words(event.text, turn.owned.get(number, 0))) == words(turn.segments[number]):
        return dialogue
    if _answer_has_begun(dialogue, turn):
        return _late_words(dialogue, _next_turn(turn, event.at), taken, event)
    messages = history.without(dialogue.messages, turn.id)
    reopened = replace(
        turn,
        closed=False,
        complete=bool(turn.typed),
        silent_since=turn.silent_since if event.final else None,
    )
    return _with_words(replace(dialogue, messages=messages), reopened, event)


def _answer_has_begun(dialogue: Dialogue, turn: Turn) -> bool:
    """Whether anything of it has been heard, or asked of a tool, that cannot be taken back."""
    answer = dialogue.utterance
    if answer and answer.turn == turn.id and (answer.sounded or answer.behaviour == "interrupt"):
        return True
    since = history.behind(dialogue.messages, turn.id) or []
    return any(message["role"] == "assistant" for message in since)


def _late_words(dialogue: Dialogue, turn: Turn, taken: int, event: Partial) -> Dialogue:
    """Words of a segment whose first `taken` words belong to the turn before."""
    if not drop_words(event.text, taken):
        return dialogue
    turn = replace(turn, owned=turn.owned | {event.segment: taken})
    return _with_words(dialogue, turn, event)


def _with_words(dialogue: Dialogue, turn: Turn, event: Partial) -> Dialogue:
    number = event.segment
    text = drop_words(event.text, turn.owned.get(number, 0)) if words(event.text) else ""
    changed = turn.segments.get(number, "") != text
    if number >= turn.newest:
        turn = _with_voice(turn, event)
    turn = replace(
        turn,
        segments=turn.segments | {number: text},
        words_at=event.at if changed else turn.words_at,
    )
    return replace(dialogue, turn=turn, floor=_floor(dialogue, turn))


def _with_voice(turn: Turn, event: Partial) -> Turn:
    """What the words of the newest segment tell of the voice, where nobody else tells it."""
    begins = event.segment > turn.newest
    silent_since = None if begins else turn.silent_since
    if event.final and silent_since is None:
        silent_since = event.at
    return replace(
        turn,
        newest=event.segment,
        opened_at=event.at if begins and not turn.text else turn.opened_at,
        silent_since=silent_since,
        awaits_final=not event.final,
    )


def _next_turn(last: Turn | None, at: float) -> Turn:
    if last is None:
        return Turn(id="t1", opened_at=at, words_at=at)
    own = {n: last.owned.get(n, 0) + len(words(text)) for n, text in last.segments.items()}
    taken = last.before | own
    before = {segment: taken[segment] for segment in sorted(taken)[-KEPT_SEGMENTS:]}
    return Turn(id=f"t{int(last.id[1:]) + 1}", opened_at=at, words_at=at, before=before)


def _floor(dialogue: Dialogue, turn: Turn) -> Floor:
    return "user" if turn.text and not dialogue.agent_speaks else dialogue.floor
