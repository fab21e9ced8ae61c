"""Whether this is the training environment."""

import importlib.util
import os

from graph.errors import Unavailable


def require_training(command: str) -> None:
    """Raises `Unavailable`, with what to do, where the training libraries are not installed."""
    missing = [name for name in ("torch", "trl", "peft") if not importlib.util.find_spec(name)]
    if missing:
        raise Unavailable(
            f"cleans2s {command} needs {', '.join(missing)}: `make train-env` installs them, "
            f"then run .venv-train/bin/cleans2s {command}"
        )
    # TRL tells the hub what is trained; read when its libraries are imported.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
