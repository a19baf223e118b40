"""Every query of dashboards and rules against a real Prometheus that scrapes the real provider and a real Traefik."""

import math
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest
import requests

from dashboards.drawing.prometheus import Prometheus, Span, start_prometheus
from provider.demo.processes import Processes
from tests.dashboards.dashboard import (
    ANNOTATIONS,
    DASHBOARDS,
    QUERIES,
    Query,
    configuration,
    promtool,
    query,
)
from tests.e2e.harness import HOST, Load, Stack, eventually, started

pytestmark = pytest.mark.traefik

# `rate` looks back on six scrapes.
WINDOW = "6s"
QUICK = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
ACHIEVED = "The canary's share: achieved"


@dataclass(frozen=True)
class Watch:
    """A Prometheus that is asked what queries find."""

    prometheus: Prometheus

    def values(self, query: Query) -> Sequence[float]:
        """Give what a query finds now, series by series."""
        return [value for _, (_, value) in self.prometheus.at(query.of(window=WINDOW), time.time())]

    def has_figure(self, query: Query) -> bool:
        """Tell whether a query finds a figure; a quantile of what did not happen lately is none."""
        return any(map(math.isfinite, self.values(query)))

    def moments(self, query: Query) -> Sequence[float]:
        """Give when something held in the last minute: was more than 0, as Grafana reads annotations."""
        now = time.time()
        found = self.prometheus.over(query.of(window=WINDOW), Span(now - 60, now, step=1))
        return [moment for _, samples in found for moment, value in samples if value > 0]

    def are_within(self, query: Query, *, low: float, high: float) -> bool:
        """Tell whether a query finds something, and nothing outside of these."""
        found = self.values(query)
        return bool(found) and all(low < value < high for value in found)

    def value(self, name: str) -> float:
        (found,) = self.values(query(name))
        return found


@dataclass(frozen=True)
class System:
    """The whole system under load, half of it on the canary, and a Prometheus that watches."""

    stack: Stack
    load: Load
    watch: Watch


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    directory = tmp_path_factory.mktemp("dashboards")
    with Processes(directory) as processes:
        stack = started(directory, processes)
        stack.done("PUT", "/rollouts/shop", {"spec": stack.spec(analysis={"interval": "1s", "warmUp": "0s"})})
        stack.shift(50)
        targets = {"provider:8080": [f"{HOST}:{stack.provider_port}"], "edge:8081": [f"{HOST}:{stack.api_port}"]}
        watch = Watch(start_prometheus(directory, processes, targets, **QUICK))
        with stack.under_load(clients=1) as load:
            eventually(lambda: watch.values(query(ACHIEVED)), what="both are scraped")
            yield System(stack, load, watch)
        assert not load.failures


@contextmanager
def busy(stack: Stack) -> Iterator[None]:
    """Let things happen all the while: a canary ends and begins again, a webhook refuses, a weight is another one."""
    ends = threading.Event()

    def work() -> None:
        while not ends.wait(0.4):
            stack.done("POST", "/rollouts/blog/abort")
            ends.wait(0.4)  # an alert fires meanwhile
            stack.done("POST", "/rollouts/blog/retry")
            stack.done("PUT", "/rollouts/blog/weight", {"weight": 5})  # of this one Traefik is told

    stack.done("PUT", "/webhooks/refusing", {"spec": {"url": f"http://{HOST}:{stack.provider_port}/livez"}})
    stack.done("PUT", "/rollouts/blog", {"spec": stack.spec(rule="Host(`blog.localhost`)")})
    stack.done("POST", "/rollouts/shop/pause")
    stack.shift(40)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()
        stack.shift(50)


def test_both_are_scraped(system: System) -> None:
    targets = system.watch.prometheus.ask("targets")["activeTargets"]
    found = sorted((target["labels"]["job"], target["health"], target["lastError"]) for target in targets)

    assert found == [("traefik", "up", ""), ("traefik-canary", "up", "")]


def test_every_query_of_panels_and_rules_finds_data(system: System) -> None:
    rules = [rule for group in configuration("dashboards/rules.yml")["groups"] for rule in group["rules"]]
    recorded = [Query("rules", rule["record"], rule["record"]) for rule in rules if "record" in rule]
    # Most alerts find nothing while all is well; what they look at is there.
    names = {name for rule in rules for name in re.findall(r"\bcanary_\w+", rule["expr"])}
    watched = [Query("rules", name, name) for name in sorted(names)]
    with busy(system.stack):
        for each in (*QUERIES, *recorded, *watched):
            eventually(partial(system.watch.has_figure, each), what=f"{each} has data")
        for each in ANNOTATIONS:
            eventually(partial(system.watch.moments, each), what=f"{each} marks a moment")


def test_rules_are_evaluated_and_an_abort_is_an_alert(system: System) -> None:
    system.stack.done("POST", "/rollouts/blog/abort")
    fires = Query("rules", "aborted", 'ALERTS{alertname="CanaryAborted", rollout="blog", alertstate="firing"}')
    eventually(partial(system.watch.values, fires), what="the alert fires", seconds=60)
    groups = system.watch.prometheus.ask("rules")["groups"]

    assert {"ok"} == {rule["health"] for group in groups for rule in group["rules"]}
    system.stack.done("DELETE", "/rollouts/blog")


def test_the_share_achieved_is_the_share_asked_for(system: System) -> None:
    for panel in ("The canary's share", "Canaries that get traffic"):
        asked, achieved = query(f"{panel}: asked"), query(f"{panel}: achieved")
        is_split = partial(system.watch.are_within, achieved, low=45, high=55)

        eventually(is_split, what=f"{panel}: half of the requests go to the canary")
        assert system.watch.values(asked) == [50]


def test_both_sides_answer_without_errors_and_soon(system: System) -> None:
    value = system.watch.value

    for side in ("stable", "canary"):
        assert value(f"Errors: {side}") == 0
        assert value(f"Requests: {side}") > 1
        assert 0 < value(f"Latency: {side}_p50") <= value(f"Latency: {side}_p95") < 5


def test_the_provider_is_seen_as_it_is(system: System) -> None:
    value = system.watch.value
    url = f"http://{HOST}:{system.stack.provider_port}/readyz"
    revision = requests.get(url, timeout=5).json()["revision"]

    assert (value("Phase: A"), value("Store: A"), value("Unreadable documents: A")) == (2, 1, 0)
    eventually(lambda: revision == value("Revision served: A"), what="the revision is scraped")


def test_the_rollouts_to_choose_from_are_found(system: System) -> None:
    (variable,) = (found for found in DASHBOARDS["rollout"]["templating"]["list"] if found["name"] == "rollout")
    metric, label = variable["query"]["query"].removeprefix("label_values(").removesuffix(")").split(", ")

    assert "shop" in system.watch.prometheus.ask(f"label/{label}/values", **{"match[]": metric})


def test_promtool_finds_nothing_wrong_with_the_metrics(system: System) -> None:
    text = requests.get(f"http://{HOST}:{system.stack.provider_port}/metrics", timeout=5).text
    done = promtool("check", "metrics", text=text)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_while_mirroring_the_share_stays_right(system: System) -> None:
    system.stack.done("PUT", "/rollouts/shop", {"spec": system.stack.spec(mirror={"percent": 100})})
    system.stack.wait_applied()

    def is_right() -> bool:
        mirrored = f'rate(traefik_service_requests_total{{service="shop_2_mirror@http"}}[{WINDOW}]) > 0'
        is_mirrored = bool(system.watch.prometheus.ask("query", query=mirrored)["result"])
        return is_mirrored and system.watch.are_within(query(ACHIEVED), low=45, high=55)

    eventually(is_right, what="copies do not count")
