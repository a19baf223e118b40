"""Who writes the same document in one process takes turns: in conflicts most of the work would be thrown away."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

# So many that two documents written at once rarely share one, and so few that they need no tidying up.
_LOCKS = 256
_PATIENCE_SECONDS = 1.0


class Turns:
    """Turns by key. They are a courtesy: the store decides whose write holds, and other processes take no part.

    So whoever has waited for `patience_seconds`, as writes hang with a store that is away, goes without a turn.
    """

    def __init__(self, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._locks = tuple(threading.Lock() for _ in range(_LOCKS))
        self._patience_seconds = patience_seconds

    @contextmanager
    def of(self, key: Hashable) -> Iterator[None]:
        """Wait for a turn, and have it until the context is left."""
        lock = self._locks[hash(key) % _LOCKS]
        has_turn = lock.acquire(timeout=self._patience_seconds)
        try:
            yield
        finally:
            if has_turn:
                lock.release()
