"""A judge trained once, on the command line, from a model made here."""

import json
import os
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from nodes.judgement.sft.llm.serve import Speaker, app
from server.cli import main
from tests.sft_llm.tiny_llama import write_examples, write_tiny_llama

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

WORDS = {
    "respond": "please thanks now done over",
    "listen": "and but so because or",
    "affront": "stupid idiot useless rubbish",
    "plain": "tea bread soup cake",
}
"""What can be known by the words alone, however small the model."""


def lines(count: int, name: str) -> list[dict[str, object]]:
    chance = random.Random(name)
    made: list[dict[str, object]] = []
    for number in range(count):
        label = chance.choice(list(WORDS))
        said = [chance.choice(WORDS[label].split()) for _ in range(24)]
        at = "pause" if label in ("respond", "listen") else "end"
        made.append(
            {
                "id": f"{name}-{number}", "dialogue": f"{name}-{number}", "context": [],
                "partial": " ".join(said), "at": at, "label": label, "weight": 1.0, "soon": None,
            }
        )  # fmt: skip
    return made


@contextmanager
def served(speaker: Speaker) -> Iterator[str]:
    """The URL of a server of its own thread."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app(speaker, "judge"), log_level="warning"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join()


@dataclass(frozen=True)
class Trained:
    base: Path
    out: Path
    held_out: list[dict[str, object]]

    @property
    def report(self) -> dict[str, object]:
        read: dict[str, object] = json.loads((self.out / "training.json").read_text())
        return read


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    import torch

    torch.set_num_threads(1)  # several threads wait for each other where the cores are busy
    folder = tmp_path_factory.mktemp("sft")
    held_out = lines(40, "held")
    learnt = lines(200, "learnt")
    base = write_tiny_llama(folder / "base", [str(line["partial"]) for line in learnt])
    recipe = ["--rate", "1e-2", "--epochs", "3", "--batch", "8", "--at-once", "8", "--dropout", "0"]
    done = main(
        ["sft", "llm", "--model", str(base), "--out", str(folder / "out"), "--merge",
         "--examples", str(write_examples(folder / "train.jsonl", learnt)),
         "--held-out", str(write_examples(folder / "held_out.jsonl", held_out)), *recipe]
    )  # fmt: skip
    assert done == 0
    return Trained(base, folder / "out", held_out)
