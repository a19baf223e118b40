"""Pages of Traefiks, read: only what is wanted, all of it, and nothing from what is no page."""

import gzip
from collections.abc import Iterator, Mapping
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from provider.domain.analysis import Series, Snapshot
from provider.sources import SourceError, TraefikMetrics
from tests.traefik_page import LABELS
from tests.traefik_page import PAGE as TRAEFIK_PAGE
from tests.unit.sources.sources import Server, Told, running_server

STABLE, CANARY = "shop_1@http", "shop_2@http"
PAGE = f"{TRAEFIK_PAGE}traefik_service_requests_total{{{LABELS.replace(STABLE, 'blog_1@http')}}} 7\n"
COUNTED = {
    STABLE: {
        Series("200", "GET", "http"): 3,
        Series("200", "GET", "http", 0.1): 2,
        Series("200", "GET", "http", inf): 3,
    },
    CANARY: {Series("502", "GET", "http"): 1},
}
STARTED = 1_795_552_246.42


@pytest.fixture
def metrics() -> Iterator[TraefikMetrics]:
    metrics = TraefikMetrics(timeout_seconds=5)
    yield metrics
    metrics.close()


def read(
    metrics: TraefikMetrics, server: Server, page: str | Told, *, services: tuple[str, ...] = (STABLE, CANARY)
) -> Snapshot:
    server.answers["/metrics"] = Told(page.encode()) if isinstance(page, str) else page
    return metrics.snapshots({"edge": f"{server.url}/metrics"}, services=services)["edge"]


def test_a_snapshot_holds_the_wanted_services_and_no_other(metrics: TraefikMetrics, server: Server) -> None:
    assert Snapshot(COUNTED, STARTED) == read(metrics, server, PAGE)
    assert Snapshot({CANARY: COUNTED[CANARY]}, STARTED) == read(metrics, server, PAGE, services=(CANARY,))


def test_a_service_that_was_not_counted_yet_is_not_there(metrics: TraefikMetrics, server: Server) -> None:
    assert Snapshot({}, STARTED) == read(metrics, server, PAGE, services=("shop_3@http", "shop_1"))
    assert Snapshot({}, STARTED) == read(metrics, server, PAGE, services=())


def test_every_gateway_is_read(metrics: TraefikMetrics, server: Server) -> None:
    server.answers = {"/a": Told(PAGE.encode()), "/b": Told(PAGE.replace(" 3\n", " 5\n").encode())}
    urls = {"a": f"{server.url}/a", "b": f"{server.url}/b"}

    found = metrics.snapshots(urls, services=[STABLE])

    assert [found[name].services[STABLE][Series("200", "GET", "http")] for name in ("a", "b")] == [3, 5]


def test_one_gateway_that_does_not_answer_is_named(metrics: TraefikMetrics, server: Server) -> None:
    server.answers = {"/a": Told(PAGE.encode()), "/b": Told(status=500)}

    with pytest.raises(SourceError, match=rf"^gateway b: {server.url}/b answers 500$"):
        metrics.snapshots({"a": f"{server.url}/a", "b": f"{server.url}/b"}, services=[STABLE])


@pytest.mark.parametrize(
    "headers", [{"Transfer-Encoding": "chunked"}, {"Content-Encoding": "gzip"}, {"Content-Length": ""}], ids=str
)
def test_a_page_may_come_in_any_way_that_http_has(
    metrics: TraefikMetrics, server: Server, headers: Mapping[str, str]
) -> None:
    body = PAGE.encode()
    if "Transfer-Encoding" in headers:
        parts = [body[place : place + 7] for place in range(0, len(body), 7)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    if "Content-Encoding" in headers:
        body = gzip.compress(body)

    assert Snapshot(COUNTED, STARTED) == read(metrics, server, Told(body, headers=headers))


def test_counters_that_are_split_by_header_are_added_up(metrics: TraefikMetrics, server: Server) -> None:
    page = PAGE + "".join(
        f'traefik_service_requests_total{{{LABELS},useragent="{agent}"}} 10\n'
        for agent in ("curl", r"x\",service=\"shop_2@http", "")
    )

    found = read(metrics, server, page)

    assert found.services[STABLE][Series("200", "GET", "http")] == 33
    assert COUNTED[CANARY] == found.services[CANARY]


_CASES = {
    "not there": (Told(status=404), "answers 404: set metrics.prometheus in Traefik's static configuration"),
    "no access": (Told(status=401), "answers 401$"),
    "a redirect": (Told(status=302, headers={"Location": "/metrics2"}), "answers 302$"),
    "an empty page": (Told(), "does not answer as Traefik's metrics do: set metrics.prometheus"),
    "a web page": (Told(b"<html>\n</html>\n"), "does not answer as Traefik's metrics do"),
    "another program": (Told(b"process_start_time_seconds 1\ngo_threads 3\n"), "does not answer as Traefik's"),
    "one endless line": (Told(b"x" * 3_000_000), "does not answer as Traefik's metrics do"),
    "half a line": (Told(PAGE.encode()[:-3]), "answers a page that ends in the middle of a line$"),
    "half a page": (Told(PAGE.encode(), headers={"Content-Length": "9999"}), "does not answer: "),
    "half a chunk": (
        Told(b"fff\r\n" + PAGE.encode()[:100], headers={"Transfer-Encoding": "chunked"}),
        "does not answer: ",
    ),
    "not gzip": (Told(PAGE.encode(), headers={"Content-Encoding": "gzip"}), "does not answer: DecodeError$"),
    "not UTF-8": (Told(PAGE.replace('"GET"', '"\udcff"').encode(errors="surrogateescape")), "does not answer as"),
    "no number": (Told(PAGE.replace("} 1\n", "} one\n").encode()), "does not answer as Traefik's metrics do"),
    "NaN": (Told(PAGE.replace("} 1\n", "} NaN\n").encode()), "does not answer as Traefik's metrics do"),
    "below 0": (Told(PAGE.replace("} 1\n", "} -1\n").encode()), "does not answer as Traefik's metrics do"),
    "an edge of NaN": (Told(PAGE.replace("+Inf", "NaN").encode()), "does not answer as Traefik's metrics do"),
    "no code": (Told(PAGE.replace("code=", "status=").encode()), "does not answer as Traefik's metrics do"),
    "two starts": (Told((PAGE + "process_start_time_seconds 2\n").encode()), "does not answer as Traefik's"),
}


@pytest.mark.parametrize(("told", "words"), _CASES.values(), ids=_CASES)
def test_an_answer_that_is_none_of_traefiks_says_so(
    metrics: TraefikMetrics, server: Server, told: Told, words: str
) -> None:
    with pytest.raises(SourceError, match=f"^gateway edge: {server.url}/metrics {words}"):
        read(metrics, server, told)
    assert [question.path for question in server.questions] == ["/metrics"]


def test_an_answer_that_is_held_is_not_waited_for(server: Server) -> None:
    server.is_answering.clear()

    with pytest.raises(SourceError, match=r"does not answer within 0\.05 s$"):
        read(TraefikMetrics(timeout_seconds=0.05), server, PAGE)


def test_a_page_that_drips_is_not_waited_for(server: Server) -> None:
    with pytest.raises(SourceError, match=r"does not answer all within 0\.5 s$"):
        read(TraefikMetrics(timeout_seconds=0.05), server, Told(PAGE.encode(), pause_seconds=0.01))


def test_a_page_that_does_not_end_is_cut_off(metrics: TraefikMetrics, server: Server) -> None:
    body = gzip.compress(b"traefik_x 1\n" * 24_000_000, compresslevel=1)

    with pytest.raises(SourceError, match=r"answers more than 268,435,456 bytes$"):
        read(metrics, server, Told(body, headers={"Content-Encoding": "gzip"}))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/metrics", "http://a..b/metrics", f"http://{'a' * 64}.x/metrics"])
def test_an_address_where_nothing_answers_is_named(metrics: TraefikMetrics, url: str) -> None:
    with pytest.raises(SourceError, match=f"^gateway edge: {url} does not answer: "):
        metrics.snapshots({"edge": url}, services=[STABLE])


def test_what_may_be_secret_in_an_address_is_not_told(metrics: TraefikMetrics) -> None:
    with pytest.raises(SourceError, match="does not answer") as caught:
        metrics.snapshots({"edge": "http://me:hidden@127.0.0.1:1/metrics?token=hidden"}, services=[STABLE])
    assert "hidden" not in str(caught.value)


# What clients send is a label's value too, so any text may be one.
_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
_SERVICES = st.sampled_from([STABLE, CANARY, "blog_1@http"]) | _NAMES
_REQUESTS = st.lists(
    st.tuples(_SERVICES, st.sampled_from(["200", "502"]), _NAMES, st.sampled_from([0.01, 0.2, 9.0])), max_size=20
)


@given(requests_=_REQUESTS, wanted=st.sets(_SERVICES, max_size=4))
def test_what_was_counted_is_read_again(
    shared_server: Server, requests_: list[tuple[str, str, str, float]], wanted: set[str]
) -> None:
    registry = CollectorRegistry()
    names = ["code", "method", "protocol", "service"]
    Gauge("process_start_time_seconds", "Start", registry=registry).set(7)
    Gauge("traefik_open_connections", "Connections", registry=registry).set(1)
    total = Counter("traefik_service_requests_total", "Requests", names, registry=registry)
    duration = Histogram(
        "traefik_service_request_duration_seconds", "Durations", names, registry=registry, buckets=(0.1, 1.2)
    )
    expected: dict[str, dict[Series, float]] = {}
    for service, code, method, seconds in requests_:
        total.labels(code, method, "http", service).inc()
        duration.labels(code, method, "http", service).observe(seconds)
        if service in wanted:
            counters = expected.setdefault(service, {})
            for edge in (None, 0.1, 1.2, inf):
                series = Series(code, method, "http", edge)
                counters[series] = counters.get(series, 0) + (edge is None or seconds <= edge)

    found = read(TraefikMetrics(), shared_server, Told(generate_latest(registry)), services=tuple(wanted))

    assert Snapshot(expected, 7) == found


@pytest.fixture(scope="module")
def shared_server() -> Iterator[Server]:
    with running_server() as server:
        yield server
