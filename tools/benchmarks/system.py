"""The system that is measured: nothing in it is made for the measurement."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from provider.demo.gateway import GatewayOptions, gateway_command
from provider.demo.parts import ProviderProcess, free_port, start_app
from provider.demo.processes import Child, Processes

HOST = "127.0.0.1"
ROLLOUT, SITE = "shop", "shop.localhost"


Tune = Callable[[dict[str, Any]], None]
# As compose.yaml starts Traefik.
SHIPPED_ENVIRONMENT: Mapping[str, str] = {"GOGC": "400"}


@dataclass(frozen=True)
class Contender:
    """A way for Traefik to learn of a change: how its configuration differs from the one that is shipped."""

    name: str
    description: str
    tune: Tune
    environment: Mapping[str, str]


def as_shipped(static: dict[str, Any]) -> None:
    """Change nothing."""


def _untuned(static: dict[str, Any]) -> None:
    del static["providers"]["providersThrottleDuration"]
    static["providers"]["http"] = {"endpoint": static["providers"]["http"]["endpoint"]}


# Every how many seconds a Traefik polls that is told nothing of it (pkg/provider/http/http.go).
DEFAULT_POLL_SECONDS = 5.0

SHIPPED = Contender(
    "shipped", "traefik/traefik.yml: polls held by the provider, no throttle", as_shipped, SHIPPED_ENVIRONMENT
)
# All else, the default certificate too, stays as in the shipped configuration: only the way of a change differs.
UNTUNED = Contender("defaults", "Traefik's HTTP provider at its defaults: a poll in 5 s, throttle 2 s", _untuned, {})


def started_versions(processes: Processes) -> Mapping[str, str]:
    """Start two versions of an app; their addresses, by version."""
    ports = {version: free_port() for version in ("v1", "v2")}
    for version, port in ports.items():
        start_app(processes, version=version, port=port)
    return {version: f"http://{HOST}:{port}" for version, port in ports.items()}


@dataclass
class System:
    """A provider with its embedded Valkey, two versions of an app, and the rollout that sends traffic to one."""

    directory: Path
    processes: Processes
    provider: ProviderProcess = field(default_factory=ProviderProcess)

    def start(self, *, other_rollouts: int) -> None:
        """Start all but Traefik; `other_rollouts` are there besides and at rest."""
        sides = {version: {"servers": [{"url": url}]} for version, url in started_versions(self.processes).items()}
        self.provider.start(self.processes, data_dir=self.directory / "data")
        spec = {"rule": f"Host(`{SITE}`)", "entryPoints": ["web"], "stable": sides["v1"]}
        self.provider.call("PUT", f"/rollouts/{ROLLOUT}", {"spec": {**spec, "canary": sides["v2"]}})
        for number in range(other_rollouts):
            other = {**spec, "rule": f"Host(`other-{number}.localhost`)"}
            self.provider.call("PUT", f"/rollouts/other-{number}", {"spec": other})

    @contextmanager
    def gateway(self, contender: Contender) -> Iterator[int]:
        """Run a Traefik, until the context is left, and give the port at which traffic enters."""
        tuned = tuned_traefik(
            self.processes,
            self.directory,
            contender.name,
            contender.tune,
            provider=self.provider.url,
            environment=contender.environment,
        )
        with tuned as traefik:
            self.processes.wait_until(lambda: _answers(traefik.web_port), what=f"traefik-{contender.name}")
            yield traefik.web_port


@dataclass(frozen=True)
class RunningTraefik:
    """A Traefik, and the port at which traffic enters."""

    child: Child
    web_port: int


@contextmanager
def tuned_traefik(
    processes: Processes,
    directory: Path,
    name: str,
    tune: Tune,
    *,
    provider: str = "",
    environment: Mapping[str, str] = SHIPPED_ENVIRONMENT,
) -> Iterator[RunningTraefik]:
    """Run a Traefik with the shipped configuration but for what `tune` changes, and this in its environment."""
    own = directory / f"traefik-{name}"
    own.mkdir(exist_ok=True)
    web_port = free_port()
    options = GatewayOptions(
        directory=own,
        provider=provider,
        name=name,
        web_port=web_port,
        websecure_port=free_port(),
        api_port=free_port(),
    )
    command = gateway_command(options)
    static = own / "traefik.yml"
    document = yaml.safe_load(static.read_text())
    tune(document)
    static.write_text(yaml.safe_dump(document))
    child = processes.start(f"traefik-{name}", command, environment={**os.environ, **environment})
    yield RunningTraefik(child, web_port)
    child.stop()
    processes.forget(child)


def _answers(web_port: int) -> bool:
    try:
        return requests.get(f"http://{HOST}:{web_port}/", headers={"Host": SITE}, timeout=2).ok
    except requests.RequestException:
        return False
