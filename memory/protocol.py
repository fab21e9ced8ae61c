"""What a memory does for the dialogue, whatever keeps it."""

from collections.abc import Sequence
from typing import Protocol

from graph.errors import Unavailable
from graph.state import Exchange, Recollection


class MemoryUnavailable(Unavailable):
    """The memory's folder or its store cannot be used now; the message names it and what to do."""


class Memory(Protocol):
    """Keeps what users said, apart from each other, beyond the session and the process.

    `user` is the id that the server vouches for; any text but the empty one will do, and it is
    compared as it is. Times are unix seconds.
    """

    async def recall(self, query: str, user: str, now: float) -> Recollection:
        """What fits `query` (words of the open turn; may be empty), and the signals of time.

        Raises `BadInput` for a wrong argument and `MemoryUnavailable` if the store fails.
        """

    async def remember(self, turns: Sequence[Exchange], user: str, now: float) -> None:
        """Keeps closed turns; one that is kept already, by its id, is left as it is.

        When it returns, all are on disk. When it raises (`BadInput`, `MemoryUnavailable`) or the
        process dies in it, call it again with the same turns: nothing is kept twice.
        """

    async def close(self) -> None:
        """Finishes what is being written and lets go of the folder."""


class Summariser(Protocol):
    """Folds turns into a running summary of bounded length."""

    async def summarise(self, previous: str, turns: Sequence[Exchange], now: float) -> str:
        """A summary of all that `previous` tells and of `turns`, which come after it in time."""
