"""The estimator that ships: small networks over word pieces, on the CPU, for every partial.

How they were trained and how well they do: `models/encoder/README.md`.
"""

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from graph.state import Estimate, is_cjk
from nodes.judgement.appraisal import appraisal_of
from nodes.judgement.estimator import View
from nodes.judgement.network import Network
from nodes.judgement.rules import RulesEstimator
from nodes.judgement.spoken import spoken

MODEL = Path(__file__).parent / "models" / "encoder"

_CACHED = 4096
"""Estimates kept; the oldest goes first."""


class EncoderEstimator:
    """Turn completion and appraisal from the turn's words, its context and what was said before.

    A text without words, or in a script that the networks do not know, is judged by `rules`.
    `warm` loads the networks, or the first estimate does; both raise `Unavailable` if they cannot.
    Safe to share by all sessions of an event loop; equal views cost nothing the second time.
    """

    def __init__(self, folder: Path = MODEL) -> None:
        self._folder = folder
        self._network: Network | None = None
        self._rules = RulesEstimator()
        self._known: OrderedDict[View, Estimate] = OrderedDict()

    async def warm(self) -> None:
        """Loads the networks (about half a second) and runs them once."""
        await self.estimate(View("hello there"))

    async def estimate(self, view: View) -> Estimate:
        """See `Estimator.estimate`."""
        if not spoken(view.text) or any(is_cjk(sign) for sign in view.text):
            return await self._rules.estimate(view)
        found = self._known.get(view)
        if found is None:
            # The network is no state of a session: who no longer waits for it leaves it an entry.
            found = await asyncio.get_running_loop().run_in_executor(_worker(), self._read, view)
            self._known[view] = found
            if len(self._known) > _CACHED:
                self._known.popitem(last=False)
        return found

    def _read(self, view: View) -> Estimate:
        if self._network is None:
            self._network = Network(self._folder)
        network = self._network
        _, _, over = network.after(network.pieces.newest(view))
        pieces = network.pieces
        appraisals = network.appraisals(pieces.answered(view), pieces.of(spoken(view.text)))
        appraisal, certainty = appraisal_of(appraisals, view, network.vectors)
        return Estimate(min(1.0, over), appraisal, certainty, source="encoder")


@cache
def _worker() -> ThreadPoolExecutor:
    """One for the process: two estimates at once would only take each other's core."""
    return ThreadPoolExecutor(1, thread_name_prefix="encoder")
