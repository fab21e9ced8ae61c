"""Facts in mem0 (https://docs.mem0.ai): embedded Qdrant and SQLite in one local folder.

With a language model mem0 extracts the facts from a turn; without one, or where it fails, what the
user said is kept as said. Nothing leaves the machine but the calls to that model: telemetry, and
the models that mem0 would fetch for its keyword search, are off (our ranking has its own).
"""

import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from graph.state import Exchange, Fact
from memory.database import unavailable
from memory.embedder import Embedder
from memory.keeper import Keeper, user_key
from memory.mem0_parts import PROVIDER, Chat, ChatForMem0, EmbedderForMem0
from memory.protocol import MemoryUnavailable, Summariser
from memory.sqlite_backend import as_said
from memory.temporal import local
from memory.words import is_filler

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

log = logging.getLogger(__name__)

CANDIDATES = 25
"""Facts nearest in meaning that are ranked for a query. All would find 1 % more (LoCoMo)."""
SHARDS = 64
"""Collections that the users are spread over: embedded Qdrant goes through all points of one."""

INSTRUCTIONS = """\
Remember only what the user tells: about themselves, the people and things around them, what they \
think and want, what was agreed. The assistant's lines are context, never a source.
Write every memory in the language that the user speaks.
This was said on {said:%A, %Y-%m-%d at %H:%M}: count words like "tomorrow" from that moment, \
whatever the Observation Date is."""


class Mem0Facts:
    """The `FactStore` over mem0. The folder is its own: embedded Qdrant allows one process."""

    name = "mem0"

    def __init__(
        self,
        folder: Path,
        embedder: Embedder,
        llm: "BaseChatModel | None" = None,
        zone: tzinfo | None = None,
    ) -> None:
        self._folder = folder
        self._zone = zone
        self._extracts = llm is not None
        self._extraction_failed = False
        # Embedded Qdrant is plain Python objects: one thread at a time.
        self._lock = Lock()
        self._embedder = embedder
        self._chat = None if llm is None else Chat(llm, self._lock)
        self._shards: dict[int, Any] = {}
        try:
            self._client = _open_qdrant(folder)
        except ImportError as error:
            raise MemoryUnavailable(
                f"memory: mem0 cannot be loaded ({error}); install CleanS2S anew, or set the"
                " memory backend to sqlite"
            ) from error
        except (sqlite3.Error, OSError, RuntimeError) as error:
            raise unavailable(folder, error) from error

    def write(self, user: str, turn: Exchange) -> None:
        """See `FactStore.write`."""
        if not (self._extracts and self._extract(user, turn)):
            self._add(user, turn, [("user", text) for text in as_said(turn)], infer=False)

    def erase(self, user: str, turn: str) -> None:
        """See `FactStore.erase`."""
        with self._lock, self._explained():
            filters = {"user_id": user, "turn_key": user_key(turn)}
            mem0 = self._shard(user)
            for fact in mem0.get_all(filters=filters, top_k=10_000)["results"]:
                mem0.delete(fact["id"])

    def near(self, user: str, query: str) -> list[Fact]:
        """See `FactStore.near`: the nearest facts of the user."""
        with self._lock, self._explained():
            found = self._shard(user).search(
                query, filters={"user_id": user}, top_k=CANDIDATES, threshold=0.0
            )["results"]
        return [
            Fact(hit["memory"], hit["metadata"]["said_at"], hit["score"], hit["metadata"]["turn"])
            for hit in found
            if hit["user_id"] == user
        ]

    def close(self) -> None:
        """See `FactStore.close`."""
        with self._lock:
            for shard in self._shards.values():
                shard.close()
            self._client.close()

    def _extract(self, user: str, turn: Exchange) -> bool:
        """Has the model extract the facts; False if it failed, then nothing is written."""
        from mem0.exceptions import LLMError

        if is_filler(turn.user, answers_count=True):
            return True
        instructions = INSTRUCTIONS.format(said=local(turn.at, self._zone))
        said = [("user", turn.user), ("assistant", turn.agent)]
        try:
            self._add(user, turn, said, infer=True, prompt=instructions)
        except LLMError as error:
            level = logging.DEBUG if self._extraction_failed else logging.WARNING
            log.log(level, "memory: no facts extracted, keeping the words as said: %s", error)
            self._extraction_failed = True
            return False
        self._extraction_failed = False
        return True

    def _add(
        self,
        user: str,
        turn: Exchange,
        said: list[tuple[str, str]],
        infer: bool,
        prompt: str | None = None,
    ) -> None:
        messages = [{"role": role, "content": text} for role, text in said if text.strip()]
        if not messages:
            return
        metadata = {
            "turn": turn.turn,
            "turn_key": user_key(turn.turn),
            "said_at": turn.at,
            "created_at": datetime.fromtimestamp(turn.at, UTC).isoformat(),
        }
        with self._lock, self._explained():
            self._shard(user).add(
                messages, user_id=user, metadata=metadata, infer=infer, prompt=prompt
            )

    def _shard(self, user: str) -> Any:
        """The mem0 that has this user, opened when first needed; call it with the lock held."""
        number = int(user[:8], 16) % SHARDS
        if number not in self._shards:
            self._shards[number] = _open_mem0(
                self._client, f"facts_{number:02}", self._folder, self._embedder, self._chat
            )
        return self._shards[number]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns what a broken store raises, in SQLite, Qdrant or mem0, into `MemoryUnavailable`."""
        from mem0.exceptions import VectorStoreError

        try:
            yield
        except (sqlite3.Error, OSError, RuntimeError, VectorStoreError) as error:
            raise unavailable(self._folder, error) from error


def _open_qdrant(folder: Path) -> Any:
    """Embedded Qdrant in this folder, with mem0 loaded such that it does not phone home."""
    os.environ["MEM0_TELEMETRY"] = "False"
    os.environ.setdefault("MEM0_DIR", str(folder))
    from mem0.memory import telemetry
    from mem0.utils.factory import EmbedderFactory, LlmFactory
    from qdrant_client import QdrantClient

    if telemetry.MEM0_TELEMETRY:
        raise RuntimeError("mem0 was imported with telemetry on; set MEM0_TELEMETRY=False")
    LlmFactory.register_provider(PROVIDER, _path(ChatForMem0))
    EmbedderFactory.provider_to_class[PROVIDER] = _path(EmbedderForMem0)
    return QdrantClient(path=str(folder / "qdrant"), force_disable_check_same_thread=True)


def _open_mem0(
    client: Any, collection: str, folder: Path, embedder: Embedder, chat: Chat | None
) -> Any:
    """mem0 on one collection."""
    from mem0 import Memory
    from mem0.configs.base import MemoryConfig
    from mem0.embeddings.configs import EmbedderConfig
    from mem0.llms.configs import LlmConfig
    from mem0.vector_stores.configs import VectorStoreConfig

    store = {
        "client": client,
        "collection_name": collection,
        "embedding_model_dims": embedder.dims,
    }
    # model_construct: the configs refuse providers that mem0 does not come with.
    config = MemoryConfig(
        vector_store=VectorStoreConfig(provider="qdrant", config=store),
        embedder=EmbedderConfig.model_construct(provider=PROVIDER, config={"model": embedder}),
        llm=LlmConfig.model_construct(provider=PROVIDER, config={"model": chat}),
        history_db_path=str(folder / "history.sqlite"),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Payload indexes have no effect")
        opened = Memory(config)
    _keep_offline(opened)
    return opened


def _keep_offline(opened: Any) -> None:
    """Marks as unavailable what mem0 would fetch from the network where spaCy or fastembed are
    installed: a language model for entities and lemmas, and one for BM25."""
    from mem0.utils import spacy_models

    spacy_models._load_failed_full = True
    spacy_models._load_failed_lemma = True
    opened.vector_store._bm25_encoder = False


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def open_mem0(
    folder: Path,
    embedder: Embedder,
    *,
    llm: "BaseChatModel | None" = None,
    facts: int = 5,
    summariser: Summariser | None = None,
    zone: tzinfo | None = None,
) -> Keeper:
    """A memory in mem0 in this folder, which is made if missing.

    Blocks for seconds (mem0's imports): call it in a thread. `llm` extracts the facts; `facts`:
    most facts of a recollection; `summariser` folds sessions that are over (default: extractive);
    `zone`: for times of day (default: this machine's). Raises `MemoryUnavailable`, also where
    another process has the folder.
    """
    return Keeper(
        folder,
        lambda: Mem0Facts(folder, embedder, llm, zone),
        facts=facts,
        summariser=summariser,
        zone=zone,
    )
