"""The dialogue graph: one short run for every event, readable top to bottom."""

from collections.abc import Awaitable, Callable
from typing import Any, get_args

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Checkpointer, Command

from graph.state import Act, DialogueState
from nodes.acts import act_node, silence_node, yield_floor_node
from nodes.consult import consult_node
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
    llm_judge: Estimator | None = None,
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
    judge = door(judge_node(estimator, persona_of))
    graph.add_node("judge", _onward(judge), destinations=_WAYS)
    for act in get_args(Act):
        graph.add_node(act, door(act_node(act, persona_of)))
    graph.add_node("silence", door(silence_node(persona_of)))
    graph.add_node("yield_floor", door(yield_floor_node(persona_of)))
    graph.add_node("speak", door(speak_node(composer)))

    graph.add_edge(START, "perceive")
    graph.add_edge("perceive", "remember")
    if llm_judge:
        graph.add_node("consult", door(consult_node(llm_judge, persona_of)))
        graph.add_edge("remember", "consult")
        graph.add_edge("consult", "judge")
    else:
        graph.add_edge("remember", "judge")
    for act in get_args(Act):
        graph.add_edge(act, "speak")
    for last in ("silence", "yield_floor", "speak"):
        graph.add_edge(last, END)

    return graph.compile(checkpointer=checkpointer, name="dialogue")


ACTING = (*get_args(Act), "silence", "yield_floor")
_WAYS = {name: name for name in ACTING} | {END: "listen"}


def _onward(judge: Callable[..., Awaitable[DialogueState]]) -> Callable[..., Awaitable[Any]]:
    """The judge, and from it to the node that carries out its judgement of this event.

    None: keep listening, or talking. By `Command`: a conditional edge copies the whole state to
    look at it, a twentieth of a run.
    """

    async def onward(
        state: DialogueState, config: RunnableConfig, runtime: Runtime[Any]
    ) -> DialogueState | Command[str]:
        changes = await judge(state, config, runtime)
        judgement = changes.get("judgement")
        action = judgement["action"] if judgement else END
        return Command(update=changes, goto=action) if action in ACTING else changes

    return onward
