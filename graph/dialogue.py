"""The dialogue graph: one short run for every event, readable top to bottom."""

from typing import Any, get_args

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Checkpointer

from graph.state import Act, DialogueState
from nodes.acts import act_node, silence_node, yield_floor_node
from nodes.door import door
from nodes.judge import judge_node
from nodes.judgement.estimator import Estimator
from nodes.perceive import perceive_node
from nodes.remember import Memory, Summariser, remember_node
from nodes.speak import Composer, speak_node
from nodes.temper import PersonaOf

Graph = CompiledStateGraph[DialogueState, Any, DialogueState, DialogueState]


def build_dialogue(
    *,
    estimator: Estimator,
    composer: Composer,
    summariser: Summariser,
    memory: Memory | None,
    persona_of: PersonaOf,
    checkpointer: Checkpointer = None,
    input_schema: type[Any] = DialogueState,
) -> Graph:
    """The compiled graph; the same for live sessions, Studio, evals and tests."""
    graph = StateGraph(DialogueState, input_schema=input_schema)

    graph.add_node("perceive", door(perceive_node(persona_of)))
    graph.add_node("remember", door(remember_node(memory, summariser)))
    graph.add_node("judge", door(judge_node(estimator, persona_of)))
    for act in get_args(Act):
        graph.add_node(act, door(act_node(act, persona_of)))
    graph.add_node("silence", door(silence_node(persona_of)))
    graph.add_node("yield_floor", door(yield_floor_node(persona_of)))
    graph.add_node("speak", door(speak_node(composer)))

    graph.add_edge(START, "perceive")
    graph.add_edge("perceive", "remember")
    graph.add_edge("remember", "judge")
    graph.add_conditional_edges("judge", _action, {name: name for name in ACTING} | {"listen": END})
    for act in get_args(Act):
        graph.add_edge(act, "speak")
    for last in ("silence", "yield_floor", "speak"):
        graph.add_edge(last, END)

    return graph.compile(checkpointer=checkpointer, name="dialogue")


ACTING = (*get_args(Act), "silence", "yield_floor")


async def _action(state: DialogueState) -> str:
    """The node that carries out the judgement of this event; none: keep listening, or talking.

    Async, or LangGraph sends it through a thread: a fifth of a run.
    """
    judgement = state.get("judgement")
    action = judgement["action"] if judgement else "listen"
    return action if action in ACTING else "listen"
