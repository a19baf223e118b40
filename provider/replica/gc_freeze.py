"""Garbage is not looked for in what is made to stay: an image of thousands of rollouts is a million objects."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def made_to_stay() -> Iterator[None]:
    """Make objects that stay: none of them is looked at by the collector, neither meanwhile nor later.

    Else it goes through all of them again and again as they become more: a third of a worker's start. They are freed
    as they are replaced all the same, as nothing in an image refers back.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()
