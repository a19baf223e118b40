"""The real parts as processes of the test's own: provider, Valkey, Traefik, two versions of an app."""

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from provider.demo.gateway import GatewayOptions, gateway_command
from provider.demo.parts import free_port, start_app
from provider.demo.processes import Child, Processes, is_listening
from provider.server.embedded_valkey import embedded_url
from provider.sources import TraefikMetrics
from provider.store import RedisStore

HOST = "127.0.0.1"
SITE = "shop.localhost"
_SECONDS = 20.0


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
        # All is here. And pytest changes the environment while threads look for proxies in it.
        self.session.trust_env = self.traffic.trust_env = False
        self.traffic.headers["Host"] = SITE
        self.children: dict[str, Child] = {}

    # Processes

    def start_apps(self) -> None:
        for version, port in (("v1", self.stable_port), ("v2", self.canary_port)):
            self.start_app(version, port)

    def start_app(self, version: str, port: int) -> None:
        self.children[version] = start_app(self.processes, version=version, port=port)

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
        self.processes.wait_until(lambda: is_listening(HOST, self.provider_port), what="the provider")
        return child

    def start_traefik(
        self, *, services: Mapping[str, Any] | None = None, binary: Path | None = None, **changes: Any
    ) -> Child:
        """Start a Traefik as it is shipped; with `services` it has these from files too, and follows changes.

        `binary` is that of another version.
        """
        self.traefik_directory.mkdir(exist_ok=True)
        options = GatewayOptions(
            directory=self.traefik_directory,
            provider=f"http://{HOST}:{self.provider_port}",
            web_port=self.web_port,
            websecure_port=self.websecure_port,
            api_port=self.api_port,
            **changes,
        )
        command = gateway_command(options)
        if binary:
            command = [str(binary), *command[1:]]
        if services is not None:
            self._edit("traefik.yml", lambda static: static["providers"]["file"].update(watch=True))
            self.define_in_files(services)
        child = self.children["traefik"] = self.processes.start("traefik", command)
        ports = (self.api_port, self.web_port)
        self.processes.wait_until(lambda: all(is_listening(HOST, port) for port in ports), what="Traefik")
        return child

    @property
    def traefik_directory(self) -> Path:
        return self.directory / "traefik"

    def define_in_files(self, services: Mapping[str, Any], **others: Mapping[str, Any]) -> None:
        """Have Traefik's file provider know just these services, and others such as `routers`."""
        parts = {name: dict(part) for name, part in {"services": services, **others}.items() if part}
        http = {"http": parts} if parts else {}

        def define(dynamic: dict[str, Any]) -> None:
            dynamic.pop("http", None)
            dynamic.update(http)

        self._edit("dynamic.yml", define)

    def _edit(self, name: str, edit: Callable[[dict[str, Any]], None]) -> None:
        path = self.traefik_directory / name
        document = yaml.safe_load(path.read_text())
        edit(document)
        aside = path.with_suffix(".new")
        aside.write_text(yaml.safe_dump(document))
        aside.replace(path)

    def stop(self, name: str, *, number: int = signal.SIGTERM) -> None:
        self.disconnect()
        self.children[name].stop(number=number)
        self.processes.forget(self.children.pop(name))

    def disconnect(self) -> None:
        """Close all connections: a provider that shuts down waits two seconds for the idle ones."""
        self.session.close()
        self.traffic.close()

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

    def worker_pids(self) -> Sequence[int]:
        """Find the processes that answer HTTP: children of gunicorn's master.

        The master is a child of the provider; without the embedded server it is the provider itself.
        """
        supervisor = self.children["provider"].process.pid
        masters = [supervisor] if _is_master(supervisor) else children_of(supervisor)
        return [worker for master in masters for worker in children_of(master)]

    # The provider

    def call(self, method: str, path: str, document: Any = None, **headers: str) -> requests.Response:
        """Call the API. A question is asked again for two seconds where nobody answers: killed workers come back."""
        attempts = 20 if method == "GET" else 1
        while True:
            try:
                return self.session.request(
                    method,
                    f"http://{HOST}:{self.provider_port}/api/v1{path}",
                    json=document,
                    headers={"Authorization": f"Bearer {self.token}", **headers},
                    timeout=30,
                )
            except requests.RequestException:
                attempts -= 1
                if not attempts:
                    raise
                time.sleep(0.1)

    def done(self, method: str, path: str, document: Any = None) -> Any:
        """Call, and insist that it was done."""
        answer = self.call(method, path, document)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the command line as a pipeline does."""
        return subprocess.run(
            [sys.executable, "-m", "provider", *arguments],
            env={**os.environ, "CANARY_URL": f"http://{HOST}:{self.provider_port}", "CANARY_TOKEN": self.token},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def wait_for_provider(self) -> None:
        """Wait until the API answers: the store is there and the token is known."""

        def answers() -> bool:
            try:
                return self.call("GET", "/rollouts").ok
            except requests.RequestException:
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

    def count(self, requests_: int, *, host: str = SITE) -> Counter[str]:
        """Send so many requests and count the answers by version, or by status where one failed."""
        answers = (self.get(Host=host) for _ in range(requests_))
        return Counter(
            answer.text.strip() if answer.status_code == 200 else str(answer.status_code) for answer in answers
        )

    @contextmanager
    def under_load(self, *, clients: int = 2, rate: float | None = None) -> Iterator["Load"]:
        """Send requests all the while, as many at a time as there are clients; `rate` of all in a second at most."""
        load = Load(f"http://{HOST}:{self.web_port}/", {"Host": SITE}, clients / rate if rate else 0)
        threads = [threading.Thread(target=load.run) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield load
        finally:
            load.ends.set()
            for thread in threads:
                thread.join()

    def counted(self, *services: str) -> Mapping[str, int]:
        """Return how many requests Traefik's metrics have for each of some services; 0 where they have none."""
        metrics = TraefikMetrics()
        try:
            page = metrics.page("edge", f"http://{HOST}:{self.api_port}/metrics", services=services)
        finally:
            metrics.close()
        found = page.snapshot.services
        return {
            name: round(sum(count for series, count in found.get(name, {}).items() if series.edge is None))
            for name in services
        }

    def traefik_shows(self, path: str) -> Any:
        answer = requests.get(f"http://{HOST}:{self.api_port}/api/http/{path}", timeout=5)
        return answer.json() if answer.ok else None

    def log(self, name: str = "provider") -> str:
        return (self.directory / f"{name}.log").read_text()


@dataclass
class Load:
    """Requests that go on until they are told to end, and what was answered, and when."""

    url: str
    headers: Mapping[str, str]
    pause_seconds: float
    answers: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    ends: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self.ends.wait(self.pause_seconds):
                answer = self._answer(session)
                self.answers.append(answer)
                self.times.append(time.monotonic())

    def _answer(self, session: requests.Session) -> str:
        try:
            answer = session.get(self.url, headers=self.headers, timeout=10)
        except requests.RequestException as error:
            return type(error).__name__
        return answer.text.strip() if answer.ok else str(answer.status_code)

    @property
    def failures(self) -> Sequence[str]:
        return [answer for answer in self.answers if answer not in {"v1", "v2", "v3"}]

    def see(self, requests_: int = 300) -> None:
        """Wait until so many more requests were answered."""
        enough = len(self.answers) + requests_
        eventually(lambda: len(self.answers) >= enough, what="requests are answered")


def known_good(stack: Stack) -> str:
    """Return the versions to which the controller would revert; no endpoint of the API shows them."""
    return RedisStore(embedded_url(stack.directory / "data" / "valkey")).kept("good") or ""


def children_of(pid: int) -> Sequence[int]:
    """Return the processes that a process has started and that live."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def _is_master(pid: int) -> bool:
    return b"provider.server.http_server" in Path(f"/proc/{pid}/cmdline").read_bytes()


def _works_in(entry: Path, directory: Path) -> bool:
    try:
        is_valkey = b"valkey-server" in (entry / "cmdline").read_bytes()
        return is_valkey and (entry / "cwd").resolve() == directory.resolve()
    except OSError:
        return False


def started(
    directory: Path, processes: Processes, *, services: Mapping[str, Any] | None = None, **environment: str
) -> Stack:
    """Start everything, with a rollout `shop` of two sides at weight 0, and wait until traffic flows.

    With `services` Traefik has these from files too, and follows changes.
    """
    stack = Stack(directory, processes)
    stack.start_apps()
    stack.start_provider(**environment)
    stack.wait_for_provider()
    stack.done("PUT", "/gateways/edge", {"spec": {"api": f"http://{HOST}:{stack.api_port}"}})
    stack.done("PUT", "/rollouts/shop", {"spec": stack.spec()})
    stack.start_traefik(services=services)
    stack.wait_applied()
    return stack
