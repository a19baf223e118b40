"""The system that is broken: nothing in it is made for that, but for the wires between its parts."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from provider.demo.gateway import GatewayOptions, gateway_command
from provider.demo.parts import free_port, start_app
from provider.demo.processes import Processes, is_listening
from tools.chaos.keeping import Keeper, Service
from tools.chaos.line import HOST, Line, NoAnswerError
from tools.chaos.servers import Cluster, Node, Sentinels
from tools.chaos.waiting import NotInTimeError, wait_for
from tools.chaos.wire import Wire

# The rollouts that are written to all the while; one that is not; one that only the controller moves; and one whose
# canaries fail.
SHOPS = ("shop-0", "shop-1", "shop-2")
QUIET, TIMED, BAD = "quiet", "timed", "bad"
ROLLOUTS = (*SHOPS, QUIET, TIMED, BAD)
GATEWAYS = ("a", "b")
VERSIONS = ("v1", "v2")
_READY_SECONDS = 60.0

Backing = Node | Sentinels | Cluster | None


@dataclass
class System:
    """Two Traefiks, an app in two versions, a controller, one provider or more, and a store.

    Without a backing the provider has its embedded Valkey. `wire` lies before a single Redis, `front` before several
    providers.
    """

    folder: Path
    processes: Processes
    keeper: Keeper
    backing: Backing
    wire: Wire | None
    redis_url: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    providers: list[Service] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    controller: Service | None = None
    traefiks: list[Service] = field(default_factory=list)
    web_ports: list[int] = field(default_factory=list)
    app_ports: list[int] = field(default_factory=list)
    bad_port: int = 0
    port: int = 0
    front: Wire | None = None

    # Starting

    def start(self, *, providers: int) -> None:
        """Start everything and wait until traffic flows through both Traefiks."""
        self.app_ports = [free_port() for _ in VERSIONS]
        for version, port in zip(VERSIONS, self.app_ports, strict=True):
            start_app(self.processes, version=version, port=port)
        self.bad_port = free_port()
        start_app(self.processes, version="v3", port=self.bad_port, options=["--error-rate", "1"])
        self.ports = [free_port() for _ in range(providers)]
        self.providers = [self._provider(index, port) for index, port in enumerate(self.ports)]
        if providers > 1:
            self.front = Wire(*self.ports)
        self.port = self.front.port if self.front else self.ports[0]
        for provider in self.providers:
            self.keeper.keep(provider)
        wait_for(self.answers, what="the provider answers", seconds=_READY_SECONDS)
        self.controller = Service(self.processes, "controller", _program("controller"), self._environment(0))
        self.keeper.keep(self.controller)
        for name in ROLLOUTS:
            self.done("PUT", f"/rollouts/{name}", {"spec": self.spec(name)})
        for name in GATEWAYS:
            self._start_traefik(name)
        for port in self.web_ports:
            wait_for(partial(self.is_seen, port, QUIET, "v1"), what="traffic flows", seconds=_READY_SECONDS)

    def _provider(self, index: int, port: int) -> Service:
        environment = {**self._environment(index), "CANARY_BIND": f"{HOST}:{port}", "CANARY_CONTROLLER": "false"}
        return Service(self.processes, f"provider-{index}", _program("serve"), environment)

    def _environment(self, index: int) -> Mapping[str, str]:
        return {
            "CANARY_DATA_DIR": str(self.data_dir(index)),
            "CANARY_ADMIN_TOKEN": self.token,
            "CANARY_REDIS_URL": self.redis_url,
            # Where the store fails over, a change is on another server before it is acknowledged.
            "CANARY_CONFIRM_REPLICAS": "1" if isinstance(self.backing, Sentinels | Cluster) else "0",
        }

    def spec(self, name: str) -> Mapping[str, Any]:
        """Return the spec with which a rollout is created."""
        stable, canary = map(self.side, self.app_ports)
        spec = {"rule": f"Host(`{host_of(name)}`)", "entryPoints": ["web"], "stable": stable}
        steps = [{"setWeight": 50}, {"pause": {"duration": "500ms"}}, {"setWeight": 100}]
        if name == TIMED:
            return {**spec, "steps": steps}
        return spec if name == BAD else {**spec, "canary": canary}

    def side(self, port: int) -> Mapping[str, Any]:
        """Return a side that consists of one server."""
        return {"servers": [{"url": f"http://{HOST}:{port}"}]}

    def _start_traefik(self, name: str) -> None:
        folder = self.folder / f"traefik-{name}"
        folder.mkdir()
        web, api = free_port(), free_port()
        options = GatewayOptions(
            directory=folder,
            provider=f"http://{HOST}:{self.port}",
            name=name,
            web_port=web,
            websecure_port=free_port(),
            api_port=api,
        )
        traefik = Service(self.processes, f"traefik-{name}", gateway_command(options))
        self.done("PUT", f"/gateways/{name}", {"spec": {"api": f"http://{HOST}:{api}"}})
        self.keeper.keep(traefik)
        self.traefiks.append(traefik)
        self.web_ports.append(web)
        wait_for(lambda: is_listening(HOST, web), what=f"Traefik {name} listens")

    # Asking

    def data_dir(self, index: int = 0) -> Path:
        """Where a provider keeps its snapshot."""
        return self.folder / f"data-{index}"

    def line(self, *, seconds: float = 10.0) -> Line:
        """Give a connection to the provider, or what stands before several."""
        return Line(self.port, seconds=seconds, token=self.token)

    def answers(self) -> bool:
        """Tell whether the API answers."""
        try:
            with self.line(seconds=2) as line:
                return line.ask("GET", "/api/v1/rollouts").is_ok
        except NoAnswerError:
            return False

    def done(self, method: str, path: str, document: object = None, *, seconds: float = _READY_SECONDS) -> Any:
        """Have something done, however often it must be asked, and give what was answered. Raises NotInTimeError."""
        request, answers = {"Idempotency-Key": secrets.token_hex(8)}, []
        refusal = ""

        def is_done() -> bool:
            nonlocal refusal
            try:
                with self.line() as line:
                    answer = line.ask(method, f"/api/v1{path}", document, headers=request)
            except NoAnswerError as error:
                refusal = str(error)
                return False
            if answer.is_ok:
                answers.append(answer)
            refusal = f"{answer.status} {answer.body.decode(errors='replace')[:500]}"
            return answer.is_ok

        try:
            wait_for(is_done, what=f"{method} {path}", seconds=seconds)
        except NotInTimeError as error:
            raise NotInTimeError(f"{error}, last response: {refusal}") from error
        return answers[0].json() if answers[0].body else None

    def command(self, *arguments: str) -> bool:
        """Run the command line, and tell whether it did what it was told."""
        environment = {**os.environ, "CANARY_URL": f"http://{HOST}:{self.port}", "CANARY_TOKEN": self.token}
        ended = subprocess.run(
            [*_program(), *arguments], env=environment, capture_output=True, timeout=60, check=False
        )
        return ended.returncode == 0

    def sees(self, port: int, name: str) -> str:
        """Tell which version answers for a rollout through a Traefik; nothing where none does."""
        try:
            with Line(port, seconds=2) as line:
                answer = line.ask("GET", "/", headers={"Host": host_of(name)})
        except NoAnswerError:
            return ""
        return answer.body.decode().strip() if answer.is_ok else ""

    def is_seen(self, port: int, name: str, version: str) -> bool:
        """Tell whether a version answers for a rollout through a Traefik."""
        return self.sees(port, name) == version

    def complaints(self) -> int:
        """Count how often Traefik has said that a poll failed."""
        texts = (traefik.log.read_text(errors="replace") for traefik in self.traefiks if traefik.log)
        return sum(text.count("Provider error") for text in texts)

    @property
    def node(self) -> Node:
        """The single Redis. Raises TypeError where there is none."""
        if not isinstance(self.backing, Node):
            raise TypeError("this system has no single Redis")
        return self.backing


def host_of(name: str) -> str:
    """Give the host under which a rollout is reached."""
    return f"{name}.localhost"


def _program(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "provider", *arguments]


@contextmanager
def single(folder: Path, *, providers: int = 1) -> Iterator[System]:
    """Run a system with one Redis, that is started again when it ends, behind a wire."""
    with ExitStack() as stack:
        processes = stack.enter_context(Processes(folder))
        node = Node(folder / "redis", options={"appendonly": "yes", "appendfsync": "always"})
        stack.callback(node.stop)
        wire = stack.enter_context(Wire(node.port))
        keeper = stack.enter_context(Keeper())
        keeper.keep(node)
        system = System(folder, processes, keeper, node, wire, f"redis://{HOST}:{wire.port}")
        system.start(providers=providers)
        yield system


@contextmanager
def failing_over(folder: Path, backing: Sentinels | Cluster) -> Iterator[System]:
    """Run a system with servers that take the place of one another."""
    with ExitStack() as stack:
        processes = stack.enter_context(Processes(folder))
        stack.enter_context(backing)
        keeper = stack.enter_context(Keeper())
        system = System(folder, processes, keeper, backing, None, backing.url)
        system.start(providers=1)
        yield system


@contextmanager
def embedded(folder: Path) -> Iterator[System]:
    """Run a system whose provider has its own Valkey."""
    with ExitStack() as stack:
        processes = stack.enter_context(Processes(folder))
        keeper = stack.enter_context(Keeper())
        system = System(folder, processes, keeper, None, None, "")
        system.start(providers=1)
        yield system
