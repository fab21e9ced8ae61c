"""What mem0 is given of ours: the embedder and the chat model, in the shape it expects.

mem0 loads these classes by name through its factories. Its own LangChain providers need the package
`langchain`, which CleanS2S does without.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from memory.embedder import Embedder

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

PROVIDER = "cleans2s"
"""Our name in mem0's factories."""


class EmbedderConfig(Protocol):
    """What mem0 hands to an embedder: `model` is ours."""

    model: Embedder


class EmbedderForMem0:
    """Our embedder as mem0's."""

    def __init__(self, config: EmbedderConfig) -> None:
        self.config = config

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        """The vector of one text."""
        return self.embed_batch([text])[0]

    def embed_batch(self, texts: Sequence[str], memory_action: str = "add") -> list[list[float]]:
        """The vectors of several texts."""
        vectors: list[list[float]] = self.config.model.embed(texts).tolist()
        return vectors


@dataclass(frozen=True)
class Chat:
    """A chat model, and the lock of the store that must not be held while it thinks."""

    model: "BaseChatModel"
    store: Lock


class ChatConfig(Protocol):
    """What mem0 hands to an LLM: `model` is ours; None where there is none."""

    model: Chat | None


class ChatForMem0:
    """A LangChain chat model as mem0's LLM: called by `add` while that holds the store's lock."""

    def __init__(self, config: ChatConfig) -> None:
        self.config = config

    def generate_response(
        self, messages: Sequence[dict[str, str]], response_format: object = None, **_: object
    ) -> str:
        """The model's memories as JSON.

        mem0 takes an answer that it cannot read for "nothing to remember"; here it raises
        ValueError, so that the words are kept another way.
        """
        chat = self.config.model
        if chat is None:
            raise ValueError("no language model is set")
        chat.store.release()
        try:
            answer = chat.model.invoke([(m["role"], m["content"]) for m in messages])
        finally:
            chat.store.acquire()
        return json.dumps({"memory": read_memories(answer.text)}, ensure_ascii=False)


def read_memories(answer: str) -> list[dict[str, object]]:
    """The memories in a model's answer. Raises ValueError where it is not what mem0 asked for."""
    from mem0.memory.utils import extract_json, remove_code_blocks

    try:
        given = json.loads(extract_json(remove_code_blocks(answer)), strict=False)
    except json.JSONDecodeError as error:
        raise ValueError(f"the model's answer is not JSON: {answer[:200]!r}") from error
    memories = given.get("memory") if isinstance(given, dict) else None
    if not isinstance(memories, list) or not all(
        isinstance(m, dict) and isinstance(m.get("text"), str) for m in memories
    ):
        raise ValueError(f"the model's answer has no list of memories: {answer[:200]!r}")
    return memories
