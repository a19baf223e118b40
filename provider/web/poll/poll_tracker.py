"""What this worker saw of the gateways, noted for all workers without asking the store at every poll."""

import logging
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from provider.domain.fields import InvalidDocumentError, NotJsonError, decode_json, encode, read
from provider.domain.gateways import Sighting
from provider.observability import metrics
from provider.replica import Feed
from provider.services.clock_skew import ClockSkew
from provider.store import Store, StoreUnavailableError

log = logging.getLogger(__name__)

_REPORT_SECONDS = 5.0
# Of a worker, which can have as many connections.
_MOST_SIGHTINGS = 20_000


class SightingBook:
    """The newest poll of every connection. A new body that was served is reported at once, the rest in a while."""

    def __init__(
        self, store: Store, feed: Feed, *, skew: ClockSkew | None = None, most: int = _MOST_SIGHTINGS
    ) -> None:
        self._store = store
        self._skew = skew or ClockSkew(store)
        self._feed = feed
        self._most = most
        # The one that polled last is the last.
        self._seen: dict[str, Sighting] = {}
        # Encoded when it is reported: what a poll costs is paid by every poll. None is one that is gone.
        self._unreported: dict[str, Sighting | None] = {}
        self._lock = threading.Lock()
        # What is reported later must not be overtaken by what was seen earlier.
        self._reporting = threading.Lock()
        self._wake = threading.Event()
        self._host = socket.gethostname()
        self._worker = f"{self._host}/{os.getpid()}"

    def start(self) -> None:
        """Report in a thread of its own until the feed closes."""
        threading.Thread(target=self._run, name="sightings", daemon=True).start()

    def note(
        self,
        gateway: str,
        address: str,
        *,
        digest: str,
        revision: int,
        long_poll_seconds: int,
        is_authenticated: bool = False,
        taken: str = "",
        revision_taken: int = 0,
    ) -> None:
        """Note that a connection was served a body; `taken` is the one that it had read before."""
        sighting = Sighting(
            gateway=gateway,
            address=address,
            last_poll=datetime.now(UTC),
            revision_served=revision,
            digest=digest,
            long_poll_seconds=long_poll_seconds,
            taken=taken,
            revision_taken=revision_taken,
            worker=self._worker,
            is_authenticated=is_authenticated,
        )
        field = f"{gateway}@{address}"
        with self._lock:
            before = self._seen.pop(field, None)
            self._seen[field] = sighting
            self._unreported[field] = sighting
            if len(self._seen) > self._most:
                self._drop(next(iter(self._seen)))
        if before is None or before.digest != digest:
            self._wake.set()

    def note_taken(self, gateway: str, address: str) -> None:
        """Note that a connection polls again: it has read what it was served last."""
        field = f"{gateway}@{address}"
        with self._lock:
            seen = self._seen.get(field)
            if seen is None or seen.taken == seen.digest:
                return
            facts = {"taken": seen.digest, "revision_taken": seen.revision_served}
            self._seen[field] = self._unreported[field] = seen.model_copy(update=facts)
        self._wake.set()

    def forget(self, gateway: str, address: str) -> None:
        """Note that a connection is closed, or polls by another name from now on."""
        with self._lock:
            self._drop(f"{gateway}@{address}")

    def _drop(self, field: str) -> None:
        if self._seen.pop(field, None):
            self._unreported[field] = None

    def report(self) -> None:
        """Tell the store what has not been told yet; what cannot be told now is told later."""
        with self._reporting:
            self._report()

    def close(self) -> None:
        """Report that all connections of this worker end with it: others must not wait for them."""
        self._survive(self._forget_all)

    def _report(self) -> None:
        with self._lock:
            unreported, self._unreported = self._unreported, {}
        if not unreported:
            return
        try:
            ahead = self._skew.measure()
            self._store.report({field: _dated(one, ahead) if one else "" for field, one in unreported.items()})
        except StoreUnavailableError:
            with self._lock:
                self._unreported = unreported | self._unreported

    def forget_dead_workers(self) -> None:
        """Remove what workers of this machine have noted that have ended without a word."""
        with suppress(StoreUnavailableError):
            dead = {field: "" for field, text in self._store.sightings().items() if self._is_of_dead(text)}
            if dead:
                self._store.report(dead)

    def _is_of_dead(self, text: str) -> bool:
        try:
            host, _, pid = read(Sighting, decode_json(text)).worker.rpartition("/")
        except (InvalidDocumentError, NotJsonError):
            return False
        return host == self._host and pid.isdecimal() and not _is_alive(int(pid))

    def _run(self) -> None:
        self._survive(self.forget_dead_workers)
        while not self._feed.is_closing:
            self._wake.wait(_REPORT_SECONDS)
            self._wake.clear()
            self._survive(self.report)
            metrics.LAST_ROUND.labels("polls").set_to_current_time()

    def _survive(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:
            log.exception("polls.failed")

    def _forget_all(self) -> None:
        with self._lock:
            self._unreported |= dict.fromkeys(self._seen)
            self._seen = {}
        self.report()


def _dated(sighting: Sighting, ahead: timedelta) -> str:
    """Encode a sighting, dated by the store's clock."""
    return encode(sighting.model_copy(update={"last_poll": sighting.last_poll - ahead}))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is somebody else's
    return True
