"""Who writes the same document in one process takes turns: in conflicts most of the work would be thrown away."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_PATIENCE_SECONDS = 1.0


@dataclass
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    takers: int = 0


class Turns:
    """Turns by key. They are a courtesy: the store decides whose write holds, and other processes take no part.

    So whoever has waited for `patience_seconds`, as writes hang with a store that is away, goes without a turn.
    """

    def __init__(self, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._turns: dict[Hashable, _Turn] = {}
        self._guard = threading.Lock()

    @contextmanager
    def of(self, key: Hashable) -> Iterator[None]:
        """Wait for a turn, and have it until the context is left."""
        with self._guard:
            turn = self._turns.setdefault(key, _Turn())
            turn.takers += 1
        has_turn = turn.lock.acquire(timeout=self._patience_seconds)
        try:
            yield
        finally:
            if has_turn:
                turn.lock.release()
            self._leave(key, turn)

    def _leave(self, key: Hashable, turn: _Turn) -> None:
        with self._guard:
            turn.takers -= 1
            if not turn.takers:
                del self._turns[key]
