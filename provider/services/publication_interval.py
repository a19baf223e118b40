"""How often the servers of a group are published: each publication makes every Traefik rebuild its routing."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_BURST = 10.0
_PER_SECOND = 1.0
_REMEMBERED = 20_000


@dataclass
class _Budget:
    left: float
    at: float


class PublicationPace:
    """A budget for each group: ten publications at once, one a second from then on. Of one process."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._budgets: dict[str, _Budget] = {}
        self._lock = threading.Lock()

    def seconds_to_wait(self, group: str) -> float:
        """Take one publication of a group, and return after how many seconds it may happen."""
        now = self._clock()
        with self._lock:
            if len(self._budgets) >= _REMEMBERED and group not in self._budgets:
                self._budgets.clear()
            budget = self._budgets.setdefault(group, _Budget(_BURST, now))
            budget.left = min(_BURST, budget.left + (now - budget.at) * _PER_SECOND)
            budget.at = now
            if budget.left >= 1:
                budget.left -= 1
                return 0.0
            # Whoever waits for the same moment finds what all of them have changed, and one of them publishes it.
            return (1 - budget.left) / _PER_SECOND
