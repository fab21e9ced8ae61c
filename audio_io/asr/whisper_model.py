"""Where a whisper model is: a folder, the cache of the Hugging Face hub, or the hub itself."""

import logging
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from graph.errors import BadInput, Unavailable

log = logging.getLogger(__name__)

_FILES = [
    "config.json",
    "preprocessor_config.json",
    "model.bin",
    "tokenizer.json",
    "vocabulary.*",
]


def find_model(name: str, answer_seconds: float) -> Path:
    """The folder of a CTranslate2 whisper model; downloads it where it is not in the cache.

    `name` is a size that faster-whisper knows, a folder, or a hub id (owner/name). A download shows
    its progress on stderr; a hub that does not answer within `answer_seconds` is unreachable.
    Raises `Unavailable`, saying what to do, or `BadInput` for a name that means nothing.
    """
    return local_model(name) or _download(_repo(name), answer_seconds)


def local_model(name: str) -> Path | None:
    """The folder of a model, named as for `find_model`, if it is on this machine; asks nobody."""
    return Path(name) if Path(name).is_dir() else cached_model(_repo(name))


def cached_model(repo: str) -> Path | None:
    """The folder of a hub id in the local cache; None where it is not there, or not whole."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        path = Path(snapshot_download(repo, allow_patterns=_FILES, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return path if (path / "model.bin").is_file() else None


def _repo(name: str) -> str:
    from faster_whisper import available_models
    from faster_whisper.utils import _MODELS  # its own download shows no progress

    if "/" in name:
        return name
    if name not in _MODELS:
        known = ", ".join(available_models())
        raise BadInput("asr.model", name, f"should be a folder, a hub id, or one of {known}")
    return str(_MODELS[name])


def _download(repo: str, answer_seconds: float) -> Path:
    from huggingface_hub import constants, snapshot_download

    how = (
        f"get it once on a machine with network (`hf download {repo}`) and set asr.model to its "
        f"folder, or set asr.engine to pocketsphinx"
    )
    if constants.HF_HUB_OFFLINE:
        raise Unavailable(f"the whisper model {repo} is not in the cache and HF_HUB_OFFLINE: {how}")
    hub = constants.ENDPOINT
    _ask(hub, repo, answer_seconds, how)
    log.warning("downloading the whisper model %s from %s, once", repo, hub)
    try:
        return Path(
            snapshot_download(
                repo, allow_patterns=_FILES, endpoint=hub, etag_timeout=answer_seconds
            )
        )
    except Exception as error:  # the client's errors have no base of their own
        raise Unavailable(
            f"the whisper model {repo} cannot be downloaded from {hub}: {error}; {how}"
        ) from error


def _ask(hub: str, repo: str, answer_seconds: float, how: str) -> None:
    """Whether the hub has the model: the hub client itself retries, and a resolver without network
    hangs for longer than any timeout of HTTP, so the question runs in a thread of its own.
    """
    import httpx

    url = f"{hub}/api/models/{repo}"
    answers: Queue[int | Exception] = Queue()

    def ask() -> None:
        try:
            with httpx.stream("GET", url, timeout=answer_seconds, follow_redirects=True) as answer:
                answers.put(answer.status_code)
        except (httpx.HTTPError, OSError) as error:
            answers.put(error)

    Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=answer_seconds)
    except Empty:
        answer = TimeoutError(f"no answer within {answer_seconds:g} s")
    if isinstance(answer, Exception):
        reason = str(answer) or type(answer).__name__
        raise Unavailable(
            f"{hub} cannot be reached ({reason}), and the whisper model {repo} is not in the "
            f"cache: {how}"
        ) from answer
    if answer != 200:
        raise Unavailable(f"{url} answers {answer}: {how}")
