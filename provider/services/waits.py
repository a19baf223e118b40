"""Wait until it is so: until a rollout is in a phase, or until Traefik has it."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from provider.domain.rollouts import Phase, Rollout
from provider.replica import Feed, Image
from provider.services.gateways import Delivery, Gateways, Report
from provider.services.rollouts import Rollouts
from provider.services.shared_measurement import SharedMeasurement
from provider.services.write_requests import NotFoundError
from provider.store import Key, Kind

# Traefik is asked again soon at first, as a change takes milliseconds, and ever more seldom.
_FIRST_LOOK_SECONDS = 0.005
_LAST_LOOK_SECONDS = 0.25


class Goal(StrEnum):
    """State to wait for."""

    APPLIED = "applied"
    HEALTHY = "healthy"
    PAUSED = "paused"
    DEGRADED = "degraded"


_PHASES = {Goal.HEALTHY: Phase.HEALTHY, Goal.PAUSED: Phase.PAUSED, Goal.DEGRADED: Phase.DEGRADED}
# From these phases a goal is not reached by itself: whoever waits is told at once.
_HOPELESS = {
    Goal.HEALTHY: {Phase.DEGRADED},
    Goal.PAUSED: {Phase.DEGRADED, Phase.HEALTHY},
    Goal.DEGRADED: {Phase.HEALTHY},
}


@dataclass(frozen=True)
class Arrival:
    """The rollout as it was when the goal was reached, and where each gateway stood."""

    rollout: Rollout
    reports: Sequence[Report] = ()


class NotInTimeError(Exception):
    """The goal was not reached in time; `reports` tell how far each gateway had come."""

    def __init__(self, words: str, reports: Sequence[Report] = ()) -> None:
        self.reports = reports
        super().__init__(words)


class OutOfReachError(Exception):
    """The goal cannot be reached unless a person does something."""


_Measured = tuple[Rollout, Sequence[Report]]


class Waiting:
    """Waits for goals, without asking the store over and over."""

    def __init__(self, rollouts: Rollouts, gateways: Gateways, feed: Feed) -> None:
        self._rollouts = rollouts
        self._gateways = gateways
        self._feed = feed
        self._measurements: dict[str, SharedMeasurement[_Measured]] = {}
        self._measurements_lock = threading.Lock()

    def wait(self, name: str, goal: Goal, *, seconds: float, attempt: int | None = None) -> Arrival:
        """Wait for a goal. Raises NotInTimeError, OutOfReachError, NotFoundError.

        A phase belongs to an attempt, which is the generation of a canary. Default: the attempt that is current now.
        """
        if goal is Goal.APPLIED:
            return self._until_applied(name, seconds)
        return Arrival(self._until_phase(name, goal, seconds, attempt))

    def _until_phase(self, name: str, goal: Goal, seconds: float, wanted: int | None) -> Rollout:
        first = self._rollouts.get(name)
        attempt = first.attempt if wanted is None else wanted
        if wanted is not None and wanted > first.status.generation:
            raise OutOfReachError(f"{name} has no attempt {wanted}; the newest is {first.status.generation}")
        if _has_ended(first, goal, attempt):
            return _arrived(first, goal, attempt, seconds)
        # What is already known stands at this revision; only a later one can tell more.
        start = first.version

        def has_ended(image: Image) -> bool:
            current = image.rollouts.get(name)
            is_deleted = current is None and image.revision > start
            return is_deleted or (
                current is not None and current.version > start and _has_ended(current, goal, attempt)
            )

        self._feed.wait_until(has_ended, seconds=seconds)
        last = self._feed.read(lambda image: image.rollouts.get(name))
        if last is None:
            raise NotFoundError(Key(Kind.ROLLOUT, name))
        # A feed that lags still has the rollout as it was before the attempt.
        return _arrived(max(first, last, key=lambda rollout: rollout.version), goal, attempt, seconds)

    def _until_applied(self, name: str, seconds: float) -> Arrival:
        with self._measured(name) as measure:
            return self._until_reported(name, seconds, measure)

    @contextmanager
    def _measured(self, name: str) -> Iterator[Callable[[], _Measured]]:
        """Share with all who wait for the same rollout what is measured of it."""

        def measure() -> _Measured:
            rollout = self._rollouts.get(name)
            return rollout, self._gateways.reports(rollout)

        with self._measurements_lock:
            shared = self._measurements.setdefault(name, SharedMeasurement(measure))
        try:
            with shared.joined() as latest:
                yield latest
        finally:
            with self._measurements_lock:
                if not shared.users:
                    self._measurements.pop(name, None)

    def _until_reported(self, name: str, seconds: float, measure: Callable[[], _Measured]) -> Arrival:
        deadline = time.monotonic() + seconds
        pause = _FIRST_LOOK_SECONDS
        while True:
            rollout, reports = measure()
            if reports and all(report.delivery is not Delivery.PENDING for report in reports):
                return Arrival(rollout, reports)
            left = deadline - time.monotonic()
            if left <= 0 or self._feed.is_closing:
                why = self._gateways.uncounted(rollout) if not reports else None
                raise NotInTimeError(why or _missing(name, reports, seconds), reports)
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LAST_LOOK_SECONDS)


def _missing(name: str, reports: Sequence[Report], seconds: float) -> str:
    if not reports:
        return f"no gateway of {name} has polled within {seconds:g} s"
    pending = [f"{report.gateway}: {report.detail}" for report in reports if report.delivery is Delivery.PENDING]
    return f"not applied after {seconds:g} s; " + "; ".join(pending)


def _has_ended(rollout: Rollout, goal: Goal, attempt: int) -> bool:
    return _is_reached(rollout, goal, attempt) or _obstacle(rollout, goal, attempt) is not None


def _is_reached(rollout: Rollout, goal: Goal, attempt: int) -> bool:
    status = rollout.status
    if goal is Goal.HEALTHY:
        # The phase alone does not tell which version is stable.
        return status.stable_generation == attempt
    return status.phase is _PHASES[goal] and status.generation == attempt


def _obstacle(rollout: Rollout, goal: Goal, attempt: int) -> str | None:
    """Say why an attempt no longer reaches a goal by itself; None while it can."""
    status = rollout.status
    if status.generation > attempt and status.phase is not Phase.HEALTHY:
        return f"attempt {status.generation} has replaced attempt {attempt}"
    if status.phase in _HOPELESS[goal]:
        return f"it does not become {goal} without an action"
    if goal is Goal.HEALTHY and status.phase is Phase.HEALTHY:
        return f"the canary of attempt {attempt} is not stable"
    return None


def _arrived(rollout: Rollout, goal: Goal, attempt: int, seconds: float) -> Rollout:
    if _is_reached(rollout, goal, attempt):
        return rollout
    name, phase, reason = rollout.name, rollout.status.phase, rollout.status.reason
    obstacle = _obstacle(rollout, goal, attempt)
    if obstacle:
        raise OutOfReachError(f"{name} is {phase} ({reason}); {obstacle}")
    raise NotInTimeError(f"{name} is still {phase} after {seconds:g} s ({reason})")
