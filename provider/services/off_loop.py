"""Computations that take long, in a thread beside a worker's event loop, which answers polls meanwhile."""

from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

import gevent
from gevent.lock import BoundedSemaphore
from gevent.monkey import is_module_patched

Result = TypeVar("Result")

# One at a time: the others wait without using the processor, and polls get at least half of it.
_ONE_AT_A_TIME = BoundedSemaphore(1)


def run_off_loop(compute: Callable[[], Result]) -> Result:
    """Return the result of a computation; raise what it raises. It must use no socket and no lock of the event loop.

    Without gevent's patches, as in the controller, it runs where it is called.
    """
    if not is_module_patched("threading"):
        return compute()
    with _ONE_AT_A_TIME:
        result: Result = gevent.get_hub().threadpool.apply(copy_context().run, (compute,))
        return result
