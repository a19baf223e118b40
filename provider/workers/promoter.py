"""One rollout at a time: look at its canary if that is due, decide, commit by compare-and-set.

Any number of these may run. One of them leads, under a lease that another takes within seconds when it dies; but
nothing hangs on there being only one: a look replaces just the record that it was added to, and a move is made of
just the rollout that it was decided for.
"""

import logging
import secrets
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from provider.domain.analysis import Measurement, Record
from provider.domain.fields import format_duration
from provider.domain.gateways import GatewaySpec
from provider.domain.rollouts import Action, IllegalMoveError, Rollout, current_record, exposure_of, settings_of
from provider.observability import metrics, tracing
from provider.services import (
    Call,
    ContentionError,
    NotFoundError,
    Obstacle,
    Operations,
    Remembered,
    StaleVersionError,
    StoreWentBackError,
)
from provider.store import StoreUnavailableError
from provider.traefik.config import counted_services
from provider.workers.decisions import Move, decide
from provider.workers.loop_metrics import count_verdict, timed_look
from provider.workers.proof import GatewayProof, Proof, counted_from, goes_by_itself
from provider.workers.sampling import Looking

log = logging.getLogger(__name__)

LEASE = "controller"
_TICK_SECONDS = 0.5
_LEASE_SECONDS = 5.0
_PUT_OFF_TICKS = 20
_WAIT_KNOWN_SECONDS = 10.0
# A change takes a moment to arrive: only a longer wait is reported.
_SHORT_WAIT = timedelta(seconds=5)
# Somebody else has moved the rollout, or nobody can right now: the next tick sees what is left to do.
_PASSING = (
    ContentionError,
    IllegalMoveError,
    NotFoundError,
    StaleVersionError,
    StoreUnavailableError,
    StoreWentBackError,
)


@dataclass(frozen=True)
class _Wait:
    """How long the step that began at `since` waits for proof, and what was logged of it."""

    since: datetime
    began: datetime
    logged: frozenset[str] = frozenset()
    obstacle: Obstacle | None = None


class Sight(Protocol):
    """Whatever measures canaries, as `Looking` does."""

    def measure(self, rollouts: Sequence[Rollout], gateways: Mapping[str, GatewaySpec]) -> Mapping[str, Measurement]:
        """Return what was measured by now, by the names of the rollouts; the others come with a later call."""
        ...

    def keep_only(self, names: Collection[str]) -> None:
        """Forget all other rollouts."""
        ...


class Controller:
    """Moves rollouts whose time, or whose verdict, has come."""

    def __init__(self, operations: Operations, *, looking: Sight | None = None, proof: Proof | None = None) -> None:
        self._store = operations.store
        self._feed = operations.feed
        self._rollouts = operations.rollouts
        self._analyses = operations.analyses
        self._gateways = operations.gateways
        self._looking = looking or Looking(operations.networks, credentials=operations.credentials)
        self._proof = proof or GatewayProof(operations)
        self._me = secrets.token_hex(8)
        self._memory: dict[str, Remembered] = {}
        self._put_off: dict[tuple[str, int], int] = {}
        self._waits = operations.waits
        self._waiting: dict[str, _Wait] = {}
        self._published = False
        # Rollouts whose latest measurement lacks a source that may still respond.
        self._partly_measured: set[str] = set()

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
            else:
                metrics.LAST_ROUND.labels(LEASE).set_to_current_time()

    def tick(self) -> int:
        """Take everything that is due; answer how many rollouts were moved."""
        # The store is asked only when something may move by itself: an idle provider costs nothing.
        moving = self._feed.read(lambda image: list(image.moving.values()))
        try:
            if not moving or not self._leads():
                self._forget_all_but(())
                return 0
            self._forget_all_but(moving)
            now = self._store.now()
            for rollout in filter(goes_by_itself, moving):
                self._proof.confirmed_at(rollout, now)  # the time of a step runs from its confirmation
            looked = self._look([rollout for rollout in moving if self._is_to_be_measured(rollout, now)], now)
        except StoreUnavailableError:
            return 0
        # A verdict is weighed when there was a look; what only waits for a time, when that has come.
        due = [rollout for rollout in moving if rollout.name in looked or self._is_due(rollout, now)]
        for rollout in due:
            if rollout.name not in looked:
                self._memory.pop(rollout.name, None)  # who was held up has missed what others saw
        moved = sum(self._take(rollout, now) for rollout in due)
        self._publish_waits()
        return moved

    def _publish_waits(self) -> None:
        waits = {name: (wait.since, wait.obstacle) for name, wait in self._waiting.items() if wait.obstacle}
        if waits or self._published:
            with suppress(StoreUnavailableError):
                self._waits.publish(waits, seconds=_WAIT_KNOWN_SECONDS)
                self._published = bool(waits)

    def _leads(self) -> bool:
        return self._store.lease(LEASE, owner=self._me, seconds=_LEASE_SECONDS)

    def _is_to_be_measured(self, rollout: Rollout, now: datetime) -> bool:
        is_under_way = rollout.is_judged and rollout.name in self._partly_measured
        return is_under_way or self._is_due_for_a_look(rollout, now)

    def _is_due_for_a_look(self, rollout: Rollout, now: datetime) -> bool:
        if not rollout.is_judged:
            return False
        seen = self._record(rollout).looked_at
        # A look in the future is one before the clock was set back: it must not blind who looks.
        return seen is None or not timedelta() <= now - seen < settings_of(rollout).interval

    def _look(self, rollouts: Sequence[Rollout], now: datetime) -> Collection[str]:
        """Look at canaries; answer the names of their rollouts."""
        if not rollouts:
            return ()
        gateways = self._measured_gateways(rollouts)
        try:
            with timed_look(LEASE):
                measurements = self._looking.measure(rollouts, gateways)
        except Exception:
            log.exception("measurement.failed")  # what waits for a time goes on all the same
            return ()
        self._partly_measured -= measurements.keys()
        self._partly_measured |= {name for name, found in measurements.items() if found.is_partial}
        for rollout in rollouts:
            if rollout.name in measurements:
                self._remember(rollout, measurements[rollout.name], now)
        return measurements.keys()

    def _measured_gateways(self, rollouts: Sequence[Rollout]) -> Mapping[str, GatewaySpec]:
        """Return the gateways to measure: one that does not poll is left out where others carry its rollouts."""
        gateways = self._feed.read(lambda image: dict(image.gateways))
        live = {polled.name for polled in self._gateways.live()} & gateways.keys()
        alone = [rollout for rollout in rollouts if not any(map(rollout.spec.is_carried_by, live))]
        return {
            name: spec
            for name, spec in gateways.items()
            if name in live or any(rollout.spec.is_carried_by(name) for rollout in alone)
        }

    def _remember(self, rollout: Rollout, measurement: Measurement, now: datetime) -> None:
        services = counted_services(rollout)
        before = self._remembered(rollout.name)
        record = current_record(before.record, rollout).looked(
            measurement,
            settings_of(rollout),
            stable=services["stable"],
            canary=services.get("canary", ""),
            now=now,
            exposure=exposure_of(self._feed.read(lambda image: image.resolved(rollout))),
            baseline=services.get("baseline") if "baseline" in rollout.shares else None,
        )
        after = self._analyses.remember(rollout.name, record, before=before)
        if after is None:
            del self._memory[rollout.name]  # somebody else was first: what they remember is read
        else:
            self._memory[rollout.name] = after
            count_verdict(rollout, record)

    def _record(self, rollout: Rollout) -> Record:
        known = self._remembered(rollout.name).record if rollout.is_judged else None
        return current_record(known, rollout)

    def _remembered(self, name: str) -> Remembered:
        if name not in self._memory:
            self._memory[name] = self._analyses.read(name)
        return self._memory[name]

    def _forget_all_but(self, moving: Sequence[Rollout]) -> None:
        names = {rollout.name for rollout in moving}
        self._memory = {name: known for name, known in self._memory.items() if name in names}
        self._waiting = {name: wait for name, wait in self._waiting.items() if name in names}
        self._partly_measured &= names
        current = {(rollout.name, rollout.version) for rollout in moving}
        self._put_off = {key: ticks for key, ticks in self._put_off.items() if key in current}
        self._looking.keep_only(names)
        self._proof.keep_only(names)

    def _is_due(self, rollout: Rollout, now: datetime) -> bool:
        until = rollout.status.paused_until
        return (until is not None and until <= now) or rollout.name in self._waiting

    def _take(self, rollout: Rollout, now: datetime) -> bool:
        key = (rollout.name, rollout.version)
        if self._put_off.get(key, 0) > 0:
            self._put_off[key] -= 1
            return False
        self._put_off.pop(key, None)
        try:
            move = self._decided(rollout, now)
            if move:
                with tracing.beginning(f"controller {move.action}", rollout=rollout.name):
                    self._make(rollout, move)
        except _PASSING:
            return False
        except Exception:
            log.exception("rollout.deferred", extra={"rollout": rollout.name})
            self._put_off[key] = _PUT_OFF_TICKS
            return False
        return move is not None

    def _decided(self, rollout: Rollout, now: datetime) -> Move | None:
        """Decide, and take no step without proof that the gateways apply the one before it."""
        record = self._record(rollout)
        if not goes_by_itself(rollout):
            return decide(rollout, record, now=now)
        confirmed_at = self._proof.confirmed_at(rollout, now)
        move = decide(counted_from(rollout, confirmed_at or now), record, now=now)
        if move and move.action is not Action.ADVANCE:
            return move
        is_awaited = move is not None or confirmed_at is None
        obstacle = self._proof.obstacle(rollout) if is_awaited else None
        if obstacle is None:
            self._waiting.pop(rollout.name, None)
            return move
        return self._waited(rollout, obstacle, began=now if confirmed_at else rollout.status.since, now=now)

    def _waited(self, rollout: Rollout, obstacle: Obstacle, *, began: datetime, now: datetime) -> Move | None:
        """Wait for an obstacle to go away, and abort a canary that waits longer than its progress deadline."""
        before = self._waiting.get(rollout.name)
        is_same = before is not None and before.since == rollout.status.since
        wait = before if before and is_same else _Wait(rollout.status.since, began)
        is_long = obstacle.is_found and now - wait.began >= _SHORT_WAIT
        if is_long and obstacle.reason_code not in wait.logged:
            facts = {"rollout": rollout.name, "reason_code": obstacle.reason_code, "detail": obstacle.detail}
            log.warning("rollout.waiting", extra=facts)
            wait = replace(wait, logged=wait.logged | {obstacle.reason_code})
        self._waiting[rollout.name] = replace(wait, obstacle=obstacle if is_long else wait.obstacle)
        limit = rollout.spec.progress_deadline
        # A dry run is never aborted, and does not advance without proof either.
        if limit is None or rollout.spec.dry_run or not obstacle.is_found or now < wait.began + limit:
            return None
        return Move(Action.ABORT, f"no progress for {format_duration(limit)}: {obstacle.detail}")

    def _make(self, rollout: Rollout, move: Move) -> None:
        call = Call(actor="controller", reason=move.reason, if_match=rollout.version)
        match move.action:
            case Action.ADVANCE:
                self._rollouts.advance(rollout.name, call)
            case Action.HOLD:
                self._rollouts.hold(rollout.name, call, reason_code=move.reason_code)
            case _:
                self._rollouts.move(rollout.name, move.action, call)
