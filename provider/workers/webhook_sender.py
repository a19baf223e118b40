"""Who tells webhooks what happened: one of all workers at a time."""

import logging
import secrets
import threading
import time
from collections.abc import Callable

from provider.net.webhook_client import Post, poster
from provider.observability import metrics
from provider.replica import State
from provider.services import Operations
from provider.store import StoreUnavailableError
from provider.workers.webhook_queue import Line

log = logging.getLogger(__name__)

LEASE = "messenger"
_LEASE_SECONDS = 5.0
_TICK_SECONDS = 2.0
_FAILED_SECONDS = 5.0


class Messenger:
    """Tells every webhook what happened, each in a thread of its own: one that is slow delays no other.

    It follows what was changed, and nobody waits for it. How many threads there are is bounded by how many
    webhooks may be written.
    """

    def __init__(
        self, operations: Operations, *, post: Post | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = operations.store
        self._feed = operations.feed
        self._post: Post = post or poster(operations.networks)
        self._clock = clock
        self._me = secrets.token_hex(8)
        self._leads_until = float("-inf")
        self._threads: dict[str, threading.Thread] = {}

    @property
    def leads(self) -> bool:
        """Tell whether it is this process' turn, as far as is known."""
        return self._clock() < self._leads_until and not self._feed.is_closing

    def start(self) -> None:
        """Run in a thread of its own until the feed closes."""
        threading.Thread(target=self.run, name="messenger", daemon=True).start()

    def run(self) -> None:
        """Run until the feed closes."""
        while not self._feed.is_closing:
            try:
                self.tick()
            except Exception:
                # Whatever it is, nobody would ever be told anything again.
                log.exception("webhooks.failed")
            metrics.LAST_ROUND.labels("webhooks").set_to_current_time()
            self._wait()

    def tick(self) -> None:
        """Take or renew the lease, and see to it that every webhook has its thread."""
        names = self._names()
        self._threads = {name: thread for name, thread in self._threads.items() if thread.is_alive()}
        # Without webhooks the store is not asked: a provider that tells nobody anything costs nothing.
        if not (names or self._threads) or self._feed.state is not State.FOLLOWING or not self._take_lease():
            return
        for name in names - self._threads.keys():
            self._threads[name] = threading.Thread(
                target=self._run_line, args=(name,), name=f"webhook {name}", daemon=True
            )
            self._threads[name].start()

    def _take_lease(self) -> bool:
        asked = self._clock()
        try:
            is_mine = self._store.lease(LEASE, owner=self._me, seconds=_LEASE_SECONDS)
        except StoreUnavailableError:
            return False  # the lease that there is ends by itself
        self._leads_until = asked + _LEASE_SECONDS if is_mine else float("-inf")
        return is_mine

    def _run_line(self, name: str) -> None:
        line = Line(name, self._store, self._feed, self._post)
        while self.leads and name in self._names():
            try:
                line.wait(line.step())
            except Exception:
                log.exception("webhook.failed", extra={"webhook": name})
                self._feed.wait_for_close(_FAILED_SECONDS)

    def _wait(self) -> None:
        names = self._names()
        self._feed.wait_until(lambda image: image.webhooks.keys() != names, seconds=_TICK_SECONDS)

    def _names(self) -> frozenset[str]:
        return self._feed.read(lambda image: frozenset(image.webhooks))
