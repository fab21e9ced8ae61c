"""Switchboard dialogue acts: telephone talk of two strangers, without times.

https://github.com/NathanDuran/Switchboard-Corpus, GPL-3.0: a tar of text files, one a conversation,
each line `speaker|words|act`.
"""

import tarfile
from pathlib import Path, PurePosixPath

from graph.errors import BadInput
from nodes.judgement.sft.talk import Stretch, Talk, spoken, talk_of


def read_swda(path: Path) -> list[Talk]:
    """The conversations of the archive; raises `BadInput` with file and line of what is wrong."""
    talks = []
    try:
        with tarfile.open(path) as archive:
            members = [m for m in archive.getmembers() if m.isfile() and m.name.count("/") == 2]
            for member in sorted(members, key=lambda member: member.name):
                inside = PurePosixPath(member.name)
                if inside.suffix == ".txt" and inside.parent.name != "metadata":
                    file = archive.extractfile(member)
                    assert file is not None
                    text = file.read().decode("utf-8")
                    talks.append(_conversation(f"{path.name}:{inside.name}", inside.stem, text))
    except (OSError, EOFError, tarfile.TarError, UnicodeDecodeError) as error:
        raise BadInput("file", str(path), f"cannot be read: {error}") from None
    return talks


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
