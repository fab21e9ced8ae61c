"""All benches by name, in the order in which they run. A new one is a file and a line here."""

from collections.abc import Callable, Mapping, Sequence

from evals.bench import (
    cold_start,
    first_audio,
    hour,
    partial,
    recall,
    recordings,
    typed_turn,
    wire,
)
from evals.bench.figure import Figure

BENCHES: Mapping[str, Callable[[], Sequence[Figure]]] = {
    "partial": partial.measure,
    "typed_turn": typed_turn.measure,
    "first_audio": first_audio.measure,
    "wire": wire.measure,
    "recordings": recordings.measure,
    "recall": recall.measure,
    "cold_start": cold_start.measure,
    "hour": hour.measure,
}
