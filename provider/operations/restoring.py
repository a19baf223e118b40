"""Decide which side is right when the store holds less than what is served."""

from enum import StrEnum

from provider.feed import Feed
from provider.operations.calls import Call
from provider.store import Contents, Store


class Truth(StrEnum):
    """Where the truth is taken from."""

    SERVED = "served"
    """What the provider serves, from memory or its snapshot."""
    STORED = "stored"
    """What Redis has now, even if that is nothing."""


class Restoring:
    """Brings the store and what is served together again."""

    def __init__(self, store: Store, feed: Feed) -> None:
        self._store = store
        self._feed = feed

    def restore(self, truth: Truth, call: Call) -> int:
        """Make the store hold what one of them has, under the lineage that is served; answer the new revision.

        All workers then follow the store again, as its revision is above everything that was served.
        """
        served = self._feed.contents()
        right = served if truth is Truth.SERVED else self._store.load()
        contents = Contents(served.lineage, max(served.revision, right.revision), right.documents)
        return self._store.restore(contents, actor=call.actor, reason=call.reason)
