"""Every query of the dashboard against a real Prometheus that scrapes the real provider and the real Traefik."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from provider.demo.parts import free_port
from provider.demo.processes import Processes
from tests.dashboards.dashboard import DASHBOARD, QUERIES, Query, configuration, promtool, query, tool
from tests.e2e.harness import HOST, Load, Stack, eventually, started

pytestmark = pytest.mark.traefik

# `rate` looks back on six scrapes.
WINDOW = "6s"
ACHIEVED = "The canary's share: achieved"


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=5).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, query: Query) -> Sequence[float]:
        """Give what a query finds now, series by series."""
        found = self.ask("query", query=query.of(window=WINDOW))["result"]
        return [float(sample["value"][1]) for sample in found]

    def are_within(self, query: Query, *, low: float, high: float) -> bool:
        """Tell whether a query finds something, and nothing outside of these."""
        found = self.values(query)
        return bool(found) and all(low < value < high for value in found)

    def value(self, name: str) -> float:
        (found,) = self.values(query(name))
        return found

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=5).ok
        except requests.ConnectionError:
            return False


@dataclass(frozen=True)
class System:
    """The whole system under load, half of it on the canary, and a Prometheus that watches."""

    stack: Stack
    load: Load
    prometheus: Prometheus


def start_prometheus(directory: Path, processes: Processes, targets: Mapping[str, str]) -> Prometheus:
    """Start a Prometheus with the configuration that is shipped: other addresses, and quicker."""
    shipped = configuration("dashboards/prometheus.yml")
    shipped["global"].update(scrape_interval="1s", scrape_timeout="1s")
    for job in shipped["scrape_configs"]:
        for group in job["static_configs"]:
            group["targets"] = [targets[target] for target in group["targets"]]
    file = directory / "prometheus.yml"
    file.write_text(yaml.safe_dump(shipped))
    address = f"{HOST}:{free_port()}"
    processes.start(
        "prometheus",
        [
            tool("prometheus"),
            f"--config.file={file}",
            f"--storage.tsdb.path={directory / 'prometheus'}",
            f"--web.listen-address={address}",
        ],
    )
    prometheus = Prometheus(f"http://{address}")
    processes.wait_until(prometheus.is_ready, what="Prometheus")
    return prometheus


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    directory = tmp_path_factory.mktemp("dashboards")
    with Processes(directory) as processes:
        stack = started(directory, processes)
        stack.shift(50)
        targets = {"provider:8080": f"{HOST}:{stack.provider_port}", "edge:8081": f"{HOST}:{stack.api_port}"}
        prometheus = start_prometheus(directory, processes, targets)
        with stack.under_load(clients=1) as load:
            eventually(lambda: prometheus.values(query(ACHIEVED)), what="both are scraped")
            yield System(stack, load, prometheus)
        assert not load.failures


def test_both_are_scraped(system: System) -> None:
    targets = system.prometheus.ask("targets")["activeTargets"]
    found = sorted((target["labels"]["job"], target["health"], target["lastError"]) for target in targets)

    assert [("traefik", "up", ""), ("traefik-canary", "up", "")] == found


def test_every_query_finds_data(system: System) -> None:
    for each in QUERIES:
        found = eventually(partial(system.prometheus.values, each), what=f"{each} has data")

        assert all(math.isfinite(value) for value in found), each


def test_the_share_achieved_is_the_share_asked_for(system: System) -> None:
    for panel in ("The canary's share", "Canaries that get traffic"):
        asked, achieved = query(f"{panel}: asked"), query(f"{panel}: achieved")
        is_split = partial(system.prometheus.are_within, achieved, low=45, high=55)

        eventually(is_split, what=f"{panel}: half of the requests go to the canary")
        assert [50] == system.prometheus.values(asked)


def test_both_sides_answer_without_errors_and_soon(system: System) -> None:
    value = system.prometheus.value

    for side in ("stable", "canary"):
        assert 0 == value(f"Errors: {side}")
        assert value(f"Requests: {side}") > 1
        assert 0 < value(f"Latency: {side}_p50") <= value(f"Latency: {side}_p95") < 5


def test_the_provider_is_seen_as_it_is(system: System) -> None:
    value = system.prometheus.value
    revision = system.stack.done("GET", "/rollouts/shop")["version"]

    assert (2, 1, 0) == (value("Phase: A"), value("Store: A"), value("Unreadable documents: A"))
    eventually(lambda: revision == value("Revision served: A"), what="the revision is scraped")


def test_the_rollouts_to_choose_from_are_found(system: System) -> None:
    (variable,) = (found for found in DASHBOARD["templating"]["list"] if found["name"] == "rollout")
    metric, label = variable["query"]["query"].removeprefix("label_values(").removesuffix(")").split(", ")

    assert ["shop"] == system.prometheus.ask(f"label/{label}/values", **{"match[]": metric})


def test_promtool_finds_nothing_wrong_with_the_metrics(system: System) -> None:
    text = requests.get(f"http://{HOST}:{system.stack.provider_port}/metrics", timeout=5).text
    done = promtool("check", "metrics", text=text)

    assert (0, "") == (done.returncode, done.stdout + done.stderr)


def test_while_mirroring_the_share_stays_right(system: System) -> None:
    system.stack.done("PUT", "/rollouts/shop", {"spec": system.stack.spec(mirror={"percent": 100})})
    system.stack.wait_applied()

    def is_right() -> bool:
        mirrored = f'rate(traefik_service_requests_total{{service="shop_2_mirror@http"}}[{WINDOW}]) > 0'
        is_mirrored = bool(system.prometheus.ask("query", query=mirrored)["result"])
        return is_mirrored and system.prometheus.are_within(query(ACHIEVED), low=45, high=55)

    eventually(is_right, what="copies do not count")
