"""One rollout at a time: find one that is due, move it, commit by compare-and-set.

Any number of these may run. Whoever commits first has moved the rollout; the others are refused by its version or
its phase, and go on. Nothing is kept here: what is due follows from the rollouts themselves.
"""

import logging
import threading
from datetime import datetime

from provider.feed import Feed, Image
from provider.operations import Call, ContentionError, NotFoundError, Rollouts, StoreWentBackError
from provider.rollouts import IllegalMoveError, Rollout
from provider.store import Store, StoreUnavailableError

log = logging.getLogger(__name__)

_TICK_SECONDS = 0.5
_PUT_OFF_TICKS = 20
_CALL = Call(actor="controller")


class Controller:
    """Moves rollouts whose time has come."""

    def __init__(self, store: Store, feed: Feed, rollouts: Rollouts) -> None:
        self._store = store
        self._feed = feed
        self._rollouts = rollouts
        self._put_off: dict[tuple[str, int], int] = {}

    def start(self) -> None:
        """Run in a thread of its own until the feed closes."""
        threading.Thread(target=self.run, name="controller", daemon=True).start()

    def run(self) -> None:
        """Run until the feed closes."""
        while not self._feed.wait_for_close(_TICK_SECONDS):
            self.tick()

    def tick(self) -> int:
        """Take everything that is due; answer how many rollouts were moved."""
        # The store's clock is asked only when something waits for a time: an idle provider costs nothing.
        waiting = self._feed.read(_waiting)
        if not waiting:
            return 0
        try:
            now = self._store.now()
        except StoreUnavailableError:
            return 0
        return sum(self._take(rollout) for rollout in waiting if _is_due(rollout, now))

    def _take(self, rollout: Rollout) -> bool:
        key = (rollout.name, rollout.version)
        if self._put_off.get(key, 0) > 0:
            self._put_off[key] -= 1
            return False
        self._put_off.pop(key, None)
        try:
            self._rollouts.advance(rollout.name, _CALL)
        except (IllegalMoveError, NotFoundError, StoreUnavailableError, StoreWentBackError, ContentionError):
            return False  # somebody else has moved it, or nobody can right now
        except Exception:
            log.exception("rollout.put_off", extra={"rollout": rollout.name})
            self._put_off[key] = _PUT_OFF_TICKS
            return False
        return True


def _waiting(image: Image) -> list[Rollout]:
    return [rollout for rollout in image.rollouts.values() if rollout.status.paused_until is not None]


def _is_due(rollout: Rollout, now: datetime) -> bool:
    until = rollout.status.paused_until
    return until is not None and until <= now
