"""One rollout at a time: look at its canary if that is due, decide, commit by compare-and-set.

Any number of these may run. One of them leads, under a lease that another takes within seconds when it dies; but
nothing hangs on there being only one: a look replaces just the record that it was added to, and a move is made of
just the rollout that it was decided for.
"""

import logging
import secrets
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from provider.analysis import Measurement, Record
from provider.controller.decisions import Move, decide
from provider.controller.looking import Looking
from provider.gateways import GatewaySpec
from provider.operations import (
    Call,
    ContentionError,
    NotFoundError,
    Operations,
    StaleVersionError,
    StoreWentBackError,
)
from provider.rollouts import Action, IllegalMoveError, Rollout, current_record, settings_of
from provider.routing import counted_services
from provider.store import StoreUnavailableError

log = logging.getLogger(__name__)

LEASE = "controller"
_TICK_SECONDS = 0.5
_LEASE_SECONDS = 5.0
_PUT_OFF_TICKS = 20
# Somebody else has moved the rollout, or nobody can right now: the next tick sees what is left to do.
_PASSING = (
    ContentionError,
    IllegalMoveError,
    NotFoundError,
    StaleVersionError,
    StoreUnavailableError,
    StoreWentBackError,
)


class Sight(Protocol):
    """Whatever measures canaries, as `Looking` does."""

    def measure(self, rollouts: Sequence[Rollout], gateways: Mapping[str, GatewaySpec]) -> Mapping[str, Measurement]:
        """Look at canaries, by the names of their rollouts."""
        ...


class Controller:
    """Moves rollouts whose time, or whose verdict, has come."""

    def __init__(self, operations: Operations, *, looking: Sight | None = None) -> None:
        self._store = operations.store
        self._feed = operations.feed
        self._rollouts = operations.rollouts
        self._analyses = operations.analyses
        self._looking = looking or Looking()
        self._me = secrets.token_hex(8)
        self._records: dict[str, Record | None] = {}
        self._put_off: dict[tuple[str, int], int] = {}

    def start(self) -> None:
        """Run in a thread of its own until the feed closes."""
        threading.Thread(target=self.run, name="controller", daemon=True).start()

    def run(self) -> None:
        """Run until the feed closes."""
        while not self._feed.wait_for_close(_TICK_SECONDS):
            try:
                self.tick()
            except Exception:
                # Whatever it is, no canary would ever be judged or taken back again.
                log.exception("controller.failed")

    def tick(self) -> int:
        """Take everything that is due; answer how many rollouts were moved."""
        # The store is asked only when something may move by itself: an idle provider costs nothing.
        moving = self._feed.read(lambda image: list(image.moving.values()))
        try:
            if not moving or not self._leads():
                self._records.clear()
                return 0
            now = self._store.now()
            self._look([rollout for rollout in moving if self._is_due_for_a_look(rollout, now)], now)
        except StoreUnavailableError:
            return 0
        return sum(self._take(rollout, now) for rollout in moving)

    def _leads(self) -> bool:
        return self._store.lease(LEASE, owner=self._me, seconds=_LEASE_SECONDS)

    def _is_due_for_a_look(self, rollout: Rollout, now: datetime) -> bool:
        if not rollout.is_judged:
            return False
        seen = self._record(rollout).looked_at
        return seen is None or now - seen >= settings_of(rollout).interval

    def _look(self, rollouts: Sequence[Rollout], now: datetime) -> None:
        if not rollouts:
            return
        gateways = self._feed.read(lambda image: dict(image.gateways))
        measurements = self._looking.measure(rollouts, gateways)
        for rollout in rollouts:
            self._remember(rollout, measurements[rollout.name], now)

    def _remember(self, rollout: Rollout, measurement: Measurement, now: datetime) -> None:
        stable, canary = counted_services(rollout)

        def with_this_look(record: Record | None) -> Record:
            return current_record(record, rollout).looked(
                measurement, settings_of(rollout), stable=stable, canary=canary or "", now=now
            )

        record = self._analyses.update(rollout.name, with_this_look)
        if record is None:
            self._records.pop(rollout.name, None)  # somebody else was first: what they remember is read
        else:
            self._records[rollout.name] = record

    def _record(self, rollout: Rollout) -> Record:
        if not rollout.is_judged:
            return current_record(None, rollout)
        if rollout.name not in self._records:
            self._records[rollout.name] = self._analyses.read(rollout.name)
        return current_record(self._records[rollout.name], rollout)

    def _take(self, rollout: Rollout, now: datetime) -> bool:
        key = (rollout.name, rollout.version)
        if self._put_off.get(key, 0) > 0:
            self._put_off[key] -= 1
            return False
        self._put_off.pop(key, None)
        try:
            move = decide(
                rollout, self._record(rollout) if rollout.is_judged else current_record(None, rollout), now=now
            )
            if move:
                self._make(rollout, move)
        except _PASSING:
            return False
        except Exception:
            log.exception("rollout.put_off", extra={"rollout": rollout.name})
            self._put_off[key] = _PUT_OFF_TICKS
            return False
        return move is not None

    def _make(self, rollout: Rollout, move: Move) -> None:
        call = Call(actor="controller", reason=move.reason, if_match=rollout.version)
        match move.action:
            case Action.ADVANCE:
                self._rollouts.advance(rollout.name, call)
            case Action.HOLD:
                self._rollouts.hold(rollout.name, call)
            case _:
                self._rollouts.move(rollout.name, move.action, call)
