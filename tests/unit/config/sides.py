"""Rollouts whose canary is held at a weight, as routing meets them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from provider.domain.rollouts import Rollout
from tests.world import spec

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STABLE, CANARY = ({"servers": [{"url": f"http://127.0.0.1:900{number}"}]} for number in (1, 2))
CHECK = {"path": "/healthz", "interval": "10s"}


def held(weight: float, **changes: Any) -> Rollout:
    """Make a rollout of two sides with the canary held at a weight."""
    return Rollout.create("shop", spec(**changes), now=NOW).set_weight(Decimal(str(weight)), now=NOW)


def stepped(*steps: dict[str, Any], **changes: Any) -> Rollout:
    """Make a rollout of two sides that waits for a person behind some steps."""
    return Rollout.create("shop", spec(steps=[*steps, {"pause": {}}], **changes), now=NOW)


def at_rest(**changes: Any) -> Rollout:
    """Make a rollout without a canary."""
    return Rollout.create("shop", spec(canary=None, **changes), now=NOW)
