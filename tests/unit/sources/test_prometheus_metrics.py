"""The same counters out of a Prometheus' answers."""

import json
from math import inf
from typing import Any
from urllib.parse import parse_qs

import pytest

from provider.domain.analysis import Series, Snapshot
from provider.sources import PrometheusMetrics, SourceError
from provider.sources.prometheus import counters_query
from tests.unit.sources.sources import Server, Told

STABLE, CANARY = "shop_1@http", "shop_2@http"
REQUESTS = "traefik_service_requests_total"
BUCKETS = "traefik_service_request_duration_seconds_bucket"
STARTED = "process_start_time_seconds"
PATH = "/api/v1/query"

Point = dict[str, Any]


def point(name: str, value: str, *, instance: str = "edge:8081", **labels: str) -> Point:
    return {"metric": {"__name__": name, "job": "traefik", "instance": instance, **labels}, "value": [1.5, value]}


def counter(name: str, value: str, *, service: str = STABLE, **labels: str) -> Point:
    return point(name, value, service=service, code="200", method="GET", protocol="http", **labels)


def told(*points: Point, **more: Any) -> Told:
    data = {"resultType": "vector", "result": list(points)}
    return Told(json.dumps({"status": "success", "data": data, **more}).encode())


def read(server: Server, answer: Told) -> Any:
    server.answers[PATH] = answer
    metrics = PrometheusMetrics()
    try:
        return metrics.snapshots(server.url, services=[CANARY, STABLE])
    finally:
        metrics.close()


def test_there_is_a_snapshot_for_each_traefik(server: Server) -> None:
    found = read(
        server,
        told(
            counter(REQUESTS, "3"),
            counter(BUCKETS, "2", le="0.1"),
            counter(BUCKETS, "3", le="+Inf"),
            counter(REQUESTS, "9", service="blog_1@http"),
            counter("traefik_service_open_connections", "9"),
            counter(REQUESTS, "8", service=CANARY, instance="edge-2:8081"),
            point(STARTED, "1795552246.42"),
            point(STARTED, "7", instance="edge-2:8081"),
            point(STARTED, "8", instance="edge-3:8081"),
        ),
    )

    series = Series("200", "GET", "http")
    stable = {series: 3, series._replace(edge=0.1): 2, series._replace(edge=inf): 3}
    assert {
        "traefik/edge:8081": Snapshot({STABLE: stable}, 1_795_552_246.42),
        "traefik/edge-2:8081": Snapshot({CANARY: {series: 8}}, 7),
        "traefik/edge-3:8081": Snapshot({}, 8),
    } == found


def test_without_series_there_is_no_snapshot(server: Server) -> None:
    assert read(server, told()) == {}


def test_one_query_asks_for_all_by_post(server: Server) -> None:
    read(server, told())

    (question,) = server.questions
    assert (question.method, question.path) == ("POST", PATH)
    assert {"query": [counters_query([STABLE, CANARY])]} == parse_qs(question.body.decode())


def test_names_are_escaped_for_the_pattern_and_for_the_string() -> None:
    query = counters_query(['a.b"c\\d|e'])

    assert r'traefik_service_requests_total{service=~"a\\.b\"c\\\\d\\|e"} or ' in query
    assert counters_query([]) == f"{STARTED} and on (job, instance) traefik_config_reloads_total"


_CASES = {
    "a mistake": (
        Told(b'{"status": "error", "errorType": "bad_data", "error": "parse\\nerror"}', 400),
        "refuses the query: parse error$",
    ),
    "a warning": (told(warnings=["not all\tanswered"]), "answers with a warning: not all answered$"),
    "a proxy": (Told(b"<html>", 502), "answers 502$"),
    "no access": (Told(b"", 401), "answers 401$"),
    "a redirect": (Told(b"", 302, {"Location": "/graph"}), "answers 302$"),
    "success that is none": (Told(told().body, 500), "answers 500$"),
    "a web page": (Told(b"<html>"), "does not answer as Prometheus does$"),
    "another JSON": (Told(b"[]"), "does not answer as Prometheus does$"),
    "a matrix": (
        Told(b'{"status": "success", "data": {"resultType": "matrix", "result": []}}'),
        "does not answer as Prometheus does$",
    ),
    "no number": (told(counter(REQUESTS, "many")), "does not answer as Prometheus does$"),
    "NaN": (
        told(counter(REQUESTS, "NaN")),
        r"has a counter that is not a number \(job traefik, instance edge:8081\)$",
    ),
    "below 0": (told(counter(REQUESTS, "-1")), "has counters that are none of Traefik's "),
    "no labels": (told(point(REQUESTS, "1", service=STABLE)), "has counters that are none of Traefik's "),
    "replicas": (
        told(point(STARTED, "1", replica="a"), point(STARTED, "1", replica="b")),
        "has several Traefiks under one name ",
    ),
    "half an answer": (Told(b"{", headers={"Content-Length": "10"}), "does not answer: "),
}


@pytest.mark.parametrize(("answer", "words"), _CASES.values(), ids=_CASES)
def test_an_answer_that_cannot_be_used_says_why(server: Server, answer: Told, words: str) -> None:
    with pytest.raises(SourceError, match=f"^Prometheus {server.url} {words}") as caught:
        read(server, answer)
    assert str(caught.value).isprintable()
