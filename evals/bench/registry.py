"""All benches by name, in the order in which they run. A new one is a file and a line here."""

from collections.abc import Callable, Mapping, Sequence

from evals.bench import cold_start, hour, partial, recall, typed_turn
from evals.bench.figure import Figure

BENCHES: Mapping[str, Callable[[], Sequence[Figure]]] = {
    "partial": partial.measure,
    "typed_turn": typed_turn.measure,
    "recall": recall.measure,
    "cold_start": cold_start.measure,
    "hour": hour.measure,
}
