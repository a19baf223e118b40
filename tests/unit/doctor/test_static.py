"""A static configuration: as it is shipped, as it is by default, and with each thing set badly."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from provider.traefik.doctor import LatencyBound, Severity, StaticError, examine_static, read_static

SHIPPED: dict[str, Any] = yaml.safe_load((Path(__file__).parents[3] / "traefik" / "traefik.yml").read_text())


def changed(path: str, value: object) -> Mapping[str, Any]:
    """Give what is shipped with one field set, or left out where the value is None."""
    document: dict[str, Any] = yaml.safe_load(yaml.safe_dump(SHIPPED))
    *parents, last = path.split("/")
    part = document
    for parent in parents:
        part = part[parent]
    part[last] = value
    if value is None:
        del part[last]
    return document


def checks(document: Mapping[str, Any], *bounds: LatencyBound, shown: bool = False) -> set[str]:
    return {finding.check for finding in examine_static(read_static(document, is_shown_by_traefik=shown), bounds)}


def test_what_is_shipped_is_well() -> None:
    assert set() == checks(SHIPPED)


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("api", None, {"api"}),
        ("providers/http", None, {"provider"}),
        ("providers/http/endpoint", "http://provider:8080/traefik/config", {"gateway-name"}),
        ("providers/http/endpoint", "xxxx", set()),
        ("providers/http/headers", None, {"held-polls"}),
        ("providers/http/headers/Prefer", "wait=5", {"long-hold"}),
        ("providers/http/pollInterval", "5s", {"poll-gap"}),
        ("providers/http/pollInterval", None, {"poll-gap"}),
        ("providers/http/pollTimeout", "1s", {"poll-timeout"}),
        ("providers/http/pollTimeout", None, set()),
        ("providers/providersThrottleDuration", None, {"throttle"}),
        ("providers/providersThrottleDuration", 2, {"throttle"}),
        ("serversTransport", None, {"idle-connections"}),
        ("serversTransport/forwardingTimeouts/idleConnTimeout", "5s", {"idle-connections"}),
        ("metrics", None, {"metrics"}),
        ("metrics/prometheus", {}, {"coarse-buckets"}),
        ("metrics/prometheus/buckets", [0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2, 5, 10], {"coarse-buckets"}),
        ("metrics/prometheus/buckets", [0.005, 0.01, 1.2], {"coarse-buckets"}),
        ("metrics/prometheus/buckets", None, {"coarse-buckets"}),
        ("metrics/prometheus/addServicesLabels", False, {"service-labels"}),
        ("metrics/prometheus/addServicesLabels", None, set()),
    ],
)
def test_one_thing_set_badly_is_found_and_nothing_else(path: str, value: object, found: set[str]) -> None:
    assert checks(changed(path, value)) == found


def test_a_name_may_come_by_a_header_and_names_of_fields_in_any_case() -> None:
    headers = {"prefer": "wait=1", "x-canary-gateway": "edge"}
    document = changed("providers/http", {"ENDPOINT": "http://p", "pollinterval": "10ms", "headers": headers})

    assert set() == checks(document)


def test_what_traefik_leaves_out_where_it_shows_its_configuration_is_false_or_zero() -> None:
    assert set() == checks(changed("providers/providersThrottleDuration", None), shown=True)
    assert {"service-labels"} == checks(changed("metrics/prometheus/addServicesLabels", None), shown=True)


@pytest.mark.parametrize(
    ("seconds", "is_found"),
    [(0.25, False), (1.2, False), (0.3, False), (0.31, True), (3, True), (10, False), (11, True)],
)
def test_a_bound_that_lies_far_below_the_next_edge_is_found(seconds: float, is_found: bool) -> None:
    bound = LatencyBound("shop", "analysis.latency.above", seconds)

    assert ({"buckets"} if is_found else set()) == checks(SHIPPED, bound)


@pytest.mark.parametrize(
    ("seconds", "kind", "is_found"),
    [
        (0.004, {}, False),
        (0.004, {"is_limit": True}, True),
        (0.005, {"is_limit": True}, False),
        (0.24, {"is_limit": True}, False),
        (0.24, {"is_edge": True}, True),
        (0.3, {"is_edge": True}, False),
        (11, {"is_edge": True}, True),
    ],
)
def test_a_limit_must_not_lie_below_the_first_edge_and_an_edge_must_be_one(
    seconds: float, kind: dict[str, bool], is_found: bool
) -> None:
    bound = LatencyBound("shop", "analysis.latency", seconds, **kind)

    assert ({"buckets"} if is_found else set()) == checks(SHIPPED, bound)


def test_the_change_of_coarse_buckets_makes_them_fine_and_keeps_those_that_there_are() -> None:
    static = read_static(changed("metrics/prometheus/buckets", [0.7, 1.2]))
    bound = LatencyBound("shop", "analysis.limits.latencyP95", 0.6)
    *_, finding = examine_static(static, [bound])
    buckets = yaml.safe_load(finding.change)["metrics"]["prometheus"]["buckets"]

    assert finding.check == "coarse-buckets"
    assert {0.005, 0.6, 0.7, 1.2, 10} <= set(buckets)
    assert set() == checks(changed("metrics/prometheus/buckets", buckets), bound)


def test_the_change_of_buckets_holds_the_edges_that_there_are_and_the_one_that_is_missing() -> None:
    static = read_static(changed("metrics/prometheus/buckets", [1.2, 0.1]))
    finding, _ = examine_static(static, [LatencyBound("shop", "analysis.limits.latencyP95", 0.5)])

    assert yaml.safe_load(finding.change) == {"metrics": {"prometheus": {"buckets": [0.1, 0.5, 1.2]}}}
    assert "analysis.limits.latencyP95 of shop, 0.5 s, is judged at 1.2 s" in finding.detail


def test_what_is_to_be_changed_is_yaml_that_makes_it_well() -> None:
    document = {"entryPoints": {}, "metrics": {"prometheus": {"addServicesLabels": False}}, "providers": {"http": {}}}
    findings = list(examine_static(read_static(document)))
    healed: dict[str, Any] = document
    for finding in findings:
        healed = merged(healed, yaml.safe_load(finding.change))

    assert {
        "api",
        "gateway-name",
        "held-polls",
        "throttle",
        "idle-connections",
        "service-labels",
        "coarse-buckets",
    } == {finding.check for finding in findings}
    assert set() == checks(healed)
    assert all(finding.is_bad for finding in findings)
    assert {Severity.ERROR, Severity.WARNING} == {finding.severity for finding in findings}


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        name: merged(one[name], value) if isinstance(one.get(name), Mapping) and isinstance(value, Mapping) else value
        for name, value in other.items()
    }
    return {**one, **both}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"providers": 7}, "providers must be a section of fields, not 7"),
        ({"providers": {"http": "x"}}, "providers.http must be a section of fields"),
        (
            {"providers": {"providersThrottleDuration": "soon"}},
            "providers.providersThrottleDuration must be a duration",
        ),
        ({"metrics": {"prometheus": {"buckets": "0.1"}}}, "metrics.prometheus.buckets must be a list of seconds"),
    ],
)
def test_a_mistake_is_told_with_its_field(document: Mapping[str, Any], words: str) -> None:
    with pytest.raises(StaticError, match=words):
        read_static(document)
