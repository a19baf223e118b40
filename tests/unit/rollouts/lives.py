"""Rollouts at given points of their lives, told in steps."""

from datetime import UTC, datetime, timedelta
from typing import Any

from provider.domain.fields import read, write
from provider.domain.rollouts import Phase, Rollout, Side, Spec
from tests.world import spec

T0 = datetime(2026, 1, 1, tzinfo=UTC)
V1, V2, V3 = (read(Side, {"servers": [{"url": f"http://127.0.0.1:900{number}"}]}) for number in (1, 2, 3))
STEPS: list[dict[str, Any]] = [
    {"setWeight": 5},
    {"pause": {"duration": "10m"}},
    {"setWeight": 50},
    {"pause": {}},
    {"setWeight": 100},
]


def minutes(number: float) -> datetime:
    """Give the moment so long after every rollout here was made."""
    return T0 + timedelta(minutes=number)


def created(**changes: Any) -> Rollout:
    """Make a rollout of V1 and V2 with STEPS; None leaves a field out."""
    return Rollout.create("shop", spec(**{"steps": STEPS, **changes}), now=T0)


def at_rest(**changes: Any) -> Rollout:
    """Make a rollout of V1 alone."""
    return created(canary=None, **changes)


def edited(rollout: Rollout, **changes: Any) -> Spec:
    """Give the rollout's spec as somebody might edit it; sides are given as they are, all else as documents."""
    return read(Spec, write(rollout.spec) | changes)


def standing(rollout: Rollout) -> tuple[Phase, float, int]:
    """Say where a rollout stands: phase, weight, step."""
    status = rollout.status
    return status.phase, float(status.weight), status.step_index
