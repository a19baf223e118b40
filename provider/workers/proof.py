"""Proof that a weight is applied: nothing advances without it, and pauses count from the time it was first there.

Gateways are checked in threads of their own, so that an API that hangs holds up no verdict.
"""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from provider.domain.fields import Document, Moment
from provider.domain.rollouts import Phase, Rollout
from provider.services import Obstacle, Operations, WaitReason
from provider.services.notes import Note
from provider.store import StoreUnavailableError

log = logging.getLogger(__name__)

# A step that is due is taken by a check that is this old at most.
_FRESH_SECONDS = 3.0
# A rollout that waits is checked ever more seldom.
_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 5.0
_CHECKS_AT_ONCE = 16
_KEPT_SECONDS = 90 * 24 * 3_600.0
_UNCHECKED = Obstacle(WaitReason.NOT_APPLIED, "the gateways have not been checked yet", is_found=False)


class Proof(Protocol):
    """Tells whether gateways apply a rollout, as `GatewayProof` does."""

    def confirmed_at(self, rollout: Rollout, now: datetime) -> datetime | None:
        """Return since when the current step is confirmed; None while it is not."""
        ...

    def obstacle(self, rollout: Rollout) -> Obstacle | None:
        """Return what keeps the rollout from its next step now."""
        ...

    def keep_only(self, names: Collection[str]) -> None:
        """Forget all other rollouts."""
        ...


class Confirmation(Document):
    """When a step that began at `since` was first confirmed."""

    since: Moment
    at: Moment


class _Confirmations(Document):
    rollouts: dict[str, Confirmation]


@dataclass(frozen=True)
class _Check:
    """What a check of a version has found, when it ended (`time.monotonic`), and the pause before the next one."""

    version: int
    obstacle: Obstacle | None
    ended: float
    pause_seconds: float = 0.0

    def is_usable(self, version: int, now: float) -> bool:
        """Return whether it says something of a version; an obstacle does so until it is checked again."""
        return self.version == version and now - self.ended < self.pause_seconds + _FRESH_SECONDS

    def is_due(self, version: int, now: float) -> bool:
        """Return whether another check is to be made."""
        if not self.is_usable(version, now):
            return True
        return self.obstacle is not None and now - self.ended >= self.pause_seconds

    def after(self, before: "_Check | None") -> "_Check":
        """Return this check with the pause that follows it: twice the one before while an obstacle stays."""
        if self.obstacle is None:
            return self
        doubled = 2 * before.pause_seconds if before and before.version == self.version else 0.0
        return replace(self, pause_seconds=min(max(doubled, _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS))


class GatewayProof:
    """Checks live gateways. Confirmations outlive the controller that made them."""

    def __init__(self, operations: Operations) -> None:
        self._obstacles = operations.obstacles
        self._note = Note(operations.store, "confirmations", _Confirmations)
        self._confirmed: dict[str, Confirmation] | None = None
        self._checks: dict[str, _Check] = {}
        self._wanted: dict[str, Rollout] = {}
        self._running: dict[tuple[str, ...] | None, Future[Mapping[str, _Check]]] = {}
        self._pool = ThreadPoolExecutor(_CHECKS_AT_ONCE, thread_name_prefix="proof")

    def confirmed_at(self, rollout: Rollout, now: datetime) -> datetime | None:
        """Return since when the current step is confirmed. Raises StoreUnavailableError."""
        confirmed = self._known()
        known = confirmed.get(rollout.name)
        if known and known.since == rollout.status.since:
            return known.at
        if self.obstacle(rollout):
            return None
        confirmed[rollout.name] = Confirmation(since=rollout.status.since, at=now)
        self._note.publish(_Confirmations(rollouts=dict(confirmed)), seconds=_KEPT_SECONDS)
        return now

    def obstacle(self, rollout: Rollout) -> Obstacle | None:
        """Return the obstacle that the last check has found, and begin another check where that is due."""
        self._collect()
        check, now = self._checks.get(rollout.name), time.monotonic()
        if check is None or check.is_due(rollout.version, now):
            self._wanted[rollout.name] = rollout
            self._begin()
        return check.obstacle if check and check.is_usable(rollout.version, now) else _UNCHECKED

    def keep_only(self, names: Collection[str]) -> None:
        """Forget all other rollouts; with none left, read again what another controller has confirmed."""
        self._checks = {name: check for name, check in self._checks.items() if name in names}
        self._wanted = {name: rollout for name, rollout in self._wanted.items() if name in names}
        if not names:
            self._confirmed = None
        elif self._confirmed is not None:
            self._confirmed = {name: one for name, one in self._confirmed.items() if name in names}

    def _known(self) -> dict[str, Confirmation]:
        if self._confirmed is None:
            noted = self._note.latest()
            self._confirmed = dict(noted.rollouts) if noted else {}
        return self._confirmed

    def _collect(self) -> None:
        for gateways, running in list(self._running.items()):
            if running.done():
                del self._running[gateways]
                for name, check in running.result().items():
                    self._checks[name] = check.after(self._checks.get(name))

    def _begin(self) -> None:
        """Check the rollouts of the same gateways together, so that a gateway that hangs delays those alone."""
        for gateways in {rollout.spec.gateways for rollout in self._wanted.values()} - self._running.keys():
            rollouts = [rollout for rollout in self._wanted.values() if rollout.spec.gateways == gateways]
            for rollout in rollouts:
                del self._wanted[rollout.name]
            self._running[gateways] = self._pool.submit(self._checked, rollouts)

    def _checked(self, rollouts: Sequence[Rollout]) -> Mapping[str, _Check]:
        try:
            found = self._obstacles.find(rollouts)
        except StoreUnavailableError:
            return {}
        except Exception:
            log.exception("proof.failed")
            return {}
        # A check that takes long is as old as its end: otherwise a slow API would never let anything advance.
        ended = time.monotonic()
        return {rollout.name: _Check(rollout.version, found[rollout.name], ended) for rollout in rollouts}


def goes_by_itself(rollout: Rollout) -> bool:
    """Tell whether the rollout's step ends without a person."""
    return rollout.status.paused_until is not None or rollout.is_judging


def counted_from(rollout: Rollout, moment: datetime) -> Rollout:
    """Return the rollout as if its step had begun at a moment, with the rest of its status as it is."""
    status = rollout.status
    if status.phase not in {Phase.PROGRESSING, Phase.PAUSED} or moment <= status.since:
        return rollout
    until, judged = status.paused_until, status.analysis_since
    shifted = status.model_copy(
        update={
            "paused_until": until and moment + (until - status.since),
            "analysis_since": judged and moment,
        }
    )
    return rollout.model_copy(update={"status": shifted})
