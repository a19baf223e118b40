"""The `analysis` document: defaults, what it takes, and what it says of mistakes."""

from datetime import timedelta
from typing import Any

import pytest

from provider.domain.analysis import Analysis, Prometheus, Undecided
from provider.domain.fields import InvalidDocumentError, read, write


def test_everything_has_a_default() -> None:
    settings = read(Analysis, {})

    assert Analysis() == settings
    assert read(Analysis, write(settings)) == settings
    assert write(settings) == {
        "source": "traefik",
        "interval": "5s",
        "warmUp": "30s",
        "metrics": ["errors", "latency"],
        "errors": {"http": "5..|499", "grpc": [2, 4, 8, 13, 14, 15]},
        "clientErrors": "pause",
        "latency": {"above": "1.2s"},
        "margin": 2,
        "worseThan": 1.25,
        "alpha": 0.05,
        "beta": 0.05,
        "dispersion": 1,
        "sustained": "30s",
        "tolerated": 0.2,
        "limits": {},
        "minRequests": 100,
        "atLeast": "5m",
        "onUndecided": "hold",
        "failureLimit": 0,
        "consecutiveErrorLimit": 4,
        "errorLimit": "5m",
    }


def test_everything_can_be_set_and_is_written_as_it_was() -> None:
    document = {
        "preset": "fast",
        "source": {"prometheus": {"url": "http://prometheus:9090/some/path"}},
        "interval": "1m",
        "warmUp": "0s",
        "metrics": ["errors"],
        "errors": "5..|429",
        "clientErrors": "abort",
        "latency": {"above": "300ms", "edges": ["100ms", "300ms"]},
        "margin": 1.5,
        "worseThan": 1.1,
        "alpha": 0.01,
        "beta": 0.1,
        "dispersion": 5,
        "sustained": "0s",
        "tolerated": 0.1,
        "limits": {
            "successRate": 99.5,
            "latencyP50": "100ms",
            "latencyP90": "200ms",
            "latencyP95": "500ms",
            "latencyP99": "1.5s",
        },
        "minRequests": 500,
        "atLeast": "0s",
        "ignore": ["PathPrefix(`/health`)"],
        "countOverrides": True,
        "onUndecided": "promote",
        "failureLimit": 2,
        "inconclusiveLimit": 20,
        "consecutiveErrorLimit": 10,
        "errorLimit": "0s",
        "maxAttempts": 5,
    }
    settings = read(Analysis, document)

    assert write(settings) == document
    assert read(Analysis, write(settings)) == settings
    assert Prometheus(url="http://prometheus:9090/some/path") == settings.source.prometheus
    assert Undecided.PROMOTE is settings.on_undecided
    assert {
        percentile: limit / timedelta(seconds=1) for percentile, limit in settings.limits.latencies().items()
    } == {50: 0.1, 90: 0.2, 95: 0.5, 99: 1.5}


@pytest.mark.parametrize("pattern", ["5..", "500", "50[234]", "50[0-3]", "[45]..", "5..|429", "[^1234].."])
def test_patterns_of_statuses(pattern: str) -> None:
    settings = read(Analysis, {"errors": pattern})

    assert pattern == settings.errors.http == write(settings)["errors"]
    assert Analysis().errors.grpc_codes == settings.errors.grpc_codes


@pytest.mark.parametrize(
    ("errors", "http", "grpc"),
    [
        ({}, "5..|499", (2, 4, 8, 13, 14, 15)),
        ({"grpc": [13]}, "5..|499", (13,)),
        ({"http": "5..", "grpc": []}, "5..", ()),
    ],
    ids=str,
)
def test_errors_by_protocol(errors: dict[str, Any], http: str, grpc: tuple[int, ...]) -> None:
    settings = read(Analysis, {"errors": errors})

    assert (http, grpc) == (settings.errors.http, settings.errors.grpc_codes)
    assert read(Analysis, write(settings)) == settings


@pytest.mark.parametrize(
    "pattern", ["", "5xx", "5.*", "5", "5...", "9..", "5..|", "5[9-0].", "(5..)", "5..\n", "[[]..", "5" * 200]
)
def test_patterns_that_no_status_matches_or_that_are_read_differently_elsewhere_are_refused(pattern: str) -> None:
    with pytest.raises(
        InvalidDocumentError, match=r"^/errors: must be a pattern of three-digit statuses such as 5\.\."
    ):
        read(Analysis, {"errors": pattern})


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"interval": "999ms"}, "/: interval must be 1s at least"),
        ({"warmUp": 0}, "/warmUp: must be a duration such as 500ms, 10s, 5m or 1h30m, not 0"),
        ({"source": "prometheus"}, "/source: must be traefik, or an object with prometheus"),
        ({"source": {}}, "/source: must be traefik, or an object with prometheus"),
        ({"source": 3}, "/source: must be an object"),
        ({"source": {"prometheus": {}}}, "/source/prometheus/url: is required"),
        (
            {"source": {"prometheus": {"url": "prometheus:9090"}}},
            "/source/prometheus/url: must be a Prometheus URL such as http://prometheus:9090: ",
        ),
        ({"metrics": []}, "/metrics: must have at least 1; omit it for none"),
        ({"metrics": ["cpu"]}, "/metrics/0: must be 'errors' or 'latency'"),
        ({"metrics": ["errors", "errors"]}, "/: metrics must not contain duplicates"),
        (
            {"latency": {"above": "soon"}},
            "/latency/above: must be a duration such as 500ms, 10s, 5m or 1h30m, not 'soon'",
        ),
        ({"errors": {"grpc": [0]}}, "/errors/grpc/0: must be greater than or equal to 1"),
        ({"errors": {"grpc": [17]}}, "/errors/grpc/0: must be less than or equal to 16"),
        ({"errors": {"grpc": [13, 13]}}, "/errors: grpc must not contain duplicates"),
        ({"errors": {"http": "5xx"}}, "/errors/http: must be a pattern of three-digit statuses such as 5.."),
        ({"errors": {"tcp": "5.."}}, "/errors/tcp: is not a known field"),
        ({"errors": 5}, "/errors: must be"),
        ({"clientErrors": "hold"}, "/clientErrors: must be 'pause', 'abort' or 'ignore'"),
        ({"latency": {"edges": []}}, "/latency/edges: must have at least 1; omit it for none"),
        ({"latency": {"edges": ["1s", "1000ms"]}}, "/: latency.edges must not contain duplicates"),
        ({"margin": 1}, "/margin: must be greater than or equal to 1.05"),
        ({"margin": "2"}, "/margin: must be a number, not '2'"),
        ({"alpha": 0}, "/alpha: must be greater than or equal to 0.000001"),
        ({"alpha": True}, "/alpha: must be a number, not True"),
        ({"beta": 0.6}, "/beta: must be less than or equal to 0.5"),
        ({"dispersion": 0.5}, "/dispersion: must be greater than or equal to 1"),
        ({"tolerated": 0}, "/tolerated: must be greater than or equal to 0.001"),
        ({"limits": {"successRate": 101}}, "/limits/successRate: must be less than or equal to 100"),
        ({"limits": {"latencyP97": "1s"}}, "/limits/latencyP97: is not a known field; did you mean latencyP99?"),
        ({"minRequests": 0}, "/minRequests: must be greater than or equal to 1"),
        ({"onUndecided": "wait"}, "/onUndecided: must be 'hold', 'promote' or 'abort'"),
        ({"failureLimit": -1}, "/failureLimit: must be greater than or equal to 0"),
        ({"inconclusiveLimit": "3"}, "/inconclusiveLimit: must be a whole number, not '3'"),
        ({"consecutiveErrorLimit": 1.5}, "/consecutiveErrorLimit: must be a valid integer, got"),
        ({"margn": 2}, "/margn: is not a known field; did you mean margin?"),
    ],
    ids=str,
)
def test_a_mistake_is_named_with_its_place(document: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        read(Analysis, document)

    assert str(caught.value).startswith(words)


def test_its_schema_says_what_a_source_is() -> None:
    source = Analysis.model_json_schema()["properties"]["source"]

    assert {"const": "traefik"} in source["oneOf"]
