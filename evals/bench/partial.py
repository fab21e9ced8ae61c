"""A decision a partial: one run of the graph with the rules judge, and what the history adds."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from langgraph.graph import END, START, StateGraph

from evals.bench import stage
from evals.bench.figure import Figure, Target, percentile, spread
from graph.dialogue import Graph
from graph.events import Left, Partial, SpeechStarted
from graph.state import Dialogue, DialogueState
from server.session import Session

RUNS, WARM_UP = 400, 50
WORDS = "so i went to the market with my new dog and then it began".split()


@dataclass
class _Lane:
    """One session that is fed partials, and how long they took."""

    session: Session
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    async def feed(self, number: int) -> None:
        """Posts one partial; the clock stops when the watchers have seen what came of it."""
        text = " ".join(WORDS[: 1 + number % len(WORDS)])
        event = Partial(at=self.session.now(), segment=1, text=text)
        cpu, wall = time.thread_time(), time.perf_counter()
        self.session.post(event)
        await self.session.settled()
        self.wall.append(1000 * (time.perf_counter() - wall))
        self.cpu.append(1000 * (time.thread_time() - cpu))


def measure() -> list[Figure]:
    """Sessions with 200 and 2,000 messages in turn, so that both see the same machine."""
    return stage.run(_measure())


async def _measure() -> list[Figure]:
    graph = stage.dialogue()
    few, many = _lane(graph, 200), _lane(graph, 2000)
    floor, empty = list[float](), _empty_graph()
    given = dict(few.session.state)
    async with asyncio.TaskGroup() as group:
        for lane in (few, many):
            group.create_task(lane.session.run())
            lane.session.post(SpeechStarted(segment=1))
            await lane.session.settled()
        for number in range(WARM_UP + RUNS):
            await few.feed(number)
            await many.feed(number)
            begun = time.perf_counter()
            await empty.ainvoke({**given, "event": {"number": number}})
            floor.append(1000 * (time.perf_counter() - begun))
        assert [len(lane.session.state["messages"]) for lane in (few, many)] == [200, 2000]
        for lane in (few, many):
            lane.session.post(Left())
    ratio = percentile(many.wall[WARM_UP:], 50) / percentile(few.wall[WARM_UP:], 50)
    target = Target(p50=3.0, p95=5.0)
    return [
        spread("run for a partial, 200 messages", "ms", few.wall[WARM_UP:], target),
        spread("  the CPU time of it", "ms", few.cpu[WARM_UP:]),
        spread("  LangGraph alone, empty nodes", "ms", floor[WARM_UP:]),
        spread("run for a partial, 2,000 messages", "ms", many.wall[WARM_UP:]),
        Figure("2,000 messages to 200, of the p50", "x", ratio, n=RUNS, target=Target(p50=1.10)),
    ]


def _lane(graph: Graph, messages: int) -> _Lane:
    # without `Joined`, which would have a history of this length summarised
    held = Dialogue(
        user="bench", session="bench", started=stage.STARTED, messages=stage.history(messages)
    )
    state = held.changes()
    return _Lane(stage.session(graph, state=state))


def _empty_graph() -> Any:
    """As many steps as a partial takes over the same state, with nothing to do in them."""

    async def nothing(state: DialogueState) -> DialogueState:
        return {}

    async def at_the_end(state: DialogueState) -> str:
        return END

    graph = StateGraph(DialogueState)
    for name in ("perceive", "remember", "judge"):
        graph.add_node(name, nothing)
    graph.add_edge(START, "perceive")
    graph.add_edge("perceive", "remember")
    graph.add_edge("remember", "judge")
    graph.add_conditional_edges("judge", at_the_end, {END: END})
    return graph.compile()
