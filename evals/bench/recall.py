"""Recall from the default memory that holds a thousand facts of one user."""

import asyncio
import tempfile
import time
from pathlib import Path

from evals.bench import stage
from evals.bench.figure import Figure, spread
from graph.services import build_services
from graph.settings import load_settings
from graph.state import Exchange

FACTS, QUERIES, WARM_UP = 1000, 100, 10
THINGS = "kettle bicycle violin garden brother harbour dentist recipe passport lantern".split()
PLACES = "Lisbon Oslo Kyoto Quito Cairo Dublin Hanoi Lima Malmo Perth".split()
MOODS = "old red broken borrowed tiny expensive wooden forgotten favourite noisy".split()


def measure() -> list[Figure]:
    """Queries of five words, one after another, none of them asked before."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Figure]:
    services = build_services(load_settings(data_dir=folder, memory={"backend": "mem0"}))
    memory = services.memory
    assert memory
    await memory.open()
    begun = time.perf_counter()
    await memory.remember([_exchange(number) for number in range(FACTS)], "bench", stage.STARTED)
    written = time.perf_counter() - begun
    taken: list[float] = []
    found = 0
    for number in range(WARM_UP + QUERIES):
        thing, place = THINGS[number % 10], PLACES[number // 10 % 10]
        query = f"what about my {thing} from {place} number {number}"
        begun = time.perf_counter()
        recollection = await memory.recall(query, "bench", stage.STARTED + 10.0 * FACTS)
        taken.append(1000 * (time.perf_counter() - begun))
        found += bool(recollection.facts)
    await services.close()
    assert found == WARM_UP + QUERIES, "a query that finds nothing measures nothing"
    return [
        spread("recall, 1,000 facts, mem0", "ms", taken[WARM_UP:], note="off the mind's path"),
        Figure("  writing a fact", "ms", 1000 * written / FACTS, n=FACTS, note="mean"),
    ]


def _exchange(number: int) -> Exchange:
    mood, thing, place = MOODS[number // 100], THINGS[number // 10 % 10], PLACES[number % 10]
    said = f"I bought a {mood} {thing} in {place} for {number} crowns."
    return Exchange(f"bench/t{number}", said, "I see.", stage.STARTED + 10.0 * number)
