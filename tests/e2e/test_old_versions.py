"""A Traefik that is too old for a rollout takes all others, and reports the one that it cannot take."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from provider.demo.gateway import traefik_binary
from provider.traefik.config.versions import NEEDED, Feature, parse_version
from tests.e2e.harness import HOST, Stack, eventually

pytestmark = [pytest.mark.traefik, pytest.mark.timeout(240)]

# `make old-traefiks` downloads them. Each is the newest, or nearly so, that lacks something.
OLD = ("3.4.1", "3.5.1", "3.6.15")
FOLDER = Path(sys.executable).parent.parent / "traefik"

SPECS: Mapping[Feature, Mapping[str, Any]] = {
    Feature.COOKIE_DOMAIN: {"sticky": {"cookie": {"name": "side", "domain": "localhost"}}},
    Feature.UNHEALTHY_INTERVAL: {"health": {"path": "/", "unhealthyInterval": "5s"}},
    Feature.PASSIVE_HEALTH_CHECK: {"passive": {"failureWindow": "5s", "maxFailedAttempts": 3}},
    Feature.HRW: {"strategy": "hrw"},
    Feature.CIRCUIT_BREAKER: {"resilience": {"circuitBreaker": {"expression": "NetworkErrorRatio() > 0.5"}}},
    Feature.RETRY_STATUS: {"resilience": {"retry": {"attempts": 2, "status": ["503"]}}},
    Feature.RETRY_NON_IDEMPOTENT: {"resilience": {"retry": {"attempts": 2, "retryNonIdempotentMethod": True}}},
    Feature.RETRY_TIMEOUT: {"resilience": {"retry": {"attempts": 2, "timeout": "5s"}}},
}


def binary(version: str) -> Path:
    path = FOLDER / version / "traefik"
    if not path.exists():
        pytest.skip(f"Traefik {version} is missing: make old-traefiks")
    return path


def name_of(feature: Feature) -> str:
    return feature.name.lower().replace("_", "-")


def spec_with(stack: Stack, feature: Feature) -> Mapping[str, Any]:
    changes = dict(SPECS[feature])
    spec = stack.spec(rule=f"Host(`{name_of(feature)}.localhost`)")
    for name, field in (("health", "healthCheck"), ("passive", "passiveHealthCheck")):
        if name in changes:
            value = changes.pop(name)
            spec = {**spec, "stable": {**spec["stable"], field: value}, "canary": {**spec["canary"], field: value}}
    return {**spec, **changes}


def start(stack: Stack, version: str) -> None:
    """Start an old Traefik: it does not know all of the static configuration that is shipped."""
    ports = {"web": stack.web_port, "websecure": stack.websecure_port, "traefik": stack.api_port}
    entry_points = {name: {"address": f"{HOST}:{port}"} for name, port in ports.items()}
    stack.start_traefik(binary=binary(version), static={"entryPoints": entry_points})


def taken_by(version: str) -> set[Feature]:
    known = parse_version(version)
    assert known
    return {feature for feature, needed in NEEDED.items() if known >= needed}


def states(stack: Stack) -> Mapping[Feature, bool]:
    """Tell of which rollouts Traefik has both versions in its weighted service."""
    found = {}
    for feature in SPECS:
        shown = stack.traefik_shows(f"services/{name_of(feature)}@http") or {}
        found[feature] = shown.get("status") == "enabled"
    return found


def wait_for(stack: Stack, expected: Mapping[Feature, bool]) -> None:
    eventually(lambda: states(stack) == expected, what="Traefik has what it takes", seconds=60)


def test_each_version_gets_what_it_takes_and_the_rest_is_reported(stack: Stack) -> None:
    for feature in SPECS:
        stack.done("PUT", f"/rollouts/{name_of(feature)}", {"spec": spec_with(stack, feature)})
        stack.shift(50, name=name_of(feature))
    stack.stop("traefik")
    for weight, version in enumerate(OLD, start=30):
        start(stack, version)
        taken = taken_by(version)
        wait_for(stack, {feature: feature in taken for feature in SPECS})
        stack.shift(weight)
        missing = name_of(Feature.CIRCUIT_BREAKER)
        refused = stack.call("PUT", f"/rollouts/late-{weight}", {"spec": spec_with(stack, Feature.CIRCUIT_BREAKER)})
        pending = stack.call("GET", f"/rollouts/{missing}/wait?for=applied&timeout=0")

        assert stack.count(10, host=f"{missing}.localhost") == {"v1": 10}
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:traefik-canary:unsupported-by-traefik")
        assert all(word in refused.json()["detail"] for word in ("edge", version, "3.7.0"))
        assert version in pending.json()["detail"]
        stack.stop("traefik")
    assert shutil.which(traefik_binary())
    stack.start_traefik()
    wait_for(stack, dict.fromkeys(SPECS, True))
    stack.wait_applied(name=missing)

    assert "gateway.configuration_error" in stack.log()
