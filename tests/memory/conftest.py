import os
from pathlib import Path

import pytest

from memory.embedder import MiniLm
from tests.memory.keeping import BACKENDS, Backend


@pytest.fixture(scope="session")
def embedder() -> MiniLm:
    return MiniLm()


@pytest.fixture(params=list(BACKENDS))
def backend(request: pytest.FixtureRequest, embedder: MiniLm) -> Backend:
    """Opens one of the two backends on a folder."""
    name: str = request.param
    return lambda folder: BACKENDS[name](folder, embedder)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with public data; skips where it is missing."""
    folder = Path(os.environ.get("CLEANS2S_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data folder at {folder} (set CLEANS2S_DATA)")
    return folder
