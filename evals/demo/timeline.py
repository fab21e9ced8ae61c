"""The book of the demo as rows for people, and what it has shown."""

from dataclasses import dataclass

from evals.demo.scenes import SCENES, Shown
from evals.demo.stage import Book
from server.protocol import server_messages as given

_MERELY = ("keep_listening", "keep_talking")


@dataclass(frozen=True)
class Row:
    """One line of the time line."""

    at: float
    who: str
    text: str


def rows(book: Book) -> list[Row]:
    """What was said and decided, in order."""
    found = [Row(begin, "user", cue.says) for begin, _, cue in book.spoken]
    reason = ""
    for at, message in book.messages:
        match message:
            case given.Judgement(action=action, hold=False) if action not in _MERELY:
                found.append(Row(at, "mind", f"{action.replace('_', ' ')}: {message.reason}"))
            case given.Judgement(action="keep_talking") if message.reason != reason:
                found.append(Row(at, "mind", f"keep talking: {message.reason}"))
            case given.UtteranceEnd(heard=heard, reason=ending):
                how = "" if ending == "finished" else f" ({ending})"
                found.append(Row(at, "agent", f"{heard}{how}"))
            case given.Blocked():
                found.append(Row(at, "mind", f"the chat is closed: {message.reason}"))
        if isinstance(message, given.Judgement):
            reason = message.reason
    return sorted(found, key=lambda row: row.at)


def acts(book: Book) -> set[Shown]:
    """What the agent was seen to do, from its own messages."""
    seen: set[Shown] = set()
    ends = {m.id: (at, m) for at, m in book.messages if isinstance(m, given.UtteranceEnd)}
    for _, message in book.messages:
        match message:
            case given.Utterance(id=number, behaviour=behaviour) if number in ends:
                if ends[number][1].heard:
                    seen.add(behaviour)
            case given.Judgement(action="silence"):
                seen.add("silence")
            case given.UtteranceEnd(reason="cut", heard=heard) if heard:
                seen.add("barge-in")
    for begin, end, cue in book.spoken:
        if cue.shows == "backchannel" and _talked_through(book, begin, end):
            seen.add("backchannel")
    return seen


def _talked_through(book: Book, begin: float, end: float) -> bool:
    """Whether an utterance began before, ended behind, and was not cut."""
    began = {m.id: at for at, m in book.messages if isinstance(m, given.Utterance)}
    return any(
        began[m.id] < begin and at > end and m.reason == "finished"
        for at, m in book.messages
        if isinstance(m, given.UtteranceEnd) and m.id in began
    )


def shown(book: Book) -> str:
    """Every act that the script is to bring about, with a mark where it was."""
    seen = acts(book)
    wanted = dict.fromkeys(cue.shows for cue in SCENES)
    return "  ".join(f"{'+' if act in seen else '-'} {act}" for act in wanted)
