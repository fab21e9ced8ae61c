"""The judges that evaluations compare, by name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graph.errors import BadInput, Unavailable
from graph.services import llm_judge_for
from graph.settings import Settings, load_settings
from nodes.judgement.chosen import encoder, estimator_for
from nodes.judgement.estimator import Estimator
from nodes.judgement.llm import REFUSALS
from nodes.judgement.rules import RulesEstimator

JUDGES = ("rules", "encoder", "llm")


def build_judge(name: str) -> Estimator:
    """A judge that needs no connections, loaded at its first estimate.

    Raises `BadInput` for the LLM, see `judge_of`, and for an unknown name.
    """
    if name == "rules":
        return RulesEstimator()
    if name == "encoder":
        return encoder()
    raise BadInput("judge", name, "one of rules, encoder")


@asynccontextmanager
async def judge_of(name: str, settings: Settings) -> AsyncIterator[Estimator]:
    """The judge of that name, loaded; raises `Unavailable` where it cannot be had.

    An LLM that refuses to be asked is one that cannot be had: the figures would be its fallback's.
    """
    if name == "encoder":
        loaded = encoder()
        await loaded.warm()
        yield loaded
    elif name == "llm":
        judge = llm_judge_for(settings, estimator_for("llm"), rest_seconds=0)
        try:
            await judge.warm()
            if judge.last_failure and judge.last_failure.kind in REFUSALS:
                raise Unavailable(f"--judge llm: {judge.last_failure}")
            yield judge
        finally:
            await judge.close()
    else:
        yield build_judge(name)


def settings_of(model: str | None = None, base_url: str | None = None) -> Settings:
    """The settings, with another model or server for the LLM judge where one is given."""
    settings = load_settings()
    flags = {"model": model, "base_url": base_url}
    own = {name: value for name, value in flags.items() if value is not None}
    return settings.model_copy(update={"judge_llm": settings.judge_llm.model_copy(update=own)})
