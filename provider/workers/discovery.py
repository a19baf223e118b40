"""Looks for servers all the while: names when their answers are over, instances every moment.

A thread of its own under a lease of its own: a name server that is slow to answer holds up nothing else.
"""

import logging
import secrets
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait

from provider.domain.rollouts import Discover
from provider.observability import metrics
from provider.replica import State
from provider.services import Operations
from provider.store import StoreUnavailableError
from provider.workers.pace import Pace

log = logging.getLogger(__name__)

LEASE = "discovery"
_LOOK_SECONDS, _PATIENCE_SECONDS = 0.5, 1.0
# Thousands of groups take the store and us a while: so much of the time at most, a fifth, is spent on them.
_REST, _LONGEST_PAUSE_SECONDS = 4, 5.0
_LEASE_SECONDS = 15.0
# A time to live of nothing is no reason to ask without a pause; one of days would be followed too late by people.
_SHORTEST_SECONDS, _LONGEST_SECONDS = 1.0, 300.0
_ASKED_AT_ONCE = 16
_FORGOTTEN_AFTER_SECONDS = 600.0


class Discovering:
    """Keeps what was found true."""

    def __init__(self, operations: Operations, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait for the lookups of each round so long; what takes longer is taken up by a later round."""
        self._patience = patience_seconds
        self._store = operations.store
        self._feed = operations.feed
        self._discovery = operations.discovery
        self._me = secrets.token_hex(8)
        self._due: dict[str, float] = {}
        self._unused: dict[str, float] = {}
        self._running: dict[str, Future[float]] = {}
        self._pace = Pace(_LOOK_SECONDS, _LONGEST_PAUSE_SECONDS, _REST)
        self._pool = ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="discovery")

    def start(self) -> None:
        """Run in a thread of its own until the feed closes."""
        threading.Thread(target=self.run, name="discovery", daemon=True).start()

    def run(self) -> None:
        """Run until the feed closes."""
        while not self._feed.wait_for_close(self._pace.pause):
            try:
                with self._pace.kept():
                    self.look()
            except StoreUnavailableError:
                self._due.clear()
            except Exception:
                log.exception("discovery.failed")
            else:
                metrics.LAST_ROUND.labels(LEASE).set_to_current_time()
        self._pool.shutdown()

    def look(self) -> bool:
        """Look wherever it is due; False where somebody else does, or nobody can."""
        sources, found = self._feed.read(lambda image: (image.sources(), image.found))
        self._due = {key: due for key, due in self._due.items() if key in sources and key in found}
        is_following = self._feed.state is State.FOLLOWING
        if not is_following or not self._store.lease(LEASE, owner=self._me, seconds=_LEASE_SECONDS):
            self._due.clear()
            return False
        now = time.monotonic()
        due = [(key, *source) for key, source in sources.items() if self._due.get(key, now) <= now]
        for key, rollout, discover in due:
            if key not in self._running:
                self._running[key] = self._pool.submit(self._look_at, rollout, discover)
        # A name server that is slow to answer delays the others no longer than this.
        wait(self._running.values(), timeout=self._patience)
        done = {key: future for key, future in self._running.items() if future.done()}
        self._running = {key: future for key, future in self._running.items() if key not in done}
        for key, future in done.items():
            self._due[key] = future.result()
        self._forget_unused(now)
        return True

    def _look_at(self, rollout: str, discover: Discover) -> float:
        """Look once, and return when (`time.monotonic`) it is due again."""
        looked = self._discovery.look(rollout, discover)
        shortest = _SHORTEST_SECONDS if discover.dns else 0.0
        due = time.monotonic() + min(max(looked.seconds, shortest), _LONGEST_SECONDS)
        if looked.is_news and looked.found:
            facts = {"source": str(discover), "rollout": rollout, "servers": len(looked.found.servers)}
            if looked.found.kept:
                log.warning("servers.kept", extra={**facts, "detail": looked.found.kept})
            else:
                log.info("servers.discovered", extra=facts)
        return due

    def _forget_unused(self, now: float) -> None:
        """Forget what nobody looks for: later than anybody takes between finding it and using it."""
        unused = self._feed.read(lambda image: image.found.keys() - image.seekers.keys())
        self._unused = {key: self._unused.get(key, now) for key in unused}
        for key, since in self._unused.items():
            if now - since > _FORGOTTEN_AFTER_SECONDS:
                self._discovery.forget(key)
