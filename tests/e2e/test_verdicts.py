"""Verdicts in real traffic: gRPC, WebSockets, a cold canary, one at full weight, and sources that are broken.

The scenarios begin together and run side by side behind one Traefik, each as a rollout of its own.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from threading import Thread, Timer
from typing import Any

import pytest
import requests

from provider.demo.gateway import GatewayOptions, gateway_command
from provider.demo.parts import free_port, start_app
from provider.demo.processes import is_listening
from tests.e2e.harness import HOST, Load, Stack, eventually
from tests.e2e.websocket_app import websocket_clients, websocket_server

pytestmark = [pytest.mark.traefik, pytest.mark.timeout(240)]

QUICK = {"interval": "1s", "minRequests": 20, "warmUp": "0s", "sustained": "0s"}
SHORT = [{"setWeight": 50}, {"analysis": {"duration": "4s"}}]
LONG = [{"setWeight": 50}, {"analysis": {"duration": "10m"}}]
FULL = [{"setWeight": 100}, {"analysis": {"duration": "10m"}}]
Document = dict[str, Any]


class Site:
    """Rollouts behind the shared Traefik, each for the host of its name."""

    def __init__(self, stack: Stack, cleanup: ExitStack) -> None:
        self.stack = stack
        self.cleanup = cleanup

    def begin(
        self, name: str, *, urls: tuple[str, str], steps: list[Any], beside: Document | None = None, **analysis: Any
    ) -> None:
        """Store a rollout with its stable side, and start the canary; `beside` are further fields of the canary."""
        stable, canary = ({"servers": [{"url": url}]} for url in urls)
        spec = self.stack.spec(
            rule=f"Host(`{name}.localhost`)", stable=stable, canary=None, steps=steps, analysis={**QUICK, **analysis}
        )
        self.stack.done("PUT", f"/rollouts/{name}", {"spec": spec})
        self.stack.done("PUT", f"/rollouts/{name}/canary", {**canary, **(beside or {})})

    def app(self, version: str) -> str:
        port = free_port()
        start_app(self.stack.processes, version=version, port=port)
        return f"http://{HOST}:{port}"

    def load(self, name: str) -> None:
        """Send 40 requests a second until all tests are done."""
        load = Load(f"http://{HOST}:{self.stack.web_port}/", {"Host": f"{name}.localhost"}, 0.05)
        threads = [Thread(target=load.run) for _ in range(2)]
        for thread in threads:
            thread.start()
            self.cleanup.callback(thread.join)
        self.cleanup.callback(load.ends.set)

    def run(self, name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "tests.e2e.grpc_app", *arguments]
        self.stack.processes.start(name, command)

    def status(self, name: str) -> Document:
        found: Document = self.stack.done("GET", f"/rollouts/{name}")["status"]
        return found

    def ended(self, name: str, *, seconds: float = 60) -> Document:
        """Wait until the canary is promoted, aborted or held."""
        phases = {"Healthy", "Degraded", "Paused"}
        found: Document = eventually(
            lambda: (now := self.status(name))["phase"] in phases and now, what=f"{name} has ended", seconds=seconds
        )
        return found

    def samples(self, name: str) -> list[Mapping[str, Any]]:
        answer = self.stack.call("GET", f"/rollouts/{name}/analysis")
        looks: list[Mapping[str, Any]] = answer.json()["samples"] if answer.ok else []
        return looks


def begin_grpc(site: Site, name: str, *, error_rate: float = 0, is_announcing: bool = True, **analysis: Any) -> None:
    ports = free_port(), free_port()
    for version, port, rate in zip(("v1", "v2"), ports, (0, error_rate), strict=True):
        announce = ["--announce"] if is_announcing else []
        site.run(f"{name}-{version}", "serve", f"--port={port}", f"--error-rate={rate}", *announce)
    eventually(lambda: all(is_listening(HOST, port) for port in ports), what="the gRPC servers")
    site.run(f"{name}-clients", "call", f"--port={site.stack.web_port}", f"--host={name}.localhost")
    stable, canary = (f"h2c://{HOST}:{port}" for port in ports)
    site.begin(name, urls=(stable, canary), steps=SHORT, **analysis)


def begin_websocket(site: Site) -> None:
    stable, canary = (site.cleanup.enter_context(websocket_server()) for _ in range(2))
    # Longer than the 1.2 s from which on a response is slow.
    clients = websocket_clients(site.stack.web_port, host="websocket.localhost", clients=20, seconds=1.5)
    site.begin(
        "websocket",
        urls=(f"http://{HOST}:{stable}", f"http://{HOST}:{canary}"),
        steps=[
            {"setWeight": 50},
            {"analysis": {"duration": "8s"}},
        ],
    )
    site.cleanup.enter_context(clients)


def begin_cold(site: Site) -> None:
    urls = site.app("v1"), site.app("v2")
    behave(urls[1], error_rate=0.3, delay_seconds=0.3)
    site.begin("cold", urls=urls, steps=SHORT, warmUp="8s", latency={"above": "100ms"})
    warm = Timer(4, behave, [urls[1]])
    warm.start()
    site.cleanup.callback(warm.join)
    site.load("cold")


def begin_full(site: Site) -> None:
    urls = site.app("v1"), site.app("v2")
    site.begin("full", urls=urls, steps=FULL)
    site.load("full")
    breaks = Timer(4, behave, [urls[1]], {"error_rate": 1})
    breaks.start()
    site.cleanup.callback(breaks.join)


def begin_broken(site: Site, name: str, **analysis: Any) -> None:
    urls = site.app("v1"), site.app("v2")
    behave(urls[1], error_rate=1)
    site.begin(name, urls=urls, steps=LONG, **analysis)
    site.load(name)


def behave(url: str, *, error_rate: float = 0, delay_seconds: float = 0) -> None:
    behaviour = {"error_rate": error_rate, "delay_seconds": delay_seconds}
    assert requests.put(f"{url}/behaviour", json=behaviour, timeout=5).ok


@contextmanager
def responding(answer: Callable[[], tuple[int, bytes]]) -> Iterator[str]:
    """Give the URL of a server that gives this answer to every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 the name that the base class calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the signature of the base class
            """Log nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{HOST}:{server.server_address[1]}"
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def site(shared_stack: Stack) -> Iterator[Site]:
    """Begin all scenarios."""
    with ExitStack() as cleanup:
        site = Site(shared_stack, cleanup)
        down = cleanup.enter_context(responding(lambda: (503, b"")))
        # A gateway that is registered, and that nobody runs.
        shared_stack.done("PUT", "/gateways/gone", {"spec": {"api": f"http://{HOST}:9"}})
        begin_grpc(site, "grpc-good")
        begin_grpc(site, "grpc-bad", error_rate=0.3)
        begin_grpc(site, "grpc-unknown", is_announcing=False)
        begin_websocket(site)
        begin_cold(site)
        begin_full(site)
        begin_broken(site, "unchecked", checks=[{"name": "smoke", "webhook": {"url": f"{down}/"}}])
        begin_broken(site, "ungated")
        yield site


def test_a_grpc_canary_that_is_good_is_promoted(site: Site) -> None:
    assert site.ended("grpc-good")["phase"] == "Healthy"


def test_a_grpc_canary_that_fails_is_aborted(site: Site) -> None:
    assert site.ended("grpc-bad")["phase"] == "Degraded"


def test_a_grpc_canary_whose_results_traefik_does_not_count_is_held(site: Site) -> None:
    assert site.ended("grpc-unknown")["phase"] == "Paused"
    assert "unknown-results" in {sample.get("reasonCode") for sample in site.samples("grpc-unknown")}


def test_a_healthy_websocket_canary_is_promoted(site: Site) -> None:
    assert site.ended("websocket")["phase"] == "Healthy"


def test_a_canary_that_is_slow_and_fails_while_it_is_cold_is_promoted(site: Site) -> None:
    assert site.ended("cold")["phase"] == "Healthy"


def test_a_canary_at_full_weight_that_breaks_is_aborted(site: Site) -> None:
    assert site.ended("full")["phase"] == "Degraded"


@pytest.mark.parametrize("name", ["unchecked", "ungated"], ids=["a check is down", "a gateway is unreachable"])
def test_a_source_that_is_down_hides_no_failure(site: Site, name: str) -> None:
    assert site.ended(name)["phase"] == "Degraded"


def test_two_traefiks_behind_one_metrics_address_are_reported(site: Site) -> None:
    stack = site.stack
    second = free_port()
    directory = stack.directory / "second"
    directory.mkdir()
    options = GatewayOptions(
        directory=directory,
        provider=f"http://{HOST}:{stack.provider_port}",
        web_port=free_port(),
        websecure_port=free_port(),
        api_port=second,
    )
    child = stack.processes.start("second", gateway_command(options))
    eventually(lambda: is_listening(HOST, second), what="the second Traefik")
    ports = cycle((stack.api_port, second))
    urls = site.app("v1"), site.app("v2")

    def metrics() -> tuple[int, bytes]:
        return 200, requests.get(f"http://{HOST}:{next(ports)}/metrics", timeout=5).content

    with responding(metrics) as balancer:
        api = f"http://{HOST}:{stack.api_port}"
        stack.done("PUT", "/gateways/edge", {"spec": {"api": api, "metrics": f"{balancer}/metrics"}})
        site.begin("twins", urls=urls, steps=LONG)
        site.load("twins")
        sample = eventually(
            lambda: next((one for one in site.samples("twins") if one["outcome"] == "Error"), None),
            what="the analysis reports it",
        )
        eventually(
            lambda: "several Traefiks" in stack.done("GET", "/rollouts/twins/traffic")["summary"],
            what="the share reports it",
        )
        eventually(lambda: "several Traefiks answer" in stack.command("doctor").stdout, what="doctor reports it")
    stack.done("PUT", "/gateways/edge", {"spec": {"api": api}})
    child.stop()
    stack.processes.forget(child)

    assert "several Traefik instances respond for gateway edge" in sample["reason"]


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_a_canary_of_a_quiet_service_that_fails_is_aborted_within_five_minutes(shared_stack: Stack) -> None:
    with ExitStack() as cleanup:
        site = Site(shared_stack, cleanup)
        urls = site.app("v1"), site.app("v2")
        behave(urls[1], error_rate=1)
        # One request every 10 s. All but `sustained` has its default.
        load = Load(f"http://{HOST}:{shared_stack.web_port}/", {"Host": "quiet.localhost"}, 10)
        thread = Thread(target=load.run)
        thread.start()
        cleanup.callback(thread.join)
        cleanup.callback(load.ends.set)
        site.begin("quiet", urls=urls, steps=LONG, interval="5s", minRequests=100, warmUp="30s")
        ended = site.ended("quiet", seconds=300)

    assert ended["phase"] == "Degraded"
