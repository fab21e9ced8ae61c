"""The engines of a process, built once from `Settings` and shared by all its sessions."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.types import Checkpointer

from graph.dialogue import Graph, build_dialogue
from graph.errors import BadInput, CleanS2SError
from graph.settings import LLMSettings, Settings
from graph.state import DialogueState
from memory.protocol import Summariser
from memory.shared import LazyEmbedder, SharedMemory, summariser_for
from nodes.catalogue import Catalogue
from nodes.compose import Composer
from nodes.judgement.chosen import EncoderOrRules, estimator_for
from nodes.judgement.estimator import Estimator
from nodes.judgement.llm import REST_SECONDS, LlmJudge
from nodes.llm import chat_model, close

log = logging.getLogger(__name__)

_SCRIBE_TOKENS = 1500
"""Room for the facts of a turn, or for a summary."""
_SCRIBE_SECONDS = 30.0
"""After which the words are kept as they were said."""


@dataclass(frozen=True)
class Services:
    """What `build_dialogue` needs, from settings."""

    settings: Settings
    personas: Catalogue
    estimator: Estimator
    llm_judge: LlmJudge | None
    composer: Composer
    summariser: Summariser
    memory: SharedMemory | None
    scribe: BaseChatModel | None
    """The model as memory uses it: for whole answers, with no listener waiting."""

    @property
    def judge(self) -> str:
        """Who judges, in one line."""
        model = self.settings.llm_of_judge.model
        return f"llm: {model}, over the encoder" if self.llm_judge else self.settings.judge

    def graph(
        self, checkpointer: Checkpointer = None, input_schema: type[Any] = DialogueState
    ) -> Graph:
        """The dialogue graph with these engines."""
        return build_dialogue(
            estimator=self.estimator,
            llm_judge=self.llm_judge,
            composer=self.composer,
            summariser=self.summariser,
            memory=self.memory,
            persona_of=self.personas.get,
            checkpointer=checkpointer,
            input_schema=input_schema,
        )

    async def warm(self) -> None:
        """Loads what the first turn would wait for: the judge, the memory, the persona's lines.

        What cannot be loaded is logged; sessions go on with less.
        """
        works: list[Awaitable[object]] = [self.composer.warm(), self._first_run()]
        if isinstance(self.estimator, EncoderOrRules):
            works.append(self.estimator.warm())
        if self.llm_judge:
            works.append(self.llm_judge.warm())
        if self.memory:
            works.append(self.memory.open())
        for outcome in await asyncio.gather(*works, return_exceptions=True):
            if isinstance(outcome, CleanS2SError):
                log.warning("%s", outcome)
            elif isinstance(outcome, BaseException):
                raise outcome

    async def _first_run(self) -> None:
        """The first run of a process costs a tenth of a second: not on somebody's first word."""
        word = {"type": "partial", "text": "so", "at": 0.0}
        await self.graph().ainvoke({"event": word, "session": "warm"})

    async def close(self) -> None:
        """Closes what holds files and connections."""
        await self.composer.aclose()
        if self.llm_judge:
            await self.llm_judge.close()
        if self.scribe:
            await close(self.scribe)
        if self.memory:
            await self.memory.close()


def build_services(settings: Settings) -> Services:
    """Builds the engines. What is heavy, but the LLM's client, is loaded when it is first used.

    Raises `BadInput` for a persona or setting that is wrong.
    """
    personas = Catalogue(settings.persona_dirs, settings.persona)
    model = chat_model(settings.llm) if settings.llm.model else None
    scribe = _scribe(settings.llm) if settings.llm.model else None
    estimator = estimator_for(settings.judge)
    embedder = LazyEmbedder()
    remembers = settings.memory.backend != "none"
    return Services(
        settings=settings,
        personas=personas,
        estimator=estimator,
        llm_judge=llm_judge_for(settings, estimator) if settings.judge == "llm" else None,
        composer=Composer(personas, model, settings.llm, embedder),
        summariser=summariser_for(scribe),
        memory=SharedMemory(settings, embedder, scribe) if remembers else None,
        scribe=scribe,
    )


def llm_judge_for(
    settings: Settings, fallback: Estimator, rest_seconds: float = REST_SECONDS
) -> LlmJudge:
    """The LLM judge of these settings; raises `BadInput` where they name no model."""
    if not settings.llm_of_judge.model:
        raise BadInput(
            "judge_llm.model", "", "judge 'llm' needs a model: set this one or llm.model"
        )
    seconds = settings.judge_llm.timeout_seconds
    return LlmJudge(settings.llm_of_judge, seconds, fallback, rest_seconds)


def _scribe(settings: LLMSettings) -> BaseChatModel:
    wanted = {"temperature": 0.0, "max_tokens": _SCRIBE_TOKENS}
    return chat_model(settings.model_copy(update=wanted), request_seconds=_SCRIBE_SECONDS)
