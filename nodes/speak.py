"""The last step: hands the utterance, with its text still to be composed, to the voice."""

import asyncio
from typing import Protocol

from graph.events import Event
from graph.mind import Mind, TextStream
from graph.state import Dialogue, Utterance
from nodes.door import Node


class Composer(Protocol):
    """Makes the text of an utterance."""

    def compose(self, utterance: Utterance, dialogue: Dialogue, mind: Mind) -> TextStream:
        """A stream that starts when it is called."""


def speak_node(composer: Composer) -> Node:
    """The node behind every act that speaks."""

    async def speak(dialogue: Dialogue, event: Event, mind: Mind) -> Dialogue:
        if dialogue.utterance:
            mind.say(dialogue.utterance, composer.compose(dialogue.utterance, dialogue, mind))
            await asyncio.sleep(0)  # the voice first: winding up the run costs as much as it does
        return dialogue

    return speak
