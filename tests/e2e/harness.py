"""The real parts as processes of the test's own: provider, Valkey, Traefik, two versions of an app."""

import os
import secrets
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from provider.demo.gateway import GatewayOptions, gateway_command
from provider.demo.processes import Child, Processes, is_listening

HOST = "127.0.0.1"
SITE = "shop.localhost"
_SECONDS = 20.0


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(holds: Callable[[], Any], *, what: str, seconds: float = _SECONDS) -> Any:
    """Wait until something holds and give what it gave; AssertionError when it does not in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < deadline, f"not in {seconds:g} s: {what}"
        time.sleep(0.01)


@dataclass
class Stack:
    """A provider with its embedded Valkey, a Traefik that polls it, and the app in two versions."""

    directory: Path
    processes: Processes
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    provider_port: int = field(default_factory=free_port)
    web_port: int = field(default_factory=free_port)
    websecure_port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    stable_port: int = field(default_factory=free_port)
    canary_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.traffic = requests.Session()
        self.traffic.headers["Host"] = SITE
        self.children: dict[str, Child] = {}

    # Processes

    def start_apps(self) -> None:
        for version, port in (("v1", self.stable_port), ("v2", self.canary_port)):
            self.start_app(version, port)

    def start_app(self, version: str, port: int, *options: str) -> Child:
        command = [sys.executable, "-m", "provider.demo.sample_app", "--port", str(port), "--version", version]
        child = self.children[version] = self.processes.start(version, [*command, *options])
        self.processes.wait_until(lambda: is_listening(HOST, port), what=version)
        return child

    def start_provider(self, **environment: str) -> Child:
        child = self.children["provider"] = self.processes.start(
            "provider",
            [sys.executable, "-m", "provider", "serve"],
            environment={
                "CANARY_BIND": f"{HOST}:{self.provider_port}",
                "CANARY_DATA_DIR": str(self.directory / "data"),
                "CANARY_ADMIN_TOKEN": self.token,
                "CANARY_REDIS_URL": "",
                **environment,
            },
        )
        eventually(lambda: is_listening(HOST, self.provider_port), what="the provider listens")
        return child

    def start_traefik(self, **changes: Any) -> Child:
        directory = self.directory / "traefik"
        directory.mkdir(exist_ok=True)
        options = GatewayOptions(
            directory=directory,
            provider=f"http://{HOST}:{self.provider_port}",
            web_port=self.web_port,
            websecure_port=self.websecure_port,
            api_port=self.api_port,
            **changes,
        )
        child = self.children["traefik"] = self.processes.start("traefik", gateway_command(options))
        self.processes.wait_until(lambda: is_listening(HOST, self.api_port), what="Traefik")
        return child

    def stop(self, name: str, *, number: int = signal.SIGTERM) -> None:
        self.children[name].stop(number=number)
        self.processes.forget(self.children.pop(name))

    def valkey_pid(self) -> int | None:
        """Find the embedded server by the lock that it holds on its directory."""
        path = self.directory / "data" / "valkey"
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _works_in(entry, path):
                return int(entry.name)
        return None

    def kill_valkey(self, number: int) -> None:
        pid = self.valkey_pid()
        assert pid, "there is no Valkey to end"
        os.kill(pid, number)

    # The provider

    def call(self, method: str, path: str, document: Any = None, **headers: str) -> requests.Response:
        return self.session.request(
            method,
            f"http://{HOST}:{self.provider_port}/api/v1{path}",
            json=document,
            headers={"Authorization": f"Bearer {self.token}", **headers},
            timeout=30,
        )

    def done(self, method: str, path: str, document: Any = None) -> Any:
        """Call, and insist that it was done."""
        answer = self.call(method, path, document)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def wait_for_provider(self) -> None:
        """Wait until the API answers: the store is there and the token is known."""

        def answers() -> bool:
            try:
                return self.call("GET", "/rollouts").ok
            except requests.ConnectionError:
                return False

        eventually(answers, what="the API answers")

    def spec(self, **changes: Any) -> dict[str, Any]:
        document = {
            "rule": f"Host(`{SITE}`)",
            "entryPoints": ["web"],
            "stable": {"servers": [{"url": f"http://{HOST}:{self.stable_port}"}]},
            "canary": {"servers": [{"url": f"http://{HOST}:{self.canary_port}"}]},
            **changes,
        }
        return {name: value for name, value in document.items() if value is not None}

    def shift(self, weight: float, *, name: str = "shop") -> None:
        """Set a weight and wait until Traefik has it."""
        self.done("PUT", f"/rollouts/{name}/weight", {"weight": weight})
        self.wait_applied(name=name)

    def wait_applied(self, *, name: str = "shop") -> Mapping[str, Any]:
        answer: dict[str, Any] = self.done("GET", f"/rollouts/{name}/wait?for=applied&timeout=20")
        assert [gateway["state"] for gateway in answer["gateways"]] == ["applied"], answer
        return answer

    # Traffic

    def get(self, path: str = "/", **headers: str) -> requests.Response:
        return self.traffic.get(f"http://{HOST}:{self.web_port}{path}", headers=headers, timeout=10)

    def count(self, requests_: int) -> Counter[str]:
        """Send so many requests and count the answers by version, or by status where one failed."""
        answers = (self.get() for _ in range(requests_))
        return Counter(
            answer.text.strip() if answer.status_code == 200 else str(answer.status_code) for answer in answers
        )

    def traefik_shows(self, path: str) -> Any:
        answer = requests.get(f"http://{HOST}:{self.api_port}/api/http/{path}", timeout=5)
        return answer.json() if answer.ok else None

    def log(self, name: str = "provider") -> str:
        return (self.directory / f"{name}.log").read_text()


def _works_in(entry: Path, directory: Path) -> bool:
    try:
        is_valkey = b"valkey-server" in (entry / "cmdline").read_bytes()
        return is_valkey and (entry / "cwd").resolve() == directory.resolve()
    except OSError:
        return False


def started(directory: Path, processes: Processes, **environment: str) -> Stack:
    """Start everything, with a rollout `shop` of two sides at weight 0, and wait until traffic flows."""
    stack = Stack(directory, processes)
    stack.start_apps()
    stack.start_provider(**environment)
    stack.wait_for_provider()
    stack.done("PUT", "/gateways/edge", {"spec": {"api": f"http://{HOST}:{stack.api_port}"}})
    stack.done("PUT", "/rollouts/shop", {"spec": stack.spec()})
    stack.start_traefik()
    stack.wait_applied()
    return stack
