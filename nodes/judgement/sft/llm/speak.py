"""A chat model in this process that says its likeliest words, and how sure it is of each."""

from collections.abc import Sequence
from threading import Lock

import torch

from graph.errors import BadInput
from nodes.judgement.llm_prompt import ChatMessage
from nodes.judgement.sft.llm.model import load_model
from nodes.judgement.sft.llm.wire import Spoken


class LocalModel:
    """One model, one answer at a time."""

    def __init__(self, name: str) -> None:
        """Loads it; raises `BadInput`."""
        self._model = load_model(name)
        self._net = self._model.net.eval()
        ends = self._net.generation_config.eos_token_id
        self._ends = {self._model.tokens.end, *(ends if isinstance(ends, list) else [ends])}
        self._busy = Lock()

    def speak(self, messages: Sequence[ChatMessage], max_tokens: int, top: int) -> list[Spoken]:
        """The likeliest answer without the token that ends it; `top` alternatives for each token.

        Raises `BadInput` for messages that are too long, or that the chat template refuses.
        """
        prompt = self._model.tokens.prompt(messages)
        longest = self._net.config.max_position_embeddings - max_tokens
        if len(prompt) > longest:
            raise BadInput("messages", len(prompt), f"there is room for {longest} tokens")
        with self._busy, torch.inference_mode():
            return self._spoken(prompt, max_tokens, top)

    def _spoken(self, prompt: list[int], max_tokens: int, top: int) -> list[Spoken]:
        answer: list[int] = []
        spoken: list[Spoken] = []
        given, past = prompt, None
        while len(spoken) < max_tokens:
            ids = torch.tensor([given], device=self._net.device)
            seen = self._net(ids, past_key_values=past, use_cache=True, logits_to_keep=1)
            past = seen.past_key_values
            logprobs = torch.log_softmax(seen.logits[0, -1].float(), dim=-1)
            chosen = int(logprobs.argmax())
            if chosen in self._ends:
                break
            best = logprobs.topk(top)
            others = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            told = tuple((self._text(answer, token), logprob) for token, logprob in others)
            spoken.append(Spoken(self._text(answer, chosen), float(logprobs[chosen]), told))
            answer.append(chosen)
            given = [chosen]
        return spoken

    def _text(self, before: list[int], token: int) -> str:
        """What a token adds; some tokenizers write its space only behind another token."""
        decode = self._model.tokenizer.decode
        return decode([*before, token])[len(decode(before)) :]
