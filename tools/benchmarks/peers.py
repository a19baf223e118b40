"""Ways to tell a Traefik of a shift: ours, and those that others would take, each in its best form."""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import redis

from provider.demo.parts import ProviderProcess, free_port
from provider.demo.processes import Processes
from provider.server.embedded_valkey import EmbeddedServer
from provider.store import RedisStore
from tools.benchmarks.fleet import GATEWAY, Fleet, flattened
from tools.benchmarks.system import (
    HOST,
    ROLLOUT,
    SHIPPED_ENVIRONMENT,
    RunningTraefik,
    Tune,
    as_shipped,
    started_versions,
    tuned_traefik,
)
from tools.benchmarks.wire import Answer, Connection, request
from tools.chaos.servers import Node

_WEIGHTS = {"v1": 0, "v2": 100}


class Peer(Protocol):
    """A running way to shift. `shift` begins; what is answered later is read from `connection`, if there is one."""

    name: str
    web_port: int
    connection: Connection | None

    def shift(self, version: str) -> None:
        """Have a version answer for the rollout that shifts."""
        ...


@dataclass
class Told:
    """One whose shift is done when the call that makes it returns."""

    name: str
    web_port: int
    shift: Callable[[str], None]
    connection: Connection | None = None


@dataclass
class _Called:
    """The provider: shifted by its REST API, whose answer may come after the traffic."""

    name: str
    web_port: int
    connection: Connection | None
    token: str

    def shift(self, version: str) -> None:
        headers = {"Host": "provider", "Authorization": f"Bearer {self.token}"}
        body = json.dumps({"weight": _WEIGHTS[version]})
        assert self.connection  # noqa: S101 it is made with one
        self.connection.send(request("PUT", f"/api/v1/rollouts/{ROLLOUT}/weight", headers=headers, body=body))


@dataclass(frozen=True)
class Bench:
    """Where peers are started, and with which rollouts."""

    directory: Path
    processes: Processes
    fleet: Fleet

    @classmethod
    @contextmanager
    def of(cls, size: int, *, gateways: int = 1) -> Iterator[Self]:
        """Make a place for so many rollouts, with the two versions of an app that all of them have."""
        with tempfile.TemporaryDirectory(prefix="canary-bench-") as path, Processes(Path(path)) as processes:
            yield cls(Path(path), processes, Fleet(size, started_versions(processes), gateways))

    @contextmanager
    def provider(self, *, through: Callable[[ProviderProcess, str], str] | None = None) -> Iterator[Peer]:
        """Run the provider with `traefik/traefik.yml`; every change is forced to disk before it is answered.

        `through` is told of the provider and its store's URL, and says which address Traefik polls instead.
        """
        provider = ProviderProcess()
        with EmbeddedServer(self.directory / "valkey") as store:
            RedisStore(store.url).restore(self.fleet.contents(), actor="bench", reason="")
            environment = {"CANARY_REDIS_URL": store.url}
            provider.start(self.processes, data_dir=self.directory / "data", environment=environment)
            polled = through(provider, store.url) if through else provider.url
            with (
                self.traefik(GATEWAY, as_shipped, provider=polled) as traefik,
                Connection(HOST, provider.port) as connection,
            ):
                yield _Called("traefik-canary", traefik.web_port, connection, provider.token)

    @contextmanager
    def redis(self) -> Iterator[Peer]:
        """Run Traefik's Redis provider: no throttle, notifications on, nothing forced to disk."""
        with ExitStack() as stack:
            node = Node(self.directory / "redis", options={"notify-keyspace-events": "KEA"})
            stack.enter_context(node)
            client = stack.enter_context(redis.Redis(host=HOST, port=node.port))
            keys = dict(flattened(self.fleet.dynamic("v1")["http"], "traefik/http"))
            client.mset(keys)

            def tune(static: dict[str, Any]) -> None:
                del static["providers"]["http"]
                static["providers"]["redis"] = {"endpoints": [node.address], "rootKey": "traefik"}

            traefik = stack.enter_context(self.traefik("redis", tune))
            service = f"traefik/http/routers/{ROLLOUT}/service"
            yield Told(
                "Redis provider, tuned", traefik.web_port, lambda version: client.set(service, f"{ROLLOUT}_{version}")
            )

    @contextmanager
    def file(self) -> Iterator[Peer]:
        """Run Traefik's file provider: it watches a file that is replaced as a whole, no throttle."""
        bodies = self._bodies()
        folder = self.directory / "watched"
        folder.mkdir()
        _replace(folder / "fleet.yml", bodies["v1"])

        def tune(static: dict[str, Any]) -> None:
            dynamic = Path(static["providers"].pop("file")["filename"])
            del static["providers"]["http"]
            static["providers"]["file"] = {"directory": str(folder), "watch": True}
            (folder / "tls.yml").write_text(dynamic.read_text())

        with self.traefik("file", tune) as traefik:
            yield Told(
                "file provider", traefik.web_port, lambda version: _replace(folder / "fleet.yml", bodies[version])
            )

    @contextmanager
    def defaults(self) -> Iterator[Peer]:
        """Run Traefik's HTTP provider as it is by default: it asks for a file every 5 s, throttled to 2 s."""
        bodies = self._bodies()
        folder = self.directory / "static"
        folder.mkdir()
        _replace(folder / "fleet.json", bodies["v1"])
        port = free_port()
        command = [sys.executable, "-m", "http.server", "--bind", HOST, "--directory", str(folder), str(port)]
        self.processes.start("static", command)

        def tune(static: dict[str, Any]) -> None:
            del static["providers"]["providersThrottleDuration"]
            static["providers"]["http"] = {"endpoint": f"http://{HOST}:{port}/fleet.json"}

        with self.traefik("defaults", tune, environment={}) as traefik:
            yield Told(
                "HTTP provider, defaults", traefik.web_port, lambda v: _replace(folder / "fleet.json", bodies[v])
            )

    def _bodies(self) -> Mapping[str, str]:
        return {version: json.dumps(self.fleet.dynamic(version)) for version in self.fleet.urls}

    def traefik(
        self, name: str, tune: Tune, *, provider: str = "", environment: Mapping[str, str] = SHIPPED_ENVIRONMENT
    ) -> AbstractContextManager[RunningTraefik]:
        """Run a Traefik of the name, as `tuned_traefik` does."""
        return tuned_traefik(self.processes, self.directory, name, tune, provider=provider, environment=environment)


def _replace(path: Path, text: str) -> None:
    aside = path.with_suffix(".new")
    aside.write_text(text)
    aside.replace(path)


def version_of(answer: Answer) -> str | None:
    """Give the version that has answered; None where none did."""
    return answer.body.decode().strip() if answer.status == 200 else None
