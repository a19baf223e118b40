"""What a scenario plays on: real processes on free ports, and somebody who is told what happens."""

import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from provider.demo.gateway import GatewayOptions, gateway_command
from provider.demo.parts import ProviderProcess, free_port, start_app
from provider.demo.processes import Child, Processes, is_listening

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Claim:
    """Something that a scenario shows, with its figures, and whether it was so."""

    words: str
    holds: bool


@dataclass(frozen=True)
class Gateway:
    """A running Traefik: its name, its process, and where it listens."""

    name: str
    process: Child
    web_port: int
    api_port: int

    @property
    def url(self) -> str:
        """Where users come in."""
        return f"http://{HOST}:{self.web_port}/"

    def answers(self, host: str) -> bool:
        """Tell whether a request for a host gets through."""
        try:
            return requests.get(self.url, headers={"Host": host}, timeout=2).ok
        except requests.RequestException:
            return False


@dataclass(frozen=True)
class Sidecar:
    """A running Traefik beside a service: where the service is called, where it calls others, and Traefik's API."""

    name: str
    inbound: str
    outbound: str
    api: str


class Stage:
    """Starts the parts of a scenario; whoever made `processes` ends them."""

    def __init__(self, directory: Path, processes: Processes, say: Callable[[str], None]) -> None:
        self.directory = directory
        self.processes = processes
        self.say = say
        self._apps: dict[str, Child] = {}

    def start_provider(self, **environment: str) -> ProviderProcess:
        """Start a provider with an embedded Valkey, and wait until it answers."""
        provider = ProviderProcess()
        provider.start(self.processes, data_dir=self.directory / "provider", environment=environment)
        return provider

    def start_gateway(self, provider: ProviderProcess, *, name: str = "edge", **options: Any) -> Gateway:
        """Start a Traefik as it is shipped and make it known to the provider, so that what it carries is seen."""
        web, websecure = free_port(), free_port()
        child, api = self._start_traefik(provider, name, web_port=web, websecure_port=websecure, **options)
        return Gateway(name, child, web, api)

    def start_sidecar(self, provider: ProviderProcess, *, name: str) -> Sidecar:
        """Start a Traefik as it is shipped to stand beside a service."""
        inbound, outbound = free_port(), free_port()
        ports = {"inbound_port": inbound, "outbound_port": outbound}
        _, api = self._start_traefik(provider, name, is_sidecar=True, **ports)
        return Sidecar(name, *(f"http://{HOST}:{port}" for port in (inbound, outbound, api)))

    def _start_traefik(self, provider: ProviderProcess, name: str, **options: Any) -> tuple[Child, int]:
        directory = self.directory / name
        directory.mkdir()
        api = free_port()
        chosen = GatewayOptions(directory=directory, provider=provider.url, name=name, api_port=api, **options)
        provider.call("PUT", f"/gateways/{name}", {"spec": {"api": f"http://{HOST}:{api}"}})
        child = self.processes.start(f"traefik-{name}", gateway_command(chosen))
        self.processes.wait_until(lambda: is_listening(HOST, api), what=f"Traefik {name}")
        return child, api

    def start_app(self, version: str, *options: str, host: str = HOST, port: int | None = None) -> str:
        """Start the sample app with options of its own and give its address."""
        port = port or free_port(host)
        url = f"http://{host}:{port}"
        self._apps[url] = start_app(self.processes, version=version, port=port, host=host, options=options)
        return url

    def kill_app(self, url: str) -> None:
        """End an app as a machine that loses its power does."""
        child = self._apps.pop(url)
        child.stop(number=signal.SIGKILL)
        self.processes.forget(child)

    def start_network(self, address: str, *, latency_seconds: float) -> str:
        """Put a network that takes so long each way in front of an address, and give its own."""
        port, to = free_port(), address.rpartition(":")[2]
        options = ["--port", str(port), "--to", to, "--latency", f"{latency_seconds:g}"]
        self.processes.start("network", [sys.executable, "-m", "provider.demo.network", *options])
        self.processes.wait_until(lambda: is_listening(HOST, port), what="the network")
        return f"http://{HOST}:{port}"

    def wait_until(self, is_so: Callable[[], bool], *, what: str) -> None:
        """Wait until something is so; ProcessFailedError when it is not in time."""
        self.processes.wait_until(is_so, what=what)


Play = Callable[[Stage], Iterator[Claim]]
