"""A chat model behind any server that speaks OpenAI's chat completions, streamed and watched over.

The stream format is that of https://platform.openai.com/docs/api-reference/chat-streaming.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.tool import ToolCallChunk
from pydantic import SecretStr

from graph.errors import BadInput
from graph.settings import LLMSettings
from graph.state import Tool, ToolRequest
from nodes.llm_failure import OPENAI_URL, ComposeFailed, Kind, shown, translated

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

log = logging.getLogger(__name__)

_KEEP_SECONDS = 60.0
"""How long a connection is kept for the next turn; a new one costs its first token a handshake."""

_TAIL_SECONDS = 0.5
"""How long to wait for the end of a stream whose reply is complete."""


def chat_model(settings: LLMSettings, request_seconds: float | None = None) -> BaseChatModel:
    """The chat model that the settings name. Importing its library takes seconds: do it early.

    `request_seconds` bounds a whole request; None: whoever streams from it watches over it. It
    belongs to one event loop; `close` it there. Raises `BadInput` where no model is named, or
    the URL is none.
    """
    if not settings.model:
        raise BadInput("llm.model", settings.model, "names no model")
    url = settings.base_url or OPENAI_URL
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise BadInput("llm.base_url", shown(url), "should look like http://127.0.0.1:8000/v1")
    from openai import DEFAULT_CONNECTION_LIMITS, DefaultAsyncHttpxClient

    # OpenAI's newer models refuse max_tokens, other servers may not know max_completion_tokens.
    theirs = urlsplit(url).hostname == urlsplit(OPENAI_URL).hostname
    limit: dict[str, Any] = (
        {"max_completion_tokens": settings.max_tokens}
        if theirs
        else {"extra_body": {"max_tokens": settings.max_tokens}}
    )
    limits = type(DEFAULT_CONNECTION_LIMITS)(
        max_connections=DEFAULT_CONNECTION_LIMITS.max_connections,
        max_keepalive_connections=DEFAULT_CONNECTION_LIMITS.max_keepalive_connections,
        keepalive_expiry=_KEEP_SECONDS,
    )
    return _chat_class()(
        model=settings.model,
        base_url=url,
        api_key=SecretStr(settings.key),
        temperature=settings.temperature,
        streaming=True,
        max_retries=0,
        timeout=request_seconds,
        http_async_client=DefaultAsyncHttpxClient(timeout=None, limits=limits),
        stream_chunk_timeout=None,
        use_responses_api=False,
        **limit,
    )


@cache
def _chat_class() -> "type[ChatOpenAI]":
    from langchain_openai import ChatOpenAI

    class ChatModel(ChatOpenAI):
        """Sends the messages as they are."""

        def _get_request_payload(
            self, input_: LanguageModelInput, *, stop: list[str] | None = None, **kwargs: Any
        ) -> dict[str, Any]:
            # openai (3.54) walks all messages through its type hints to rename keys, of which they
            # have none: 25 ms of the loop for 80 messages. What is in extra_body it leaves alone.
            payload = super()._get_request_payload(input_, stop=stop, **kwargs)
            body = {"messages": payload["messages"], **(payload.get("extra_body") or {})}
            return payload | {"messages": [], "extra_body": body}

    return ChatModel


async def close(model: BaseChatModel) -> None:
    """Closes the connections of a `chat_model`; other models have nothing of ours to close."""
    client = getattr(model, "http_async_client", None)
    if client is not None:
        await client.aclose()


async def stream_reply(
    model: BaseChatModel,
    messages: Sequence[BaseMessage],
    tools: Sequence[Tool],
    settings: LLMSettings,
) -> AsyncGenerator[str | ToolRequest]:
    """The pieces of text as they come, then the tool calls, whole. Close it to stop the model.

    Raises `ComposeFailed`. Only waiting for the server counts against the settings' seconds, not
    what the consumer does between two pieces.
    """
    watch = _Watch(settings)
    calls: AIMessageChunk | None = None
    said = False
    async with aclosing(_open(model, messages, tools)) as chunks:
        while (chunk := await watch.next(chunks)) is not None:
            if chunk.tool_call_chunks:
                calls = chunk if calls is None else calls + chunk
            if chunk.text:
                said = said or not chunk.text.isspace()
                # half of a surrogate pair, as some servers cut them, is no text that can be kept
                yield str(chunk.text).encode("utf-8", "replace").decode("utf-8")
            watch.saw(chunk)
    if not watch.complete:
        raise watch.failed("died", "closed the stream before the reply was complete")
    if calls is None and not said:
        raise watch.failed("malformed", "finished the reply without a word")
    for call in calls.tool_call_chunks if calls else ():
        yield _request(call, {tool.name for tool in tools}, watch)


def _open(
    model: BaseChatModel, messages: Sequence[BaseMessage], tools: Sequence[Tool]
) -> AsyncGenerator[AIMessageChunk]:
    offered = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters or {"type": "object", "properties": {}},
            },
        }
        for tool in tools
    ]
    asked = model.bind_tools(offered) if offered else model
    return cast(AsyncGenerator[AIMessageChunk], asked.astream(list(messages)))


class _Watch:
    """The watchdog over one stream: when the next token is due, and what went wrong."""

    def __init__(self, settings: LLMSettings) -> None:
        self._settings = settings
        self._url = shown(settings.base_url or OPENAI_URL)
        self._due = asyncio.get_running_loop().time() + settings.first_token_seconds
        self._begun = False
        self.complete = False

    async def next(self, chunks: AsyncIterator[AIMessageChunk]) -> AIMessageChunk | None:
        """The next chunk; None at the end. Raises `ComposeFailed`."""
        deadline = asyncio.timeout_at(self._due)
        try:
            async with deadline:
                return await anext(chunks, None)
        except Exception as error:
            if self.complete:
                log.debug("%s: %s behind a complete reply", self._url, type(error).__name__)
                return None
            if isinstance(error, TimeoutError) and deadline.expired():
                raise self._late() from None
            # Without the cause: a server may quote the key in its answer.
            raise translated(error, self._url, self._settings) from None

    def saw(self, chunk: AIMessageChunk) -> None:
        """Sets the next deadline; a chunk without content keeps the old one."""
        now = asyncio.get_running_loop().time()
        reason = chunk.response_metadata.get("finish_reason")
        if reason:
            self.complete = True
            self._due = now + _TAIL_SECONDS
            if reason == "length":
                log.warning("the reply was cut at llm.max_tokens=%d", self._settings.max_tokens)
        elif chunk.text or chunk.tool_call_chunks:
            self._begun = True
            self._due = now + self._settings.next_token_seconds

    def failed(self, kind: Kind, problem: str) -> ComposeFailed:
        """The failure, with the server's URL."""
        return ComposeFailed(kind, f"{self._url} {problem}")

    def _late(self) -> ComposeFailed:
        if self._begun:
            seconds = self._settings.next_token_seconds
            return self.failed(
                "stalled",
                f"sent nothing for {seconds:g} s in the middle of a reply; if that is its pace, "
                "raise llm.next_token_seconds",
            )
        seconds = self._settings.first_token_seconds
        return self.failed(
            "no_first_token",
            f"sent no token within {seconds:g} s; use a faster model, one that is loaded already, "
            "or raise llm.first_token_seconds",
        )


def _request(call: ToolCallChunk, offered: set[str], watch: _Watch) -> ToolRequest:
    name = call.get("name") or ""
    if name not in offered:
        raise watch.failed("malformed", f"called a tool that it was not offered: {name!r}")
    arguments = call.get("args") or "{}"
    try:
        valid = isinstance(json.loads(arguments), dict)
    except json.JSONDecodeError:
        valid = False
    if not valid:
        given = arguments if len(arguments) <= 80 else arguments[:77] + "..."
        raise watch.failed("malformed", f"called {name} with what is no JSON object: {given!r}")
    if not call.get("id"):
        raise watch.failed("malformed", f"called {name} without a call id")
    return ToolRequest(id=call["id"] or "", name=name, arguments=arguments)
