"""The LLM judge: a chat model's estimate of the turn under way, in one short structured answer."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage

from graph.settings import LLMSettings
from graph.state import Estimate
from nodes.judgement.estimator import Estimator, View
from nodes.judgement.llm_odds import Token, odds, tokens_of
from nodes.judgement.llm_prompt import (
    ANSWER_TOKENS,
    APPRAISALS,
    FLOORS,
    Answer,
    judge_messages,
    parse,
)
from nodes.llm import chat_model, close
from nodes.llm_failure import OPENAI_URL, ComposeFailed, Kind, shown, translated

log = logging.getLogger(__name__)

UNTOLD_CONFIDENCE = 0.85
"""The probability given to an answer where the server tells none."""

REST_SECONDS = 10.0
"""How long a server that refuses is left alone; the fallback estimates meanwhile."""

REFUSALS: frozenset[Kind] = frozenset({"unauthorised", "rate_limited", "rejected", "unreachable"})
"""Failures that the next call would meet as well."""

_TOP_LOGPROBS = 5
"""Tokens to be told for each place: servers differ in what they allow, all allow this."""


class LlmJudge:
    """Estimates by a chat model, and by `fallback` where that fails. One for a whole process.

    To supersede a call, cancel it: its connection is closed, so the server stops.
    """

    def __init__(
        self,
        settings: LLMSettings,
        seconds: float,
        fallback: Estimator,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        """A call that takes longer than `seconds` has failed. Raises `BadInput`: no such model."""
        asked = settings.model_copy(update={"temperature": 0.0, "max_tokens": ANSWER_TOKENS})
        self.model: BaseChatModel = chat_model(asked)
        self.counts: Counter[str] = Counter()
        """asked, answered, superseded, spared (not asked for the server refuses), and failures by
        their kind, as in `nodes.llm_failure`."""
        self.last_failure: ComposeFailed | None = None
        self._settings, self._seconds, self._fallback = asked, seconds, fallback
        self._url = shown(settings.base_url or OPENAI_URL)
        self._rest_seconds = rest_seconds
        self._rests_until = 0.0
        self._tells_logprobs = True

    async def estimate(self, view: View) -> Estimate:
        """The model's estimate (source "llm"), or the fallback's."""
        now = asyncio.get_running_loop().time()
        if now < self._rests_until:
            self.counts["spared"] += 1
            return await self._fallback.estimate(view)
        self.counts["asked"] += 1
        try:
            estimate = await self._asked(view)
        except ComposeFailed as failure:
            self._note(failure)
            return await self._fallback.estimate(view)
        except asyncio.CancelledError:
            self.counts["superseded"] += 1
            raise
        self.counts["answered"] += 1
        return estimate

    async def warm(self) -> None:
        """One call, so that the first user waits for no import and no loading of a model."""
        await self.estimate(View("hello"))

    async def close(self) -> None:
        """Closes the connections."""
        await close(self.model)

    async def _asked(self, view: View) -> Estimate:
        """Raises `ComposeFailed`."""
        reply = await self._reply(view)
        answer = parse(str(reply.text))
        if answer is None:
            said = str(reply.text)
            raise self._failed("malformed", f"answers no verdict: {said[:80]!r}")
        return estimate_of(answer, tokens_of(reply.response_metadata.get("logprobs")))

    async def _reply(self, view: View) -> AIMessage:
        deadline = asyncio.timeout(self._seconds)
        try:
            async with deadline:
                reply = await self._complete(view)
        except Exception as error:
            if isinstance(error, TimeoutError) and deadline.expired():
                raise self._failed(
                    "stalled",
                    f"gave no verdict within {self._seconds:g} s; use a smaller model, "
                    "or raise judge_llm.timeout_seconds",
                ) from None
            # Without the cause: a server may quote the key in its answer.
            raise translated(error, self._url, self._settings) from None
        if not reply.response_metadata.get("finish_reason"):
            raise self._failed("died", "closed the stream before the verdict was complete")
        return reply

    async def _complete(self, view: View) -> AIMessage:
        messages = [dict(message) for message in judge_messages(view)]
        if self._tells_logprobs:
            import openai

            try:
                return await self.model.ainvoke(messages, logprobs=True, top_logprobs=_TOP_LOGPROBS)
            except openai.APIStatusError as error:
                if "logprob" not in str(error).lower():
                    raise
                self._tells_logprobs = False
                log.warning(
                    "%s gives no log probabilities: the LLM judge's answers count as %g sure",
                    self._url,
                    UNTOLD_CONFIDENCE,
                )
        return await self.model.ainvoke(messages)

    def _failed(self, kind: Kind, problem: str) -> ComposeFailed:
        return ComposeFailed(kind, f"{self._url} {problem}")

    def _note(self, failure: ComposeFailed) -> None:
        self.last_failure = failure
        self.counts[failure.kind] += 1
        if self.counts[failure.kind] == 1:
            log.warning(
                "the LLM judge failed, its fallback estimates instead (told once): %s", failure
            )
        if failure.kind in REFUSALS:
            self._rests_until = asyncio.get_running_loop().time() + self._rest_seconds


def estimate_of(answer: Answer, tokens: Sequence[Token]) -> Estimate:
    """What an answer amounts to, with its tokens' probabilities where there are any."""
    floors = odds(tokens, 0, FLOORS)
    appraisals = odds(tokens, 1, APPRAISALS)
    surely = UNTOLD_CONFIDENCE if answer.floor == "respond" else 1 - UNTOLD_CONFIDENCE
    return Estimate(
        p_complete=round(floors["respond"] if floors else surely, 4),
        appraisal=answer.appraisal,
        p_appraisal=round(appraisals[answer.appraisal] if appraisals else UNTOLD_CONFIDENCE, 4),
        source="llm",
        suggests=answer.suggests,
    )
