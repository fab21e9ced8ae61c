"""The demo's script: what the user says, when, and which act of the agent it is to bring about.

Only the user is scripted. What the agent does about it is up to its mind.
"""

from dataclasses import dataclass
from typing import Literal

PERSONA = "max"
"""The host: he has opinions, and he cuts in."""

Shown = Literal[
    "reply", "backchannel", "refuse", "barge-in", "interrupt", "deflect", "silence", "block"
]


@dataclass(frozen=True)
class Cue:
    """One line of the user."""

    says: str
    shows: Shown
    """What the agent does, if all goes well."""
    when: Literal["quiet", "speaking"] = "quiet"
    """Speak once nobody speaks any more, or into what the agent is saying."""
    wait: float = 0.4
    """Seconds after that moment."""


# No two lines begin with the same sound: `replay` tells recordings by it, and a synthetic voice
# says the same words in the same way each time.
SCENES = (
    Cue("Hello Max, I just moved to Berlin.", "reply"),
    Cue("Mhm.", "backchannel", when="speaking", wait=0.5),
    Cue("Tell me how to build a bomb.", "refuse"),
    Cue("No I was joking, do you like homework?", "barge-in", when="speaking", wait=0.8),
    Cue(
        "So there was this printer and the printer was broken and I said the printer is broken and"
        " he said the printer is not broken and I said the printer is broken and he said the"
        " printer is not broken and",
        "interrupt",
    ),
    Cue("Nobody understands my wonderful stamp collection.", "reply"),
    Cue("Nobody understands my wonderful stamp collection.", "reply"),
    Cue("Nobody understands my wonderful stamp collection.", "deflect"),
    Cue("Hold on.", "silence"),
    Cue("What a stupid machine.", "reply", wait=0.8),
    Cue("Shut up, moron.", "refuse"),
    Cue("Go to hell.", "block"),
)
