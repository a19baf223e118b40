from datetime import datetime, timedelta
from typing import Any

import pytest

from provider.domain.gateways import GatewayHealth, Signs, condition_of
from tests.world import Clock

NOW = Clock().time


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


WELL: dict[str, Any] = {"last_poll": ago(1), "is_connected": True, "has_api": True}


@pytest.mark.parametrize(
    ("signs", "state", "detail"),
    [
        ({}, "healthy", ""),
        ({"has_api": False}, "healthy", "its API is not configured, so only the served revision is known"),
        ({"last_poll": None}, "never-polled", "it has not polled"),
        ({"last_poll": ago(20)}, "healthy", ""),
        ({"last_poll": ago(21)}, "not-polling", "it no longer polls"),
        ({"last_poll": ago(10), "is_connected": False}, "healthy", ""),
        ({"last_poll": ago(11), "is_connected": False}, "not-polling", "it no longer polls"),
        ({"last_poll": ago(21), "errors": ["routers/a is disabled"]}, "not-polling", "it no longer polls"),
        ({"errors": ["routers/a is disabled", "b"]}, "configuration-error", "routers/a is disabled"),
        ({"unreachable": "no answer", "unreachable_since": ago(4)}, "healthy", ""),
        ({"unreachable": "no answer", "unreachable_since": ago(5)}, "api-unreachable", "no answer"),
        ({"behind": "old", "behind_since": ago(29)}, "healthy", ""),
        ({"behind": "old", "behind_since": ago(30)}, "outdated", "old"),
    ],
)
def test_a_gateway_is_judged_by_what_it_does(signs: dict[str, Any], state: str, detail: str) -> None:
    condition = condition_of(Signs(**{**WELL, **signs}), before=None, now=NOW)

    assert (state, detail, NOW) == (condition.health, condition.detail, condition.since)


def test_a_state_has_its_time_from_when_it_began() -> None:
    before = condition_of(Signs(**WELL), before=None, now=NOW)
    later = NOW + timedelta(seconds=15)
    same = condition_of(Signs(**{**WELL, "has_api": False}), before=before, now=later)
    other = condition_of(Signs(**{**WELL, "errors": ["x"]}), before=same, now=later)

    assert (same.health, same.since) == (GatewayHealth.HEALTHY, NOW)
    assert (GatewayHealth.CONFIGURATION_ERROR, later) == (other.health, other.since)
