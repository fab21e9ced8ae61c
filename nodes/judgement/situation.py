"""What the policy looks at: the facts of the moment, and the temper of the persona."""

from dataclasses import dataclass, field
from typing import Literal

from graph.state import Action, Estimate, Judgement, Rapport

AgentState = Literal["quiet", "speaking", "paused", "interrupting"]


@dataclass(frozen=True)
class Temper:
    """How a persona behaves, as the policy needs it."""

    cuts_in: float = 0.3
    """Readiness to interrupt, 0 (never) to 1."""
    affronts_to_block: int = 3
    """The affront in a row that ends the chat."""
    block_seconds: float = 600.0
    patience: float = 1.0
    """At the start, 0..1."""
    recovery_per_minute: float = 0.1
    """Patience that comes back by itself."""
    gap: tuple[float, float] = (0.1, 0.5)
    """Shortest and longest silence, in seconds, before it answers a turn that is surely over."""


@dataclass(frozen=True)
class Situation:
    """The facts of the moment, none of them guessed."""

    words: int = 0
    """Words of the open turn; 0: there is none."""
    lasted: float = 0.0
    """Seconds since the turn began."""
    silence: float | None = None
    """Seconds since the user's voice stopped; None while it sounds."""
    paused: float = 0.0
    """Seconds of the longest silence within this turn."""
    awaits_final: bool = False
    verdict_due: bool = False
    """The LLM judge was asked about just these words, and has not answered yet."""
    complete: bool = False
    """The client says that the turn is over."""
    asked: bool = False
    """The client asked for an answer now."""
    manual: bool = False
    """The client does all the turn-taking."""
    agent: AgentState = "quiet"
    cancelled: bool = False
    """The client told the agent to stop."""
    amended: bool = False
    """The words that the agent is answering have changed since."""
    due: Literal["endpoint", "resume", "give_way"] | None = None
    backchannel: bool = False
    bare_backchannel: bool = False
    stop: bool = False
    question: bool = False
    emergency: bool = False
    topic: str = ""
    """The topic of the persona's opinions that is being touched; empty: none."""
    answers_agent: bool = False
    """The agent's last words were a question."""
    tool_output: bool = False
    """All tools that the agent called have answered."""
    since_interruption: float | None = None
    """Seconds since the agent last cut in."""
    held_words: int = 0
    """Words between the first and the last estimate that say of this turn what the newest says."""
    held_seconds: float = 0.0
    """Seconds since the first of them."""
    may_hold: bool = True
    """An answer may be prepared before it is sure to be wanted."""
    gap: float = 0.2
    """Seconds of silence that the persona leaves before it answers this turn, if it is over."""
    blocked: str = ""
    """Why the user is shut out; empty: is not."""
    rapport: Rapport = field(default_factory=Rapport)
    """As it is now, see `nodes.judgement.rapport.aged`."""
    temper: Temper = field(default_factory=Temper)


def judged(
    action: Action,
    confidence: float,
    reason: str,
    estimate: Estimate,
    *,
    delay: float | None = None,
    hold: bool = False,
    quiet: bool = False,
) -> Judgement:
    """A judgement on an estimate."""
    return Judgement(
        action, round(confidence, 3), reason, delay, hold, quiet, appraisal=estimate.appraisal
    )
