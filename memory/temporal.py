"""Temporal signals: what time tells about a conversation, as values and as lines to read.

Pure functions. A session is a run of exchanges without a gap longer than `SESSION_GAP`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import pairwise

from graph.state import Exchange
from memory.words import terms

SESSION_GAP = 1800.0
"""Seconds without an exchange after which a new session begins."""
UNITS = (
    ("year", 31_557_600), ("month", 2_629_800), ("day", 86_400), ("hour", 3600), ("minute", 60)
)  # fmt: skip
COMES_BACK = 2
"""Earlier turns from which on a word counts as a topic that came back."""


@dataclass(frozen=True)
class Session:
    """A run of exchanges: unix seconds of the first and the last, and how many."""

    start: float
    end: float
    exchanges: int


@dataclass(frozen=True)
class Topic:
    """What the user came back to: the word as said now, and when it was there before."""

    word: str
    turns: int
    sessions: int
    last_at: float
    """Unix seconds."""


@dataclass(frozen=True)
class Signals:
    """What time tells at `now` (unix seconds)."""

    now: float
    current: Session | None
    """The session that goes on; None where the user has just come, or come back."""
    previous: Session | None
    """The newest session that is over."""
    topic: Topic | None


def sessions(times: Sequence[float], gap: float = SESSION_GAP) -> list[Session]:
    """The sessions that exchanges at these moments (ascending) fall into."""
    starts = [at for at, (a, b) in enumerate(pairwise(times), start=1) if b - a > gap]
    edges = [0, *starts, len(times)] if times else []
    return [Session(times[a], times[b - 1], b - a) for a, b in pairwise(edges)]


def read(history: Sequence[Session], recent: Sequence[Exchange], query: str, now: float) -> Signals:
    """The signals, from all sessions of a user and the texts of the recent exchanges."""
    past = list(history)
    current = past.pop() if past and now - past[-1].end <= SESSION_GAP else None
    return Signals(
        now=now,
        current=current,
        previous=past[-1] if past else None,
        topic=topic_that_came_back(query, recent, history),
    )


def topic_that_came_back(
    query: str, recent: Sequence[Exchange], within: Sequence[Session]
) -> Topic | None:
    """The content word of the query that most earlier turns of the user had, if enough had it."""
    asked = dict.fromkeys(terms(query))
    holding = [(turn.at, asked.keys() & set(terms(turn.user))) for turn in recent]
    seen = Counter(word for _, words in holding for word in words)
    word = max(asked, key=lambda word: seen[word], default="")
    if seen[word] < COMES_BACK:
        return None
    moments = [at for at, words in holding if word in words]
    return Topic(
        word=_as_said(word, query),
        turns=seen[word],
        sessions=sum(any(s.start <= at <= s.end for at in moments) for s in within),
        last_at=moments[-1],
    )


def render(signals: Signals, zone: tzinfo | None = None) -> str:
    """The signals as short lines. Local time is that of `zone`, or of this machine."""
    now, current, previous, topic = signals.now, signals.current, signals.previous, signals.topic
    lines = [_clock(now, zone)]
    if current:
        lines.append(
            f"This session: {_span(now - current.start)}, {_exchanges(current.exchanges)};"
            f" the last one {_ago(now - current.end)}."
        )
    if previous:
        lines.append(
            f"The session before ended {_ago(now - previous.end)}, on {day(previous.end, zone)};"
            f" it lasted"
            f" {_span(previous.end - previous.start)}, {_exchanges(previous.exchanges)}."
        )
    else:
        lines.append("There was no session before this one.")
    if topic:
        within = f" in {topic.sessions} sessions" if topic.sessions > 1 else ""
        lines.append(
            f"The user came back to “{topic.word}”: {topic.turns} earlier turns{within},"
            f" the last {_ago(now - topic.last_at)}."
        )
    return "\n".join(lines)


def local(at: float, zone: tzinfo | None) -> datetime:
    """The moment as local time of `zone`, or of this machine."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone)


def day(at: float, zone: tzinfo | None) -> str:
    """The date in words: "3 May 2026"."""
    moment = local(at, zone)
    return f"{moment.day} {moment:%B %Y}"


def _clock(now: float, zone: tzinfo | None) -> str:
    moment = local(now, zone)
    hour = moment.hour
    part = (
        "night" if hour < 5 or hour >= 22
        else "morning" if hour < 12
        else "afternoon" if hour < 18
        else "evening"
    )  # fmt: skip
    return f"It is {moment:%A} {part}, {moment:%H:%M}, {day(now, zone)}."


def _ago(seconds: float) -> str:
    return f"{_span(seconds)} ago" if seconds >= 1 else "just now"


def _span(seconds: float) -> str:
    """A length of time in its largest unit, rounded down: "3 days"."""
    for unit, length in UNITS:
        if seconds >= length:
            return _count(int(seconds // length), unit)
    return _count(max(int(seconds), 0), "second")


def _exchanges(count: int) -> str:
    return _count(count, "exchange")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _as_said(term: str, query: str) -> str:
    """The whole word that the term was cut from; the term itself in Chinese."""
    for word in query.split():
        if term in terms(word):
            return word.strip(".,!?;:\"'()…“”").lower() if word.isascii() else term
    return term
