"""An example as tokens: the judge's own prompt, its answer, and which tokens the loss counts.

The prompt ends as a server ends it (the template's own "now the assistant speaks"), so what is
trained is what is asked when serving. Of the answer only the word counts that the example's label
tells; see `nodes.judgement.llm_prompt.Target`.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from graph.errors import BadInput
from nodes.judgement.estimator import View
from nodes.judgement.llm_prompt import ChatMessage, Target, judge_messages, target_for
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.llm.examples import view_of_example

IGNORED = -100
"""The label of a token that the loss does not count."""

_ANSWER = "respond plain"


class _AddedToken(Protocol):
    special: bool


class Tokenizer(Protocol):
    """What is used of a `transformers.PreTrainedTokenizerBase`."""

    is_fast: bool
    chat_template: str | dict[str, str] | None
    eos_token_id: int | None

    @property
    def added_tokens_decoder(self) -> Mapping[int, _AddedToken]:
        """Tokens beyond the plain vocabulary, by id."""

    def __call__(
        self, text: str, *, add_special_tokens: bool, return_offsets_mapping: bool = False
    ) -> Mapping[str, Sequence[Any]]:
        """`input_ids`, and where each token's characters lie (`offset_mapping`)."""

    def apply_chat_template(
        self, conversation: Sequence[ChatMessage], *, tokenize: bool, add_generation_prompt: bool
    ) -> str:
        """The messages as one text."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of tokens."""

    def save_pretrained(self, save_directory: str) -> object:
        """Writes its files."""


@dataclass(frozen=True)
class Encoded:
    """One sequence to train on."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    """The same tokens where the loss counts them, else `IGNORED`."""


class ChatTokens:
    """Prompts and answers of the judge as tokens of one chat model."""

    def __init__(self, tokenizer: Tokenizer, name: str) -> None:
        """Raises `BadInput` where the model's chat template cannot hold the judge's prompt."""
        if not tokenizer.is_fast:
            raise BadInput("model", name, "its tokenizer has no fast form, which is needed here")
        if not tokenizer.chat_template:
            raise BadInput("model", name, "has no chat template: take a chat (instruct) model")
        self._tokenizer = tokenizer
        self._name = name
        self.end = self._end_of_message()
        """The token that ends the assistant's message."""

    def prompt(self, messages: Sequence[ChatMessage]) -> list[int]:
        """The tokens that a server makes of these messages, up to where the assistant speaks."""
        return self._ids(self._rendered(messages, opened=True))

    def encode(self, example: Example) -> Encoded:
        """The prompt and the answer of an example, with the tokens that count."""
        target = _target(example)
        prompt = self.prompt(judge_messages(view_of_example(example)))
        answer = self._tokenizer(target.text, add_special_tokens=False, return_offsets_mapping=True)
        ids = [*answer["input_ids"], self.end]
        counts = [_counts(target, start) for start, _ in answer["offset_mapping"]]
        counts.append(target.appraisal_counts)
        labels = [token if count else IGNORED for token, count in zip(ids, counts, strict=True)]
        return Encoded((*prompt, *ids), (*[IGNORED] * len(prompt), *labels))

    def _end_of_message(self) -> int:
        """The first special token that the template writes behind an answer, else the model's."""
        messages = judge_messages(View("hello"))
        messages.append({"role": "assistant", "content": _ANSWER})
        behind = self._rendered(messages, opened=False).rpartition(_ANSWER)[2]
        added = self._tokenizer.added_tokens_decoder
        for token in self._ids(behind):
            if token in added and added[token].special:
                return token
        if self._tokenizer.eos_token_id is None:
            raise BadInput("model", self._name, "neither template nor tokenizer end a message")
        return self._tokenizer.eos_token_id

    def _rendered(self, messages: Sequence[ChatMessage], opened: bool) -> str:
        from jinja2 import TemplateError

        try:
            return self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=opened
            )
        except TemplateError as error:
            problem = f"its chat template refuses the judge's prompt (system, user): {error}"
            raise BadInput("model", self._name, problem) from None

    def _ids(self, text: str) -> list[int]:
        # The template has written the special tokens already.
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def _target(example: Example) -> Target:
    """The answer; an appraised text stands behind either floor word, half of the texts behind each.

    What a text is to the agent does not hang on who should speak, and both forms are to be learnt:
    behind a floor word that never preceded a counted one, a model may say anything.
    """
    target = target_for(example.label)
    if not target.floor_counts and zlib.crc32(example.id.encode()) % 2:
        return replace(target, floor="listen")
    return target


def _counts(target: Target, start: int) -> bool:
    return target.floor_counts if start < len(target.floor) else target.appraisal_counts
