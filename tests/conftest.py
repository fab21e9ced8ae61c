import importlib.util

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if importlib.util.find_spec("torch") is not None:
        return
    without_torch = pytest.mark.skip(reason="needs torch: `make test-train` runs it in .venv-train")
    for item in items:
        if item.get_closest_marker("train"):
            item.add_marker(without_torch)
