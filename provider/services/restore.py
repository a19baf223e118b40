"""Decide which side is right when the store holds less than what is served."""

import time
from enum import StrEnum

from provider.replica import BehindError, Feed
from provider.services.write_requests import Call
from provider.store import Contents, Store, StoreUnavailableError


class Truth(StrEnum):
    """Source of the state to restore."""

    SERVED = "served"
    """The state that the provider serves, from memory or its snapshot."""
    STORED = "stored"
    """The state in Redis, even if it is empty."""


# A worker writes the snapshot every second.
_CATCH_UP_SECONDS = 3.0
_LOOK_SECONDS = 0.1


class Restoring:
    """Brings the store and what is served together again."""

    def __init__(self, store: Store, feed: Feed) -> None:
        self._store = store
        self._feed = feed

    def restore(self, truth: Truth, call: Call) -> int:
        """Make the store hold what one of them has, under the lineage that is served; answer the new revision.

        All workers then follow the store again, as its revision is above everything that was served. Raises
        StoreUnavailableError where only another worker knows what was served last.
        """
        served = self._served()
        right = served if truth is Truth.SERVED else self._store.load()
        contents = Contents(served.lineage, max(served.revision, right.revision), right.documents)
        return self._store.restore(contents, actor=call.actor, reason=call.reason)

    def _served(self) -> Contents:
        deadline = time.monotonic() + _CATCH_UP_SECONDS
        while True:
            try:
                return self._feed.served()
            except BehindError as error:
                if time.monotonic() > deadline or self._feed.wait_for_close(_LOOK_SECONDS):
                    raise StoreUnavailableError(
                        "this worker has not taken over what another one serves; try again soon"
                    ) from error
