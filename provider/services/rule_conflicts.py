"""Which rollouts match the same requests, by what the feed has of all of them."""

import threading
from functools import partial

from provider.domain.rollouts import Rollout
from provider.net.off_loop import run_off_loop
from provider.replica import Feed
from provider.store import Reservation
from provider.traefik.config import Overlaps, RouteTable, differs, route_of


class SameRequestsError(Exception):
    """Another rollout matches the same requests with the same priority; nothing was changed."""

    def __init__(self, name: str, other: str) -> None:
        self.other = other
        super().__init__(
            f"{name} matches the same requests as {other}, with the same priority, on a gateway and an entry point "
            "that both use; change the rule, or set another priority, entryPoints or gateways"
        )


class Routes:
    """The routes of all rollouts, updated from the feed when they are needed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._table = RouteTable()
        self._revision = -1
        self._lock = threading.Lock()

    def reserve(self, rollout: Rollout) -> Reservation:
        """Insist that no other rollout matches the same requests with the same priority. Raises SameRequestsError.

        Another worker may write an equal rule at the same moment: the reservation is part of the change, so that one
        of them conflicts.
        """
        with self._lock:
            self._follow()
            other, seen = self._table.equal(rollout), self._revision
        if other:
            raise SameRequestsError(rollout.name, other)
        return Reservation(f"rule {route_of(rollout).rule}", seen)

    def overlaps(self, rollout: Rollout) -> Overlaps:
        """Return the rollouts that take requests of one."""
        with self._lock:
            self._follow()
            return self._table.overlaps(rollout)

    def _follow(self) -> None:
        revision, rollouts = self._feed.read(
            lambda image: (image.revision, dict(image.rollouts) if image.revision != self._revision else None)
        )
        if rollouts is not None:
            follow = partial(self._table.follow, rollouts)
            # The first time, all rules are parsed: with 10,000 rollouts this takes half a second.
            run_off_loop(follow) if self._revision < 0 else follow()
            self._revision = revision


def has_other_route(before: Rollout | None, after: Rollout) -> bool:
    """Tell whether a change may give a rollout requests of another one."""
    return before is None or differs(before, after)
