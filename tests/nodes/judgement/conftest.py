"""The data folder, where this machine has it."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def data() -> Path:
    folder = Path(os.environ.get("CLEANS2S_DATA", ROOT / ".." / "shared" / "data"))
    if not (folder / "judgement").is_dir():
        pytest.skip(f"no data folder at {folder} (set CLEANS2S_DATA)")
    return folder
