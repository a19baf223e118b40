"""How far this machine's clock is from the store's, which dates everything."""

import logging
import threading
from datetime import UTC, datetime, timedelta

from provider.replica import Feed
from provider.store import Store, StoreUnavailableError

log = logging.getLogger(__name__)

TOLERATED = timedelta(seconds=5)
_CHECK_SECONDS = 10.0


class ClockSkew:
    """Measures the skew, and logs once when it exceeds what is tolerated."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ahead = timedelta()
        self._is_skewed = False

    @property
    def ahead_seconds(self) -> float:
        """How far this machine's clock was ahead of the store's when it was last measured, in seconds."""
        return self._ahead.total_seconds()

    @property
    def problem(self) -> str | None:
        """Why times are not what this machine's clock shows; None where the clocks agree."""
        if not self._is_skewed:
            return None
        direction = "ahead of" if self._ahead > timedelta() else "behind"
        seconds = abs(self.ahead_seconds)
        return f"the clock of this machine is {seconds:.0f} s {direction} the clock of Redis; synchronize both"

    def measure(self) -> timedelta:
        """Measure and return how far this machine's clock is ahead of the store's. Raises StoreUnavailableError."""
        asked = datetime.now(UTC)
        there = self._store.now()
        self._ahead = asked + (datetime.now(UTC) - asked) / 2 - there
        is_skewed = abs(self._ahead) > TOLERATED
        if is_skewed != self._is_skewed:
            level = logging.WARNING if is_skewed else logging.INFO
            seconds = round(self.ahead_seconds, 1)
            log.log(level, "clock.skewed" if is_skewed else "clock.right", extra={"ahead_seconds": seconds})
        self._is_skewed = is_skewed
        return self._ahead

    def start(self, feed: Feed) -> None:
        """Measure in a thread of its own until the feed closes."""
        threading.Thread(target=self._run, args=(feed,), name="clock", daemon=True).start()

    def _run(self, feed: Feed) -> None:
        while not feed.is_closing:
            try:
                self.measure()
            except StoreUnavailableError:
                pass  # the feed says so
            except Exception:
                log.exception("clock.failed")
            feed.wait_for_close(_CHECK_SECONDS)
