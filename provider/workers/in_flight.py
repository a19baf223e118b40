"""Calls that may take long, one at a time for each peer: what is not done in time is taken up by a later round."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

Result = TypeVar("Result")

_AT_ONCE = 32


class InFlight(Generic[Result]):
    """Makes one call for each key, and returns what is done in time: a peer that hangs does not delay the others."""

    def __init__(self, name: str, *, patience_seconds: float) -> None:
        """Wait for the calls of each round so long."""
        self._patience = patience_seconds
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=name)
        self._running: dict[str, Future[Result]] = {}

    def done(self, calls: Mapping[str, Callable[[], Result]]) -> Mapping[str, Result]:
        """Begin the calls that are not under way, and return the results that there are; raise what a call raises."""
        kept = {key: future for key, future in self._running.items() if key in calls}
        begun = {key: self._pool.submit(call) for key, call in calls.items() if key not in kept}
        self._running = {**kept, **begun}
        # A call that an earlier round has waited for already is not waited for again.
        wait(begun.values(), timeout=self._patience)
        done = {key: future for key, future in self._running.items() if future.done()}
        self._running = {key: future for key, future in self._running.items() if key not in done}
        return {key: future.result() for key, future in done.items()}

    def close(self) -> None:
        """Let go of the threads."""
        self._pool.shutdown(wait=False)
