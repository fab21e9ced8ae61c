"""The encoder's networks, run by onnxruntime on one thread; made by `nodes/judgement/sft`."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graph.errors import Unavailable
from graph.state import Appraisal
from nodes.judgement.pieces import Pieces, Read

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Floats = NDArray[np.float32]

VECTORS_FILE = "vectors.npz"
TURNS_FILE = "turns.onnx"
APPRAISER_FILE = "appraiser.onnx"
PIECES_FILE = "tokenizer.json"

APPRAISALS: tuple[Appraisal, ...] = ("affront", "unreasonable", "agreement", "conflict")
"""The appraiser's outputs, in their order."""


_RARER = {"affront": 2.0, "unreasonable": 4.0}
"""How much rarer it is in talk than in the training, which is full of insults and wicked requests:
the odds are divided by it. A harmless word taken amiss is what people hate most."""

WINDOW_PIECES = 16
"""Pieces of a turn that are appraised at once: an insult must not drown in the words around it."""
_STRIDE = WINDOW_PIECES // 2
"""Pieces from one window of a long turn to the next."""


class Vectors:
    """Word vectors of width 384: a table of int8 rows with a scale each."""

    def __init__(self, file: Path, pieces: Pieces) -> None:
        with np.load(file) as table:
            self._rows: NDArray[np.int8] = table["rows"]
            self._scales: Floats = table["scales"]
        self._pieces = pieces

    def take(self, ids: Sequence[int]) -> Floats:
        """Vectors (pieces, 384) of piece ids."""
        at = np.array(ids, np.int64)
        found: Floats = self._rows[at] * self._scales[at, None]
        return found

    def of(self, words: Sequence[str]) -> Floats:
        """A vector (words, 384) for each word: the mean of its pieces."""
        if not words:
            return np.zeros((0, self._rows.shape[1]), np.float32)
        return np.stack([self._word(word) for word in words])

    @lru_cache(maxsize=20_000)  # noqa: B019  (one object a process)
    def _word(self, word: str) -> Floats:
        ids = self._pieces.of([word]) or [self._pieces.unknown]
        mean: Floats = self.take(ids).mean(0)
        return mean


class Network:
    """What the files of a folder tell of pieces. Not for two threads at once.

    Raises `Unavailable` where a file is missing or broken.
    """

    def __init__(self, folder: Path) -> None:
        self.pieces = Pieces(folder / PIECES_FILE)
        try:
            self.vectors = Vectors(folder / VECTORS_FILE, self.pieces)
            self._turns = _session(folder / TURNS_FILE)
            self._appraiser = _session(folder / APPRAISER_FILE)
        except Unavailable:
            raise
        except Exception as error:  # onnxruntime and numpy raise many kinds
            raise Unavailable(
                f"encoder: the files in {folder} cannot be loaded: {error}"
            ) from error

    def after(self, read: Read) -> tuple[float, float, float]:
        """Probabilities of flow, a pause and the end behind the last piece."""
        words = self.vectors.take(read.ids)[None]
        likely = _run(self._turns, words=words, sides=np.array([read.sides]))
        flow, pause, end = (float(p) for p in likely)
        return flow, pause, end

    def appraisals(self, answered: Sequence[int], ids: Sequence[int]) -> dict[Appraisal, float]:
        """The probability of each appraisal in a turn's pieces, each by itself.

        `answered` are pieces of what the agent had said before. A long turn is read in windows;
        those behind the newest are not read again.
        """
        windows = [ids[at : at + WINDOW_PIECES] for at in range(0, len(ids), _STRIDE)]
        full = [w for w in windows[:-1] if len(w) == WINDOW_PIECES]
        newest = [*full, ids[-WINDOW_PIECES:]]
        read = [self._window(tuple(answered), tuple(window)) for window in newest]
        found = dict(zip(APPRAISALS, np.max(read, axis=0).tolist(), strict=True))
        return {name: _rarer(p, _RARER.get(name, 1.0)) for name, p in found.items()}

    @lru_cache(maxsize=1000)  # noqa: B019  (one object a process)
    def _window(self, answered: tuple[int, ...], ids: tuple[int, ...]) -> Floats:
        words = self.vectors.take((*answered, self.pieces.turn, *ids))[None]
        # From the piece on that the window begins with, the turn is what is appraised.
        return _run(self._appraiser, words=words, first=np.array([len(answered)]))


def _rarer(p: float, times: float) -> float:
    """A probability whose odds are divided by `times`."""
    return p / (p + times * (1 - p))


def _run(session: "InferenceSession", **given: NDArray[np.generic]) -> Floats:
    """The one row of the one output; raises `Unavailable` where the graph is not ours."""
    try:
        found: Floats = session.run(None, given)[0][0]
    except Exception as error:  # onnxruntime raises kinds of its own
        raise Unavailable(f"encoder: the network does not run: {error}") from error
    return found


def _session(file: Path) -> "InferenceSession":
    import onnxruntime as ort

    if not file.is_file():
        raise Unavailable(f"encoder: {file} is missing; install CleanS2S anew")
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
