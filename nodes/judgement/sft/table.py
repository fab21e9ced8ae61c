"""Reading tables so that what is wrong is named: file, line, column and value."""

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from graph.errors import BadInput

csv.field_size_limit(2**31 - 1)  # a long utterance with its word times is longer than the default


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """The file as text, UTF-8, unpacked where its name ends in .gz; raises `BadInput`."""
    try:
        file: TextIO
        if path.suffix == ".gz":
            file = gzip.open(path, "rt", encoding="utf-8-sig", newline="")  # noqa: SIM115
        else:
            file = path.open(encoding="utf-8-sig", newline="")
        with file:
            yield file
    except (OSError, EOFError) as error:
        raise BadInput("file", str(path), f"cannot be read: {error}") from None
    except UnicodeDecodeError as error:
        raise BadInput("file", str(path), f"is not UTF-8: {error.reason}") from None


def rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The rows of a CSV file with a header, each with its place ("talk.csv:12").

    Raises `BadInput` where a column is missing or a row is short.
    """
    with opened(path) as file:
        reader = csv.DictReader(file)
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise BadInput(
                f"{path.name}: header", reader.fieldnames, f"needs the column {missing[0]}"
            )
        for row in reader:
            place = f"{path.name}:{reader.line_num}"
            if any(row[column] is None for column in columns):
                raise BadInput(place, row, "has fewer columns than the header")
            yield place, row


def seconds(text: str, place: str) -> float:
    """A time in seconds; raises `BadInput` where it is none, or not finite."""
    try:
        value = float(text)
    except ValueError:
        raise BadInput(place, text, "should be seconds") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise BadInput(place, text, "should be seconds")
    return value


def clock(text: str, place: str) -> float:
    """Seconds of a time like 00:16:21,731 or 16:21.731; raises `BadInput`."""
    parts = text.strip().replace(",", ".").split(":")
    try:
        if not 2 <= len(parts) <= 3:
            raise ValueError
        value = 0.0
        for part in parts:
            value = 60 * value + float(part)
    except ValueError:
        raise BadInput(place, text, "should be a time like 00:16:21,731") from None
    return value
