"""Word-timed CSV: what forced aligners and recognisers with word times give.

Columns `speaker,start,end,word` (seconds), and `dialogue` where a file holds several.
"""

from collections import defaultdict
from pathlib import Path

from graph.errors import BadInput
from nodes.judgement.sft.table import rows, seconds
from nodes.judgement.sft.talk import Talk, Word, stretches_of, talk_of


def read_words_csv(path: Path) -> list[Talk]:
    """The talks of a file; raises `BadInput` with line and column of what is wrong."""
    words: dict[str, dict[str, list[Word]]] = defaultdict(lambda: defaultdict(list))
    for place, row in rows(path, ("speaker", "start", "end", "word")):
        if not row["speaker"].strip():
            raise BadInput(f"{place}: speaker", row["speaker"], "every word needs one")
        word = Word(
            row["word"],
            seconds(row["start"], f"{place}: start"),
            seconds(row["end"], f"{place}: end"),
        )
        if word.end < word.start:
            raise BadInput(f"{place}: end", word.end, f"lies before its start {word.start}")
        words[row.get("dialogue") or path.stem][row["speaker"].strip()].append(word)
    return [
        talk_of(
            dialogue,
            (stretch for name, said in by_speaker.items() for stretch in stretches_of(name, said)),
        )
        for dialogue, by_speaker in words.items()
    ]
