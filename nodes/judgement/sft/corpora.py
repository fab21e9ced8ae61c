"""The corpora of the data folder: where each lies, how it is read, under which licence.

And what a user brings: `read_talks` knows the formats by their suffix.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from graph.errors import BadInput
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.guard import HeldOut, refuse_path
from nodes.judgement.sft.readers.convabuse import read_convabuse
from nodes.judgement.sft.readers.davidson import read_davidson
from nodes.judgement.sft.readers.maptask import read_maptask
from nodes.judgement.sft.readers.meld import read_meld
from nodes.judgement.sft.readers.mrda import read_mrda
from nodes.judgement.sft.readers.prompts import read_advbench, read_xstest
from nodes.judgement.sft.readers.rttm import read_rttm
from nodes.judgement.sft.readers.stm import read_stm
from nodes.judgement.sft.readers.subtitles import read_subtitles
from nodes.judgement.sft.readers.swda import read_swda
from nodes.judgement.sft.readers.words_csv import read_words_csv
from nodes.judgement.sft.talk import Talk

T = TypeVar("T")

DATA = Path(os.environ.get("CLEANS2S_DATA", "../shared/data"))
"""The data folder, beside the repository unless the environment says otherwise."""


@dataclass(frozen=True)
class Source:
    """Where a corpus lies below the data folder, and what the model card says of it."""

    file: str
    origin: str
    licence: str


TALKS: dict[str, tuple[Source, Callable[[Path], list[Talk]]]] = {
    "mrda": (
        Source("timed/mrda/mrda_timed.csv.gz", "github.com/NathanDuran/MRDA-Corpus", "GPL-3.0"),
        read_mrda,
    ),
    "meld": (
        Source("timed/meld/train_sent_emo.csv", "github.com/declare-lab/MELD", "GPL-3.0"),
        read_meld,
    ),
    "swda": (
        Source(
            "behaviour/swda/swda_data.tar.gz",
            "github.com/NathanDuran/Switchboard-Corpus",
            "GPL-3.0",
        ),
        read_swda,
    ),
    "maptask": (
        Source("timed/maptask/ipus.csv", "github.com/pastav/HCRC_Map_Task", "CC BY-NC-SA 2.5"),
        read_maptask,
    ),
}
"""Dialogues, by name. Map Task can be read, and the guard refuses to train on it."""

TEXTS: dict[str, tuple[Source, Callable[[Path], list[Example]]]] = {
    "convabuse": (
        Source(
            "behaviour/convabuse/ConvAbuseEMNLPtrain.csv",
            "github.com/amandacurry/convabuse",
            "CC BY 4.0",
        ),
        read_convabuse,
    ),
    "davidson": (
        Source(
            "behaviour/davidson/labeled_data.csv",
            "github.com/t-davidson/hate-speech-and-offensive-language",
            "MIT",
        ),
        read_davidson,
    ),
    "xstest": (
        Source(
            "behaviour/xstest/xstest_prompts.csv",
            "github.com/paul-rottger/exaggerated-safety",
            "CC BY 4.0",
        ),
        read_xstest,
    ),
    "advbench": (
        Source("behaviour/advbench/harmful_behaviors.csv", "github.com/YancyKahn/PocoGCG", "MIT"),
        read_advbench,
    ),
}
"""Texts with an appraisal, by name."""

TIAGE = Source("behaviour/tiage/anno_train.json", "github.com/HuiyuanXie/tiage", "MIT")

_FORMATS: dict[str, Callable[[Path], list[Talk]]] = {
    ".csv": read_words_csv,
    ".rttm": read_rttm,
    ".srt": read_subtitles,
    ".stm": read_stm,
    ".vtt": read_subtitles,
}


def load_talks(data: Path, names: Sequence[str]) -> list[Talk]:
    """The dialogues of the named corpora, for training; raises `BadInput`, see `HeldOut`."""
    talks = [talk for name in names for talk in _read(TALKS, name, data)]
    return list(HeldOut.of(data).admit_talks(talks))


def load_texts(data: Path, names: Sequence[str]) -> list[Example]:
    """The labelled texts of the named corpora, for training; raises `BadInput`, see `HeldOut`."""
    return HeldOut.of(data).admit(text for name in names for text in _read(TEXTS, name, data))


def read_talks(paths: Iterable[Path]) -> list[Talk]:
    """A user's recordings: files by their suffix, folders with all files of a known suffix.

    Raises `BadInput` for another suffix, a folder without such files, what cannot be read, and the
    judgement sets.
    """
    talks: list[Talk] = []
    for path in paths:
        refuse_path(path)
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.suffix in _FORMATS)
        if not files:
            raise BadInput("talks", str(path), f"has no file that ends in {', '.join(_FORMATS)}")
        for file in files:
            if file.suffix not in _FORMATS:
                raise BadInput("talks", str(file), f"should end in {', '.join(_FORMATS)}")
            talks += _FORMATS[file.suffix](file)
    return list(HeldOut().admit_talks(talks))


def _read(
    corpora: dict[str, tuple[Source, Callable[[Path], list[T]]]], name: str, data: Path
) -> list[T]:
    if name not in corpora:
        raise BadInput("corpora", name, f"there are {', '.join(corpora)}")
    source, reader = corpora[name]
    path = data / source.file
    refuse_path(path)
    return reader(path)
