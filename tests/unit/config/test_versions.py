from datetime import UTC, datetime
from typing import Any

import pytest

from provider.domain.rollouts import Rollout
from provider.traefik.config import render
from provider.traefik.config.versions import (
    NEEDED,
    Feature,
    is_old,
    lacking,
    missing_from,
    parse_version,
    render_for,
    shortcoming,
)
from tests.world import spec

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SERVERS = [{"url": "http://127.0.0.1:9001"}]
USES: dict[Feature, dict[str, Any]] = {
    Feature.COOKIE_DOMAIN: {"sticky": {"cookie": {"name": "side", "domain": "localhost"}}},
    Feature.UNHEALTHY_INTERVAL: {
        "stable": {"servers": SERVERS, "healthCheck": {"path": "/", "unhealthyInterval": "5s"}}
    },
    Feature.PASSIVE_HEALTH_CHECK: {"canary": {"servers": SERVERS, "passiveHealthCheck": {"maxFailedAttempts": 3}}},
    Feature.HRW: {"strategy": "hrw"},
    Feature.CIRCUIT_BREAKER: {"resilience": {"circuitBreaker": {"expression": "NetworkErrorRatio() > 0.5"}}},
    Feature.RETRY_STATUS: {"resilience": {"retry": {"attempts": 2, "status": ["503"]}}},
    Feature.RETRY_NON_IDEMPOTENT: {"resilience": {"retry": {"attempts": 2, "retryNonIdempotentMethod": True}}},
    Feature.RETRY_TIMEOUT: {"resilience": {"retry": {"attempts": 2, "timeout": "5s"}}},
}


def rollout(**changes: Any) -> Rollout:
    return Rollout.create("shop", spec(**changes), now=NOW)


def before(version: tuple[int, int, int]) -> str:
    return f"{version[0]}.{version[1] - 1}.99"


@pytest.mark.parametrize("feature", Feature)
def test_a_feature_needs_its_version(feature: Feature) -> None:
    using = rollout(**USES[feature])
    needed = ".".join(map(str, NEEDED[feature]))

    assert [feature] == lacking(using, before(NEEDED[feature]))
    assert lacking(using, needed) == []
    assert needed in (shortcoming(using, before(NEEDED[feature])) or "")
    assert shortcoming(using, needed) is None


@pytest.mark.parametrize("feature", Feature)
def test_what_an_old_version_gets_needs_no_newer_one(feature: Feature) -> None:
    using = rollout(**USES[feature])
    reduced = render_for(using, before(NEEDED[feature]))

    assert {"shop"} == reduced.routers.keys()
    assert {"shop_1"} == reduced.services.keys()
    assert render(using) == render_for(using, None) == render_for(using, "3.7.15")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("3.6.15", (3, 6, 15)),
        ("v3.7.0-rc.1", (3, 7, 0)),
        ("3.5", (3, 5, 0)),
        ("dev", None),
        ("", None),
        (None, None),
    ],
)
def test_a_version_is_read_as_traefik_tells_it(text: str | None, version: tuple[int, int, int] | None) -> None:
    assert parse_version(text) == version


def test_a_version_that_is_not_known_lacks_nothing() -> None:
    assert [] == missing_from("dev") == missing_from(None)
    assert not is_old("dev")
    assert is_old("3.6.15")
    assert set(Feature) == set(missing_from("3.3.6"))
