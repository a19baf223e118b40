"""Computations that take long, in a thread beside a worker's event loop, which answers polls meanwhile."""

from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import gevent
from gevent.lock import BoundedSemaphore
from gevent.monkey import is_module_patched

Result = TypeVar("Result")

# Every parser is done with so much within some milliseconds.
SMALL_BYTES = 16 * 1024
# One at a time: the others wait without using the processor, and polls get at least half of it.
_ONE_AT_A_TIME = BoundedSemaphore(1)


def run_sized(compute: Callable[[], Result], *, size: int) -> Result:
    """Compute something of so many bytes: where it is called if they are few, else as `run_off_loop` does."""
    return compute() if size <= SMALL_BYTES else run_off_loop(compute)


def run_off_loop(compute: Callable[[], Result]) -> Result:
    """Return the result of a computation; raise what it raises. It must use no socket and no lock of the event loop.

    Without gevent's patches, as in the controller, it runs where it is called.
    """
    if not is_module_patched("threading"):
        return compute()
    with _ONE_AT_A_TIME:
        outcome: _Outcome[Result] = gevent.get_hub().threadpool.apply(copy_context().run, (_Outcome.of, compute))
    return outcome.result()


@dataclass(frozen=True)
class _Outcome(Generic[Result]):
    """What a computation returned or raised: gevent's pool would print what is raised in a thread of its own."""

    value: Result | None
    error: Exception | None

    @classmethod
    def of(cls, compute: Callable[[], Result]) -> "_Outcome[Result]":
        """Compute."""
        try:
            return cls(compute(), None)
        except Exception as error:  # noqa: BLE001 it is raised by `result`
            return cls(None, error)

    def result(self) -> Result:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        return cast("Result", self.value)
