from typing import Any

import pytest

from provider.traefik.doctor import LatencyBound, examine_gateway, latency_bounds


def gateway(name: str = "edge", **changes: Any) -> dict[str, Any]:
    instance = {"address": "10.0.0.1:1", "longPollSeconds": 1}
    return {
        "name": name,
        "spec": {"api": "http://edge:8081"},
        "instances": [instance],
        "health": "healthy",
        **changes,
    }


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        (gateway(), []),
        (gateway("default"), ["gateway-name"]),
        (gateway("default", instances=[]), ["polling"]),
        (gateway(health="never-polled"), []),
        (gateway(health="not-polling", detail="it no longer polls"), ["polling"]),
        (gateway(health="outdated"), ["polling"]),
        (gateway(health="configuration-error"), []),
        (gateway(spec={}, isCounted=False), ["not-counted"]),
        (gateway(spec={}), ["unknown-api"]),
        (gateway(spec={}, instances=[{"longPollSeconds": 0}, {"longPollSeconds": 1}]), ["unknown-api", "held-polls"]),
        (gateway(spec={}, instances=[{}]), ["unknown-api"]),
        # Its Traefik says so itself.
        (gateway(instances=[{"longPollSeconds": 0}]), []),
    ],
)
def test_what_the_provider_knows_of_a_gateway_is_told(shown: dict[str, Any], found: list[str]) -> None:
    assert [finding.check for finding in examine_gateway(shown)] == found


def test_the_latencies_asked_of_a_gateway_are_those_of_its_rollouts() -> None:
    analysis = {
        "latency": {"above": "250ms", "edges": ["300ms"]},
        "limits": {"successRate": 99, "latencyP95": "1.5s"},
    }
    rollouts = [
        {"name": "plain", "spec": {}},
        {"name": "shop", "spec": {"analysis": analysis, "gateways": ["edge"]}},
        {"name": "elsewhere", "spec": {"analysis": analysis, "gateways": ["inner"]}},
    ]

    assert [
        LatencyBound("shop", "analysis.latency.above", 0.25),
        LatencyBound("shop", "analysis.latency.edges", 0.3, is_edge=True),
        LatencyBound("shop", "analysis.limits.latencyP95", 1.5, is_limit=True),
    ] == list(latency_bounds(rollouts, gateway="edge"))


def test_an_old_version_is_told_with_what_it_lacks() -> None:
    (finding,) = examine_gateway(gateway(spec={"api": "http://edge:8081", "traefikVersion": "3.6.15"}))

    assert list(examine_gateway(gateway(spec={"api": "http://edge:8081", "traefikVersion": "3.7.0"}))) == []
    assert finding.check == "version"
    assert "resilience.circuitBreaker" in finding.detail
