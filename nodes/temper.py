"""A persona as the policy needs it."""

from collections.abc import Callable

from nodes.judgement.situation import Temper
from nodes.persona import Persona

PersonaOf = Callable[[str], Persona]
"""A persona by its name; the default one for an empty name, `BadInput` for an unknown one."""


def temper_of(persona: Persona) -> Temper:
    """How it behaves, in numbers."""
    return Temper(
        cuts_in=persona.eagerness,
        affronts_to_block=persona.affronts_to_block,
        block_seconds=60 * persona.block_minutes,
        patience=persona.patience.start,
        recovery_per_minute=persona.patience.recovers_per_minute,
        gap=(persona.gap.shortest, persona.gap.longest),
    )
