"""What a hop through a Traefik costs: `python -m tools.benchmarks.hops`.

The same requests go to a backend directly, through one sidecar and through two, in turns within one run. The backend
is a Traefik's own `/ping`, which answers faster than a proxy passes on; the sidecars run with `traefik/sidecar.yml`.
"""

import argparse
import selectors
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from provider.demo.processes import Processes
from provider.demo.scenarios.stage import HOST, Stage
from tools.benchmarks.distribution import Distribution
from tools.benchmarks.wire import Connection, WireError, request

_NAME = "hops.localhost"
_REQUEST = request("GET", "/ping", headers={"Host": _NAME})
_WAYS = ("direct", "one hop", "two hops")


@dataclass(frozen=True)
class Plan:
    """How often all ways are measured, and how long each time."""

    rounds: int = 10
    requests: int = 500
    seconds: float = 1.0
    connections: int = 16
    warm_up_requests: int = 500


@dataclass
class Way:
    """What was measured on one way."""

    latencies: list[float] = field(default_factory=list)
    """Milliseconds of each request, one after the other."""
    rates: list[float] = field(default_factory=list)
    """Requests a second with all connections, round by round."""
    client: list[float] = field(default_factory=list)
    """The share of a core that the client itself took then."""


def main() -> int:
    """Measure and print; the exit code."""
    plan = _plan()
    with tempfile.TemporaryDirectory(prefix="traefik-canary-hops-") as path, Processes(Path(path)) as processes:
        ports = _start(Stage(Path(path), processes, lambda _: None))
        ways = measure(plan, ports)
    sys.stdout.write(as_text(plan, ways))
    return 0


def _plan() -> Plan:
    parser = argparse.ArgumentParser(
        "python -m tools.benchmarks.hops", description="What a hop through a Traefik costs."
    )
    parser.add_argument("--rounds", type=int, default=Plan.rounds)
    parser.add_argument("--requests", type=int, default=Plan.requests, help="one after the other, each round")
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="of all connections at once, each round")
    parser.add_argument("--connections", type=int, default=Plan.connections)
    options = parser.parse_args()
    return Plan(options.rounds, options.requests, options.seconds, options.connections)


def _start(stage: Stage) -> Mapping[str, int]:
    """Start everything, and give the port at which each way begins."""
    provider = stage.start_provider()
    backend, near, far = (stage.start_sidecar(provider, name=name) for name in ("backend", "near", "far"))
    for sidecar, target in ((near, backend.api), (far, near.inbound)):
        spec = {
            "rule": f"Host(`{_NAME}`)",
            "gateways": [sidecar.name],
            "stable": {"servers": [{"url": target}]},
        }
        provider.call("PUT", f"/rollouts/{sidecar.name}", {"spec": spec})
        provider.call("GET", f"/rollouts/{sidecar.name}/wait?for=applied&timeout=20")
    urls = zip(_WAYS, (backend.api, near.inbound, far.inbound), strict=True)
    return {way: urlsplit(url).port or 0 for way, url in urls}


def measure(plan: Plan, ports: Mapping[str, int]) -> Mapping[str, Way]:
    """Measure every way in every round, so that whatever else the machine does falls on all of them."""
    ways = {name: Way() for name in ports}
    for port in ports.values():
        _one_by_one(port, plan.warm_up_requests)
    for _ in range(plan.rounds):
        for name, way in ways.items():
            way.latencies += _one_by_one(ports[name], plan.requests)
        for name, way in ways.items():
            rate, client = _all_at_once(ports[name], plan)
            way.rates.append(rate)
            way.client.append(client)
    return ways


def _one_by_one(port: int, count: int) -> Sequence[float]:
    """Give the milliseconds of each request over one connection."""
    taken = []
    with Connection(HOST, port) as connection:
        for _ in range(count):
            began = time.perf_counter()
            answer = connection.ask(_REQUEST)
            taken.append(1_000 * (time.perf_counter() - began))
            _must_be_ok(answer.status)
    return taken


def _all_at_once(port: int, plan: Plan) -> tuple[float, float]:
    """Give the requests a second of several connections, each busy all the time, and the client's share of a core."""
    connections = [Connection(HOST, port) for _ in range(plan.connections)]
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ, connection)
            connection.send(_REQUEST)
        began, used, answered = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - began < plan.seconds:
            for key, _ in selector.select():
                answer = key.data.receive()
                if answer:
                    _must_be_ok(answer.status)
                    answered += 1
                    key.data.send(_REQUEST)
        seconds = time.perf_counter() - began
        client = (time.process_time() - used) / seconds
    for connection in connections:
        connection.__exit__()
    return answered / seconds, client


def _must_be_ok(status: int) -> None:
    if status != 200:
        raise WireError(f"a request was answered {status}")


def as_text(plan: Plan, ways: Mapping[str, Way]) -> str:
    """Give what fits on a screen; the first way is what the others are compared with."""
    return "\n".join(_lines(plan, ways)) + "\n"


def _lines(plan: Plan, ways: Mapping[str, Way]) -> Iterator[str]:
    latencies = {name: Distribution.of(way.latencies) for name, way in ways.items()}
    rates = {name: median(way.rates) for name, way in ways.items()}
    first = next(iter(ways))
    yield f"{plan.rounds} rounds in turns; latency of one connection, requests a second of {plan.connections}"
    yield f"{'':<10}{'p50 ms':>8}{'added':>8}{'p95 ms':>8}{'added':>8}{'a second':>10}{'ratio':>8}{'client':>8}"
    for name, way in ways.items():
        latency, base = latencies[name], latencies[first]
        yield (
            f"{name:<10}{latency.p50:>8.2f}{latency.p50 - base.p50:>8.2f}{latency.p95:>8.2f}"
            f"{latency.p95 - base.p95:>8.2f}{rates[name]:>10,.0f}{rates[name] / rates[first]:>8.2f}"
            f"{median(way.client):>8.0%}"
        )


if __name__ == "__main__":
    sys.exit(main())
