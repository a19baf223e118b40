"""Waiting for what is to come."""

import time
from collections.abc import Callable

_LOOK_SECONDS = 0.02


class NotInTimeError(Exception):
    """What was waited for has not come; the words name it."""


def wait_for(holds: Callable[[], bool], *, what: str, seconds: float = 30.0) -> float:
    """Wait until something holds, and tell how many seconds that took. Raises NotInTimeError."""
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > seconds:
            raise NotInTimeError(f"not in {seconds:g} s: {what}")
        time.sleep(_LOOK_SECONDS)
    return time.monotonic() - started
