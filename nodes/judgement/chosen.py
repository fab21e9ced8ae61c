"""The estimator that settings name, and what takes its place where it cannot be had."""

import logging
from collections.abc import Callable
from typing import Literal, Protocol

from graph.errors import Unavailable
from graph.state import Estimate
from nodes.judgement.estimator import Estimator, View
from nodes.judgement.rules import RulesEstimator

log = logging.getLogger(__name__)


class Loaded(Estimator, Protocol):
    """An estimator with something to load first."""

    async def warm(self) -> None:
        """Loads it; raises `Unavailable` where it cannot be."""


def encoder() -> Loaded:
    """The encoder that ships. Raises `Unavailable` where its files are missing."""
    from nodes.judgement.encoder import EncoderEstimator

    return EncoderEstimator()


def estimator_for(judge: Literal["encoder", "rules", "llm"]) -> "RulesEstimator | EncoderOrRules":
    """The estimator of every partial; an LLM judge stands on the encoder. Loads nothing yet."""
    return RulesEstimator() if judge == "rules" else EncoderOrRules(encoder)


class EncoderOrRules:
    """The encoder, loaded when it is first used; the rules from where it turns out unusable."""

    def __init__(self, make: Callable[[], Loaded]) -> None:
        self._make = make
        self._encoder: Loaded | None = None
        self._rules = RulesEstimator()
        self._usable = True

    @property
    def usable(self) -> bool:
        """Whether the encoder, as far as is known, can be had."""
        return self._usable

    async def estimate(self, view: View) -> Estimate:
        """The encoder's estimate, else the rules'; the source tells."""
        if self._usable:
            try:
                return await self._loaded().estimate(view)
            except Unavailable as error:
                self._give_up(error)
        return await self._rules.estimate(view)

    async def warm(self) -> None:
        """Loads the encoder; where it cannot be had, says so and goes on with the rules."""
        if self._usable:
            try:
                await self._loaded().warm()
            except Unavailable as error:
                self._give_up(error)

    def _loaded(self) -> Loaded:
        if self._encoder is None:
            self._encoder = self._make()
        return self._encoder

    def _give_up(self, error: Unavailable) -> None:
        if self._usable:
            self._usable = False
            log.warning("the encoder cannot judge, word rules do so instead: %s", error)
