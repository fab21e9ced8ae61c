"""A trained judge as others serve it: the merged model for vLLM, a Modelfile for Ollama."""

from pathlib import Path

from peft import PeftModel

from nodes.judgement.llm_prompt import ANSWER_TOKENS
from nodes.judgement.sft.llm.model import load_model

MODELFILE = f"""\
# ollama create judge -f Modelfile
#
# Ollama runs GGUF files everywhere. llama.cpp makes one of this folder:
#   python llama.cpp/convert_hf_to_gguf.py . --outfile judge.gguf
# Where Ollama can run safetensors itself, `FROM .` does instead.
FROM ./judge.gguf
PARAMETER temperature 0
PARAMETER num_predict {ANSWER_TOKENS}
PARAMETER num_ctx 4096
"""


def merge(name: str, adapter: Path, to: Path) -> None:
    """Writes the model with the adapter worked in to the folder `to`, as safetensors.

    The folder loads in transformers and vLLM like the model that was trained.
    """
    model = load_model(name, as_stored=True)
    adapted = PeftModel.from_pretrained(model.net, str(adapter))
    adapted.merge_and_unload(safe_merge=True).save_pretrained(str(to))
    model.tokenizer.save_pretrained(str(to))
    (to / "Modelfile").write_text(MODELFILE, encoding="utf-8")
