"""One measurement for all who wait for the same: a thousand of them ask a Traefik little more than one does."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Result = TypeVar("Result")

_SECONDS_FOR_EACH, _LONGEST_SECONDS = 0.002, 0.25


class SharedMeasurement(Generic[Result]):
    """The result of a function that several threads want at once, called by one of them at a time."""

    def __init__(self, measure: Callable[[], Result]) -> None:
        self._measure = measure
        self._last: tuple[float, Result] | None = None
        self._lock = threading.Lock()
        self._count = threading.Lock()
        self.users = 0

    @contextmanager
    def joined(self) -> Iterator[Callable[[], Result]]:
        """Yield what gives a result: never one that was measured before, and the older the more others there are."""
        joined_at = time.monotonic()
        with self._count:
            self.users += 1
        try:
            yield lambda: self._latest(joined_at)
        finally:
            with self._count:
                self.users -= 1

    def _latest(self, joined_at: float) -> Result:
        asked_at = time.monotonic()
        with self._lock:
            age = min(_LONGEST_SECONDS, _SECONDS_FOR_EACH * (self.users - 1))
            if self._last and self._last[0] >= max(joined_at, asked_at - age):
                return self._last[1]
            started_at = time.monotonic()
            result = self._measure()
            self._last = (started_at, result)
            return result
