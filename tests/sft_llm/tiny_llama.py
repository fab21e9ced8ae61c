"""A chat model of some 100,000 weights, drawn by chance, with a tokenizer made on the spot."""

import json
from collections.abc import Iterable
from pathlib import Path

from nodes.judgement.llm_prompt import APPRAISALS, FLOORS, system_prompt

CHATML = """\
{%- for message in messages -%}
<|im_start|>{{ message['role'] }}
{{ message['content'] }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}
"""

NO_SYSTEM = "{{ raise_exception('System role not supported') }}"


def tiny_tokenizer(texts: Iterable[str] = (), template: str | None = CHATML):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    words = [f" {word} {word}" for word in (*FLOORS, *APPRAISALS)] * 3
    made.train_from_iterator(
        [system_prompt(), *words, *texts],
        trainers.BpeTrainer(
            vocab_size=700,
            special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = template
    return tokenizer


def write_tiny_llama(to: Path, texts: Iterable[str] = (), seed: int = 0) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny_tokenizer(texts)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    # LoRA leaves these two as they are; drawn larger, the model can be sure of a token.
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(50)
        model.lm_head.weight.mul_(20)
    model.save_pretrained(str(to))
    tokenizer.save_pretrained(str(to))
    return to


def write_examples(to: Path, lines: Iterable[dict[str, object]]) -> Path:
    to.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return to
