"""What the benches drive: a real session on the real graph, with a composer that costs nothing."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import uvicorn

from graph.dialogue import Graph, build_dialogue
from graph.mind import Mind, TextStream
from graph.state import Dialogue, DialogueState, Message, ToolRequest, Utterance
from memory.summary import ExtractiveSummariser
from nodes.catalogue import Catalogue
from nodes.judgement.rules import RulesEstimator
from nodes.remember import Memory
from server.session import Keeper, Session
from server.text_voice import TextVoice

T = TypeVar("T")

STARTED = 1_700_000_000.0
"""Unix seconds at which the sessions of the benches begin."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs it as the server runs: on uvicorn's event loop, what is loaded out of the gc's way."""
    gc.collect()
    gc.freeze()
    try:
        with asyncio.Runner(loop_factory=uvicorn.Config("").get_loop_factory()) as runner:
            return runner.run(work)
    finally:
        gc.unfreeze()


class Instant:
    """Composes in no time: a line of twelve words, another one each time."""

    def compose(self, utterance: Utterance, dialogue: Dialogue, mind: Mind) -> TextStream:
        """See `nodes.speak.Composer`."""

        async def stream() -> AsyncIterator[str | ToolRequest]:
            yield f"{utterance.opening} This is answer {utterance.id} to what you said about it."

        return stream


def dialogue(memory: Memory | None = None, checkpointer: object = None) -> Graph:
    """The graph with the rules judge and the default personas."""
    return build_dialogue(
        estimator=RulesEstimator(),
        composer=Instant(),
        summariser=ExtractiveSummariser(),
        memory=memory,
        persona_of=Catalogue().get,
        checkpointer=checkpointer,  # type: ignore[arg-type]
    )


def session(
    graph: Graph,
    *,
    state: DialogueState | None = None,
    keeper: Keeper | None = None,
    pace: float | None = None,
    show: Callable[[Utterance, str], None] = lambda utterance, text: None,
) -> Session:
    """A session with a text voice of so many words a second (None: at once)."""
    return Session(
        graph,
        lambda now, post: TextVoice(now, post, show=show, words_per_second=pace),
        state=state,
        keeper=keeper,
    )


def history(count: int) -> list[Message]:
    """So many messages, user and agent in turn, of about ten words."""
    return [
        {
            "id": f"{'u' if number % 2 else 't'}{number // 2 + 1}",
            "role": "assistant" if number % 2 else "user",
            "content": f"This is message number {number}, and it says a few words.",
            "at": STARTED + number,
        }
        for number in range(count)
    ]
