"""The first step: folds the event into the dialogue."""

from dataclasses import replace

from graph.events import Configured, Event
from graph.mind import Mind
from graph.state import Dialogue
from nodes.door import Node
from nodes.fold import fold
from nodes.temper import PersonaOf


def perceive_node(persona_of: PersonaOf) -> Node:
    """The node. `persona_of` refuses a persona that does not exist before it is taken over."""

    async def perceive(dialogue: Dialogue, event: Event, mind: Mind) -> Dialogue:
        after = fold(replace(dialogue, judgement=None), event)
        if isinstance(event, Configured):
            persona_of(after.config.persona)
        return after

    return perceive
