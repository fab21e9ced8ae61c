"""A chat model from a folder or the Hugging Face hub, on the device that this machine has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from graph.errors import BadInput
from nodes.judgement.sft.llm.encode import ChatTokens, Tokenizer


@dataclass(frozen=True)
class ChatModel:
    """A causal language model with its tokenizer."""

    net: Any
    tokenizer: Tokenizer
    tokens: ChatTokens


def load_model(name: str, as_stored: bool = False) -> ChatModel:
    """The model of a folder, or of a hub id; bfloat16 on a GPU that knows it, else float32.

    `as_stored`: in the precision of its files, in main memory. Raises `BadInput` where there is no
    such model, or none that can chat.
    """
    where = Path(name).expanduser()
    place = str(where) if where.is_dir() else name
    dtype = "auto" if as_stored else torch.bfloat16 if on_gpu() else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(place)
        tokens = ChatTokens(tokenizer, name)
        net = AutoModelForCausalLM.from_pretrained(place, dtype=dtype)
    except BadInput:
        raise
    except (OSError, ValueError) as error:
        why = str(error).strip().splitlines()[0]
        problem = f"is no folder with a model, and no hub gave it: name one by --model PATH ({why})"
        raise BadInput("model", name, problem) from None
    net.to("cuda" if on_gpu() and not as_stored else "cpu")
    return ChatModel(net, tokenizer, tokens)


def on_gpu() -> bool:
    """Whether there is a GPU that computes in bfloat16."""
    return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported())
