"""Requests and answers as OpenAI's chat completions write them, as far as a judge needs it.

https://platform.openai.com/docs/api-reference/chat
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from nodes.judgement.llm_prompt import ANSWER_TOKENS, ChatMessage

_TOP = 20
"""Most alternatives that are told for a token."""

_Room = Annotated[int, Field(ge=1, le=512)]


@dataclass(frozen=True)
class Spoken:
    """A token of an answer."""

    text: str
    logprob: float
    others: tuple[tuple[str, float], ...]
    """The likeliest tokens in its place, itself among them, with their log probabilities."""


class _Message(BaseModel):
    role: Literal["system", "user", "assistant"]
    content: str


class Asked(BaseModel):
    """A request; fields that are not known are left aside."""

    messages: Annotated[list[_Message], Field(min_length=1)]
    stream: bool = False
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=_TOP)] = 0
    max_tokens: _Room | None = None
    max_completion_tokens: _Room | None = None
    temperature: Annotated[float, Field(ge=0, le=0)] = 0
    """The likeliest token is all that there is."""

    @property
    def chat(self) -> list[ChatMessage]:
        """The messages as chat templates take them."""
        return [ChatMessage(role=said.role, content=said.content) for said in self.messages]

    @property
    def room(self) -> int:
        """Tokens that the answer may have."""
        return self.max_completion_tokens or self.max_tokens or ANSWER_TOKENS


def whole(asked: Asked, model: str, spoken: Sequence[Spoken]) -> dict[str, object]:
    """The answer in one piece."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "".join(token.text for token in spoken)},
        "finish_reason": _reason(asked, spoken),
    }
    return _frame(model, "chat.completion") | {"choices": [choice | _told(asked, spoken)]}


def events(asked: Asked, model: str, spoken: Sequence[Spoken]) -> Iterator[str]:
    """The answer as server-sent events, a token each."""
    for token in spoken:
        delta = {"role": "assistant", "content": token.text}
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        yield _event(model, choice | _told(asked, [token]))
    yield _event(model, {"index": 0, "delta": {}, "finish_reason": _reason(asked, spoken)})
    yield "data: [DONE]\n\n"


def _event(model: str, choice: dict[str, object]) -> str:
    return f"data: {json.dumps(_frame(model, 'chat.completion.chunk') | {'choices': [choice]})}\n\n"


def _frame(model: str, kind: str) -> dict[str, object]:
    now = time.time_ns()
    return {"id": f"judge-{now}", "object": kind, "created": now // 10**9, "model": model}


def _reason(asked: Asked, spoken: Sequence[Spoken]) -> str:
    return "length" if len(spoken) >= asked.room else "stop"


def _told(asked: Asked, spoken: Sequence[Spoken]) -> dict[str, object]:
    if not asked.logprobs:
        return {}
    content = [
        _token(token.text, token.logprob)
        | {"top_logprobs": [_token(text, logprob) for text, logprob in token.others]}
        for token in spoken
    ]
    return {"logprobs": {"content": content}}


def _token(text: str, logprob: float) -> dict[str, object]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())}
