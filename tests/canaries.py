"""Canaries under judgement: counters as a Traefik has them, and records of looks at them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from provider.domain.analysis import CheckResult, Exposure, Measurement, Outcome, Record, Series, Snapshot
from provider.domain.rollouts import SIDES, Rollout, current_record, settings_of
from provider.services import Obstacle, Operations
from provider.traefik.config import counted_services

# Requests and errors of a side since its Traefik has started.
Side = tuple[int, int]


class Confirmed:
    """Proof that every step is applied as soon as it begins, or what a test says."""

    def __init__(self) -> None:
        self.found: Obstacle | None = None
        self.since: datetime | None = None

    def confirmed_at(self, rollout: Rollout, now: datetime) -> datetime | None:
        return None if self.found else self.since or rollout.status.since

    def obstacle(self, rollout: Rollout) -> Obstacle | None:
        return self.found

    def keep_only(self, names: Collection[str]) -> None:
        """Forget nothing."""


def counters(rollout: Rollout, *, stable: Side, canary: Side, baseline: Side = (0, 0)) -> Mapping[str, Snapshot]:
    """Give what one gateway has counted, every answer within 100 ms."""
    counts = {"stable": stable, "canary": canary, "baseline": baseline}
    services = {service: counts[side] for side, service in counted_services(rollout).items()}
    return {"edge": Snapshot({name: _series(side) for name, side in services.items()}, started=1.0)}


def _series(side: Side) -> dict[Series, float]:
    requests, errors = side
    counts = {"200": requests - errors, "500": errors}
    return {
        Series(status, "GET", "http", edge): count
        for status, count in counts.items()
        for edge in (None, 0.1, 1.2, float("inf"))
    }


def seen(
    rollout: Rollout,
    looks: Sequence[tuple[Side, ...]],
    *,
    now: datetime,
    checks: tuple[CheckResult, ...] = (),
    exposure: Exposure | None = None,
) -> Record:
    """Give the record after looks, 5 s apart and the last one now, that saw (stable, canary) as counted so far.

    A third side is the baseline.

    With an exposure the canary is cold at the first look.
    """
    record = current_record(None, rollout)
    services = counted_services(rollout)
    for index, sides in enumerate([((0, 0), (0, 0)), *looks]):
        record = record.looked(
            Measurement(counters(rollout, **dict(zip(SIDES, sides, strict=False))), checks),
            settings_of(rollout),
            stable=services["stable"],
            canary=services.get("canary", ""),
            baseline=services.get("baseline"),
            now=now - timedelta(seconds=5 * (len(looks) - index)),
            exposure=exposure,
        )
    return record


def unseen(rollout: Rollout, errors: int, *, now: datetime) -> Record:
    """Give the record after looks, a minute apart and the last one now, at a source that could not be asked."""
    record = current_record(None, rollout)
    for index in range(errors):
        record = record.looked(
            Measurement(error="edge does not answer"),
            settings_of(rollout),
            stable="",
            canary="",
            now=now - timedelta(minutes=errors - 1 - index),
        )
    return record


def check(outcome: Outcome, name: str = "smoke") -> CheckResult:
    """Give the answer of a check."""
    return CheckResult(name, outcome, f"it said {outcome.lower()}")


def remember(operations: Operations, name: str, record: Record) -> None:
    """Have the store hold a record, whatever it held before."""
    assert operations.analyses.remember(name, record, before=operations.analyses.read(name))
