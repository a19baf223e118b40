"""Decide which side is right when the store holds less than what is served."""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from provider.domain.fields import InvalidDocumentError, NotJsonError
from provider.net.off_loop import run_off_loop
from provider.replica import BehindError, Feed, read_rollout
from provider.services.write_requests import Call
from provider.store import Contents, Kind, Store, StoreUnavailableError
from provider.traefik.config import RouteTable

log = logging.getLogger(__name__)


class RestoreSource(StrEnum):
    """Source of the state to restore."""

    SERVED = "served"
    """The state that the provider serves, from memory or its snapshot."""
    STORED = "stored"
    """The state in Redis, even if it is empty."""


@dataclass(frozen=True)
class Restored:
    """The revision after a restore, and the pairs of rollouts in it that match the same requests."""

    revision: int
    overlapping_rules: Sequence[tuple[str, str]]


# A worker writes the snapshot every second.
_CATCH_UP_SECONDS = 3.0
_LOOK_SECONDS = 0.1


class Restoring:
    """Brings the store and what is served together again."""

    def __init__(self, store: Store, feed: Feed) -> None:
        self._store = store
        self._feed = feed

    def restore(self, truth: RestoreSource, call: Call) -> Restored:
        """Make the store hold what one of them has, under the lineage that is served.

        All workers then follow the store again, as its revision is above everything that was served. Rollouts that
        match the same requests are no reason to refuse: nothing else ends an outage. Raises StoreUnavailableError
        where only another worker knows what was served last.
        """
        served = self._stored_only(truth) if self._feed.has_served_nothing else self._served()
        right = served if truth is RestoreSource.SERVED else self._store.load()
        contents = Contents(served.lineage, max(served.revision, right.revision), right.documents)
        revision = self._store.restore(contents, actor=call.actor, reason=call.reason)
        pairs = run_off_loop(partial(_overlapping_rules, contents))
        for pair in pairs:
            log.warning("restore.overlapping_rules", extra={"rollouts": list(pair)})
        return Restored(revision, pairs)

    def _stored_only(self, truth: RestoreSource) -> Contents:
        """Return what the store holds, where nothing was served. Raises StoreUnavailableError for `served`."""
        stored = self._store.load()
        if truth is RestoreSource.SERVED or not stored.lineage:
            raise StoreUnavailableError(
                "nothing was served from this data directory: restore from stored, or start with a snapshot in it"
            )
        return stored

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


def _overlapping_rules(contents: Contents) -> Sequence[tuple[str, str]]:
    rollouts = {}
    for key, stored in contents.documents.items():
        if key.kind is Kind.ROLLOUT:
            with suppress(InvalidDocumentError, NotJsonError):  # the feed reports it
                rollouts[key.name] = read_rollout(key.name, stored)
    table = RouteTable()
    table.follow(rollouts)
    return list(table.equal_pairs())
