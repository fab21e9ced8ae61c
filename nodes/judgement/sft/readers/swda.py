"""Switchboard dialogue acts: telephone talk of two strangers, without times.

https://github.com/NathanDuran/Switchboard-Corpus, GPL-3.0: a tar of text files, one a conversation,
each line `speaker|words|act`.
"""

import tarfile
from pathlib import Path, PurePosixPath

from graph.errors import BadInput
from nodes.judgement.sft.talk import Stretch, Talk, talk_of
from nodes.judgement.spoken import spoken


def read_swda(path: Path) -> list[Talk]:
    """The conversations of the archive; raises `BadInput` with file and line of what is wrong."""
    talks = []
    try:
        with tarfile.open(path) as archive:
            for member in archive:  # in the archive's order: it can only be unpacked forwards
                inside = PurePosixPath(member.name)
                file = archive.extractfile(member) if inside.suffix == ".txt" else None
                if file and inside.parent.name != "metadata":
                    text = file.read().decode("utf-8")
                    talks.append(_conversation(f"{path.name}:{inside.name}", inside.stem, text))
    except (OSError, EOFError, tarfile.TarError, UnicodeDecodeError) as error:
        raise BadInput("file", str(path), f"cannot be read: {error}") from None
    return sorted(talks, key=lambda talk: talk.id)


def _conversation(place: str, name: str, text: str) -> Talk:
    stretches = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        speaker, _, rest = line.partition("|")
        words, found, act = rest.rpartition("|")
        if not found or not speaker:
            raise BadInput(f"{place}:{number}", line, "should be speaker|words|act")
        stretches.append(Stretch(speaker, 0.0, 0.0, tuple(spoken(words)), act=act))
    return talk_of(f"swda-{name}", stretches, timed=False)
