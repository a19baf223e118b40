"""The parts of a whole system as processes: what the demonstration, the benchmarks and the tests start alike."""

import contextlib
import secrets
import socket
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from provider.demo.processes import Child, Processes, is_listening

# Below those that a system gives to outgoing connections: who ends and starts again finds the port free.
_PORTS = range(15_000, 32_000)


# Given away, and perhaps not in use yet; the oldest of so many surely are, or never will be.
_given: deque[int] = deque(maxlen=500)


def free_port(host: str = "127.0.0.1") -> int:
    """Find a port that nobody uses, and that was not given away lately."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            if port not in _given:
                _given.append(port)
                return port


def start_app(
    processes: Processes, *, version: str, port: int, host: str = "127.0.0.1", options: Sequence[str] = ()
) -> Child:
    """Start a version of the sample app and wait until it listens; `options` are its own."""
    arguments = ["--host", host, "--port", str(port), "--version", version, *options]
    child = processes.start(f"app-{version}", [sys.executable, "-m", "provider.demo.sample_app", *arguments])
    processes.wait_until(lambda: is_listening(host, port), what=child.name)
    return child


@dataclass
class ProviderProcess:
    """A provider with its embedded Valkey, and as much of its REST API as starting a system needs."""

    port: int = field(default_factory=free_port)
    host: str = "127.0.0.1"
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def __post_init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False  # it is here: no proxy is asked, and no file of passwords
        self._session.headers["Authorization"] = f"Bearer {self.token}"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.host}:{self.port}"

    def start(self, processes: Processes, *, data_dir: Path, environment: Mapping[str, str] | None = None) -> Child:
        """Start it and wait until its API answers: the store is there then, and the token is known."""
        settings = {
            "CANARY_BIND": f"{self.host}:{self.port}",
            "CANARY_DATA_DIR": str(data_dir),
            "CANARY_ADMIN_TOKEN": self.token,
            "CANARY_REDIS_URL": "",
        }
        command = [sys.executable, "-m", "provider", "serve"]
        child = processes.start("provider", command, environment={**settings, **(environment or {})})
        processes.wait_until(self._is_ready, what="the provider")
        return child

    def call(self, method: str, path: str, document: Any = None) -> requests.Response:
        """Call `/api/v1` and insist that it was done; raises requests.RequestException."""
        answer = self._session.request(method, f"{self.url}/api/v1{path}", json=document, timeout=30)
        answer.raise_for_status()
        return answer

    def _is_ready(self) -> bool:
        try:
            return self._session.get(f"{self.url}/api/v1/rollouts", timeout=2).ok
        except requests.RequestException:
            return False
