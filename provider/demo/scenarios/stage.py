"""What a scenario plays on: real processes on free ports, and somebody who is told what happens."""

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


class Stage:
    """Starts the parts of a scenario; whoever made `processes` ends them."""

    def __init__(self, directory: Path, processes: Processes, say: Callable[[str], None]) -> None:
        self.directory = directory
        self.processes = processes
        self.say = say

    def start_provider(self, **environment: str) -> ProviderProcess:
        """Start a provider with an embedded Valkey, and wait until it answers."""
        provider = ProviderProcess()
        provider.start(self.processes, data_dir=self.directory / "provider", environment=environment)
        return provider

    def start_gateway(self, provider: ProviderProcess, *, name: str = "edge", **options: Any) -> Gateway:
        """Start a Traefik as it is shipped and make it known to the provider, so that what it carries is seen."""
        directory = self.directory / name
        directory.mkdir()
        chosen = GatewayOptions(
            directory=directory,
            provider=provider.url,
            name=name,
            web_port=free_port(),
            websecure_port=free_port(),
            api_port=free_port(),
            **options,
        )
        provider.call("PUT", f"/gateways/{name}", {"spec": {"api": f"http://{HOST}:{chosen.api_port}"}})
        child = self.processes.start(f"traefik-{name}", gateway_command(chosen))
        self.processes.wait_until(lambda: is_listening(HOST, chosen.api_port), what=f"Traefik {name}")
        return Gateway(name, child, chosen.web_port, chosen.api_port)

    def start_app(self, version: str, *options: str) -> str:
        """Start the sample app with options of its own and give its address."""
        port = free_port()
        start_app(self.processes, version=version, port=port, options=options)
        return f"http://{HOST}:{port}"

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
