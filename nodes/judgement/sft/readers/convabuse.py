"""ConvAbuse: what people write to chatbots, rated by several annotators for abuse.

https://github.com/amandacurry/convabuse, CC BY 4.0. Each annotator gives one rating from 1 (not
abusive) to -3 (strongly abusive).
"""

from collections.abc import Mapping
from pathlib import Path

from graph.errors import BadInput
from nodes.judgement.sft.example import Example
from nodes.judgement.sft.table import rows

_COLUMNS = ("example_id", "conv_id", "prev_agent", "prev_user", "agent", "user")
_RATINGS = (1, 0, -1, -2, -3)
_ANNOTATORS = range(1, 9)


def read_convabuse(path: Path) -> list[Example]:
    """User turns with their context: an affront where the mean rating is below 0.

    The weight is smaller where annotators disagree. Raises `BadInput` for an unrated row.
    """
    examples = []
    for place, row in rows(path, _COLUMNS):
        ratings = _ratings(row)
        if not ratings:
            raise BadInput(place, row["example_id"], "no annotator rated it")
        mean = sum(ratings) / len(ratings)
        abusive = sum(rating < 0 for rating in ratings) / len(ratings)
        context = (("agent", "prev_agent"), ("user", "prev_user"), ("agent", "agent"))
        examples.append(
            Example(
                id=f"convabuse-{path.stem}-{row['example_id']}",
                dialogue=f"convabuse-{row['conv_id']}",
                context=tuple((who, row[key]) for who, key in context if row[key]),
                partial=row["user"],
                at="end",
                label="affront" if mean < 0 else "plain",
                weight=0.4 + 1.2 * abs(abusive - 0.5),
            )
        )
    return examples


def _ratings(row: Mapping[str, str]) -> list[int]:
    return [
        rating
        for annotator in _ANNOTATORS
        for rating in _RATINGS
        if row.get(f"Annotator{annotator}_is_abuse.{rating}", "") in ("1", "1.0")
    ]
