"""What was sent is what is measured: by the real Traefik's own metrics, and out of a real Prometheus."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import requests
import yaml

from dashboards.drawing.prometheus import program
from provider.demo.parts import free_port
from provider.demo.processes import Processes
from provider.domain.analysis import Check, Outcome, Snapshot, Window, window_between
from provider.domain.fields import read
from provider.sources import Gates, PrometheusMetrics, TraefikMetrics
from tests.e2e.harness import HOST, Stack, eventually

pytestmark = pytest.mark.traefik

NAMES = {"rollout": "shop", "stable": "shop_1@http", "canary": "shop_2@http"}
SERVICES = (NAMES["stable"], NAMES["canary"])
Snapshots = Mapping[str, Snapshot]


def window(before: Snapshots, after: Snapshots) -> Window:
    return window_between(before, after, stable=NAMES["stable"], canary=NAMES["canary"], errors="5..")


def sent_and_measured(stack: Stack, look: Callable[[], Snapshots]) -> None:
    """Send requests to both sides, some of which fail; insist that the window has all of them and nothing else."""
    stack.shift(50)
    before = look()
    sent = stack.count(60)
    stack.stop("v2")
    sent += stack.count(40)

    def measured() -> Window | None:
        seen = window(before, look())
        return seen if seen.stable.requests + seen.canary.requests >= 100 else None

    seen = eventually(measured, what="all requests are counted")

    assert (sent["v1"], 0) == (seen.stable.requests, seen.stable.errors)
    assert (sent["v2"] + sent["502"], sent["502"]) == (seen.canary.requests, seen.canary.errors)
    assert sent["v1"] + sent["v2"] + sent["502"] == 100
    assert min(sent["v1"], sent["v2"], sent["502"]) > 10
    assert seen.stable.latency.total == seen.stable.requests
    assert seen.canary.latency.total == seen.canary.requests


@pytest.fixture
def prometheus(tmp_path: Path, stack: Stack) -> Iterator[str]:
    """Give the address of a Prometheus that scrapes the stack's Traefik every second."""
    traefik = {"job_name": "traefik", "static_configs": [{"targets": [f"{HOST}:{stack.api_port}"]}]}
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [traefik]}))
    address = f"{HOST}:{free_port()}"
    with Processes(tmp_path) as processes:
        options = [f"--config.file={file}", f"--storage.tsdb.path={tmp_path / 'tsdb'}"]
        processes.start("prometheus", [program("prometheus"), *options, f"--web.listen-address={address}"])
        processes.wait_until(lambda: _is_ready(address), what="Prometheus")
        yield f"http://{address}"


def _is_ready(address: str) -> bool:
    try:
        return requests.get(f"http://{address}/-/ready", timeout=5).ok
    except requests.RequestException:
        return False


def test_traefiks_own_metrics_count_what_was_sent(stack: Stack) -> None:
    metrics = TraefikMetrics()
    urls = {"edge": f"http://{HOST}:{stack.api_port}/metrics"}

    sent_and_measured(stack, lambda: metrics.snapshots(urls, services=SERVICES))
    metrics.close()


def test_a_prometheus_counts_what_was_sent(stack: Stack, prometheus: str) -> None:
    metrics, gates = PrometheusMetrics(), Gates()

    def look() -> Snapshots:
        return metrics.snapshots(prometheus, services=SERVICES)

    eventually(look, what="Traefik is scraped")
    sent_and_measured(stack, look)
    assert [f"traefik/{HOST}:{stack.api_port}"] == list(look())

    query = 'sum(traefik_service_requests_total{service="{{canary}}", code="502"})'
    check = read(Check, {"name": "gone", "prometheus": {"url": prometheus, "query": query, "atMost": 5}})
    assert Outcome.FAILED is gates.ask(check, names=NAMES).outcome
    metrics.close()
    gates.close()
