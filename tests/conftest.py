import importlib.util

import anyio
import pytest

# anyio loads the rest of itself when it is first used. pytest rewrites what it imports, and Python
# 3.11's parser fails now and then where that happens deep within a running event loop.
anyio.open_file  # noqa: B018


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if importlib.util.find_spec("torch") is not None:
        return
    without_torch = pytest.mark.skip(reason="needs torch: `make test-train` runs it in .venv-train")
    for item in items:
        if item.get_closest_marker("train"):
            item.add_marker(without_torch)
