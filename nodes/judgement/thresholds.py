"""All numbers of the policy, with their units."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from graph.state import Appraisal


@dataclass(frozen=True)
class CutIn:
    """What it takes to cut in on one appraisal. All of it has to be there."""

    readiness: float
    """Readiness of the persona to interrupt, see `nodes.judgement.interruption.readiness`."""
    certain: float
    """Probability of the appraisal."""
    words: int
    """Words that the turn has."""
    seconds: float
    """Seconds that the turn has lasted."""
    held_words: int
    """Words said since the estimates began to say so: one estimate is never enough."""
    held_seconds: float
    """Seconds passed since then."""


CUT_INS: Mapping[Appraisal, CutIn] = {
    "affront": CutIn(0.5, 0.85, words=4, seconds=0.0, held_words=2, held_seconds=0.3),
    "boring": CutIn(0.25, 0.7, words=12, seconds=4.0, held_words=3, held_seconds=1.0),
    "conflict": CutIn(0.6, 0.7, words=12, seconds=4.0, held_words=3, held_seconds=1.0),
    "agreement": CutIn(0.9, 0.7, words=12, seconds=4.0, held_words=2, held_seconds=0.6),
}


@dataclass(frozen=True)
class Thresholds:
    """When the policy does what."""

    wait_for_verdict: float = 0.8
    """Seconds that the answer to a complete turn waits for the LLM judge, if one was asked."""
    answer_after: float = 0.2
    """Seconds of silence before the answer to a turn that is surely over, for a persona of no
    particular pace."""
    wait_at_most: float = 2.0
    """Seconds of silence before the answer to a turn that sounds unfinished."""
    surely_over: float = 0.8
    """Probability of completion from which the persona's own pace is all that is waited for."""
    surely_open: float = 0.2
    """Probability of completion below which the wait is `wait_at_most`."""
    own_pace: float = 0.65
    """Share of the longest silence within a turn that is waited for at its end: whoever has paused
    for long and gone on may do so again."""
    own_pace_at_most: float = 0.8
    """Seconds that the speaker's own pace can ask for."""
    emergency_wait: float = 0.7
    """Seconds of silence before the answer to an emergency, however unfinished it sounds."""
    late_words: float = 0.3
    """Seconds granted to a recogniser that still owes its last words."""
    hold_above: float = 0.4
    """Probability of completion from which an answer is prepared in silence."""

    resume_after: float = 0.8
    """Seconds without words after which a paused agent goes on."""
    wait_for_words: float = 2.4
    """Seconds that a paused agent waits for the words of a voice that sounds on and on: a slow
    recogniser must not make it talk into somebody's sentence."""
    give_way_after: float = 1.5
    """Seconds that the user may talk into the agent's interruption before it gives way."""

    cut_in: Mapping[Appraisal, CutIn] = field(default_factory=lambda: CUT_INS)
    """What may be interrupted; an appraisal that is not here never is."""
    cool_down: float = 30.0
    """Seconds between two interruptions."""
    suspects: float = 0.6
    """Probability from which an appraisal counts towards an interruption."""
    forgets_after: int = 3
    """Words without an estimate that says so again, after which that count begins anew."""

    block_certain: float = 0.7
    """Probability of an affront below which it never ends the chat."""
    warns_below: float = 0.3
    """Patience below which even the first affront is refused."""
    deflects_at: float = 0.5
    """Readiness to interrupt from which a repetition is led away from at once. Who is calmer bears
    with the first."""
    tired_of_asking: float = 0.45
    """Patience below which one who asks again for what was refused is led away."""
    done_with_asking: float = 0.25
    """Patience below which one who asks a third time gets no answer."""


DEFAULTS = Thresholds()
