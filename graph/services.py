"""The engines of a process, built once from `Settings` and shared by all its sessions."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from langgraph.types import Checkpointer

from graph.dialogue import Graph, build_dialogue
from graph.errors import CleanS2SError
from graph.settings import Settings
from graph.state import DialogueState
from memory.protocol import Summariser
from memory.shared import LazyEmbedder, SharedMemory, summariser_for
from nodes.catalogue import Catalogue
from nodes.compose import Composer
from nodes.judgement.rules import RulesEstimator
from nodes.llm import chat_model

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Services:
    """What `build_dialogue` needs, from settings."""

    settings: Settings
    personas: Catalogue
    composer: Composer
    summariser: Summariser
    memory: SharedMemory | None

    def graph(
        self, checkpointer: Checkpointer = None, input_schema: type[Any] = DialogueState
    ) -> Graph:
        """The dialogue graph with these engines."""
        return build_dialogue(
            estimator=RulesEstimator(),
            composer=self.composer,
            summariser=self.summariser,
            memory=self.memory,
            persona_of=self.personas.get,
            checkpointer=checkpointer,
            input_schema=input_schema,
        )

    async def warm(self) -> None:
        """Loads what the first turn would wait for: the memory, the persona's own lines.

        What cannot be loaded is logged; sessions go on with less.
        """
        works = [self.composer.warm()]
        if self.memory:
            works.append(self.memory.open())
        for outcome in await asyncio.gather(*works, return_exceptions=True):
            if isinstance(outcome, CleanS2SError):
                log.warning("%s", outcome)
            elif isinstance(outcome, BaseException):
                raise outcome

    async def close(self) -> None:
        """Closes what holds files and connections."""
        await self.composer.aclose()
        if self.memory:
            await self.memory.close()


def build_services(settings: Settings) -> Services:
    """Builds the engines. What is heavy, but the LLM's client, is loaded when it is first used.

    Raises `BadInput` for a persona or setting that is wrong.
    """
    personas = Catalogue(settings.persona_dirs, settings.persona)
    model = chat_model(settings.llm) if settings.llm.model else None
    embedder = LazyEmbedder()
    remembers = settings.memory.backend != "none"
    return Services(
        settings=settings,
        personas=personas,
        composer=Composer(personas, model, settings.llm, embedder),
        summariser=summariser_for(model),
        memory=SharedMemory(settings, embedder, model) if remembers else None,
    )
