"""Whether the store takes writes: a replica, a full disk or a missing permission lets a provider read and no more."""

import logging
import threading
import time

from provider.replica import Feed
from provider.store import Store, StoreUnavailableError

log = logging.getLogger(__name__)

_RETRY_SECONDS = 2.0
_CHECK_SECONDS = 30.0


class Writability:
    """Checks now and then that every command that is needed can be run, and logs why not."""

    def __init__(self, store: Store, feed: Feed) -> None:
        self._store = store
        self._feed = feed
        self._problem: str | None = None
        self._checked_at: float | None = None

    @property
    def problem(self) -> str | None:
        """Why the store took no writes when it was last checked; None where it did, or nobody has checked yet."""
        return self._problem

    def start(self) -> None:
        """Check in a thread of its own until the feed closes."""
        threading.Thread(target=self._run, name="writability", daemon=True).start()

    def check(self) -> str | None:
        """Check, unless that was done lately; return the problem."""
        lasts = _RETRY_SECONDS if self._problem else _CHECK_SECONDS
        if self._checked_at is None or time.monotonic() - self._checked_at >= lasts:
            self._checked_at = time.monotonic()
            self._report(self._found())
        return self._problem

    def _found(self) -> str | None:
        try:
            return self._store.write_problem()
        except StoreUnavailableError as error:
            return str(error)

    def _report(self, problem: str | None) -> None:
        before, self._problem = self._problem, problem
        if problem and problem != before:
            log.error("store.not_writable", extra={"error": problem})
        if before and not problem:
            log.info("store.writable")

    def _run(self) -> None:
        while not self._feed.is_closing:
            try:
                self.check()
            except Exception:
                log.exception("write_check.failed")
            self._feed.wait_for_close(_RETRY_SECONDS)
