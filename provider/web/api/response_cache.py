"""A response that is expensive to write: kept for a moment, and written by one request at a time."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """The value of a function, called anew where the last one is older than some seconds."""

    def __init__(self, make: Callable[[], Value], *, seconds: float) -> None:
        self._make = make
        self._seconds = seconds
        self._last: tuple[float, Value] | None = None
        self._lock = threading.Lock()

    def latest(self) -> Value:
        """Return the value; whoever comes while it is made waits for it."""
        asked = time.monotonic()
        with self._lock:
            if self._last and asked - self._last[0] < self._seconds:
                return self._last[1]
            value = self._make()
            self._last = (time.monotonic(), value)
            return value
