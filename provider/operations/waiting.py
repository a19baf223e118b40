"""Wait until it is so: until a rollout is in a phase, or until Traefik has it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from provider.feed import Feed, Image
from provider.operations.calls import NotFoundError
from provider.operations.gateways import Delivery, Gateways, Report
from provider.operations.rollouts import Rollouts
from provider.rollouts import Phase, Rollout
from provider.store import Key, Kind

# Traefik is asked again soon at first, as a change takes milliseconds, and ever more seldom.
_FIRST_LOOK_SECONDS = 0.005
_LAST_LOOK_SECONDS = 0.25


class Goal(StrEnum):
    """What can be waited for."""

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
    """The goal was not reached in time."""


class OutOfReachError(Exception):
    """The goal cannot be reached unless a person does something."""


class Waiting:
    """Waits for goals, without asking the store over and over."""

    def __init__(self, rollouts: Rollouts, gateways: Gateways, feed: Feed) -> None:
        self._rollouts = rollouts
        self._gateways = gateways
        self._feed = feed

    def wait(self, name: str, goal: Goal, *, seconds: float) -> Arrival:
        """Wait for a goal. Raises NotInTimeError, OutOfReachError, NotFoundError."""
        if goal is Goal.APPLIED:
            return self._until_applied(name, seconds)
        return Arrival(self._until_phase(name, goal, seconds))

    def _until_phase(self, name: str, goal: Goal, seconds: float) -> Rollout:
        rollout: Rollout | None = self._rollouts.get(name)
        assert rollout is not None  # noqa: S101 it was just read
        ends = {_PHASES[goal], *_HOPELESS[goal]}
        if rollout.status.phase not in ends:
            # What is already known stands at this revision; only a later one can tell more.
            start = rollout.version

            def has_ended(image: Image) -> bool:
                current = image.rollouts.get(name)
                is_deleted = current is None and image.revision > start
                return is_deleted or (
                    current is not None and current.status.phase in ends and current.version > start
                )

            self._feed.wait_until(has_ended, seconds=seconds)
            rollout = self._feed.read(lambda image: image.rollouts.get(name))
        return self._arrived(name, rollout, goal, seconds)

    def _arrived(self, name: str, rollout: Rollout | None, goal: Goal, seconds: float) -> Rollout:
        if rollout is None:
            raise NotFoundError(Key(Kind.ROLLOUT, name))
        phase, reason = rollout.status.phase, rollout.status.reason
        if phase is _PHASES[goal]:
            return rollout
        if phase in _HOPELESS[goal]:
            raise OutOfReachError(f"{name} is {phase} ({reason}); it does not become {goal} by itself")
        raise NotInTimeError(f"{name} is still {phase} after {seconds:g} s ({reason})")

    def _until_applied(self, name: str, seconds: float) -> Arrival:
        deadline = time.monotonic() + seconds
        pause = _FIRST_LOOK_SECONDS
        while True:
            rollout = self._rollouts.get(name)
            reports = self._gateways.reports(rollout)
            if reports and all(report.delivery is not Delivery.PENDING for report in reports):
                return Arrival(rollout, reports)
            left = deadline - time.monotonic()
            if left <= 0 or self._feed.is_closing:
                raise NotInTimeError(_missing(name, reports, seconds))
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LAST_LOOK_SECONDS)


def _missing(name: str, reports: Sequence[Report], seconds: float) -> str:
    if not reports:
        return f"no Traefik that carries {name} has polled within {seconds:g} s"
    pending = [f"{report.gateway}: {report.detail}" for report in reports if report.delivery is Delivery.PENDING]
    return f"not in Traefik after {seconds:g} s; " + "; ".join(pending)
