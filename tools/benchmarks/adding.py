"""How long a new route takes until it is live, beside jupyterhub-traefik-proxy: `python -m tools.benchmarks.adding`.

From the first byte of what adds it, to the last byte of the first answer through Traefik; and until the caller has
been told that Traefik has it. Both run at once and take turns. The peer is from PyPI, in an environment of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import redis

from provider.demo.certificate import write_certificate
from provider.demo.gateway import traefik_binary
from provider.demo.parts import ProviderProcess, free_port, start_app
from provider.demo.processes import Processes
from tools.benchmarks.distribution import Distribution
from tools.benchmarks.measuring import MeasurementError
from tools.benchmarks.system import HOST, SHIPPED_ENVIRONMENT, tuned_traefik
from tools.benchmarks.wire import Connection, request
from tools.chaos.servers import Node

_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.1
_PEER = "jupyterhub-traefik-proxy==2.1.0"
ENVIRONMENT = Path("build/jupyterhub").absolute()
_SCRIPT = Path(__file__).with_name("jupyterhub_peer.py")


@dataclass(frozen=True)
class Added:
    """In how many seconds a route was live, and its caller was told."""

    live: float
    told: float


class Way(Protocol):
    """A way to add a route: `begin` begins, `end` returns when the caller is told that it is there."""

    web_port: int

    def begin(self, host: str) -> None:
        """Have a host answered."""
        ...

    def end(self) -> None:
        """Wait until that is so, as the way itself tells it."""
        ...


@dataclass
class _Provider:
    """The provider: a rollout is made by the REST API, and waited for until Traefik shows it."""

    web_port: int
    provider: ProviderProcess
    target: str
    name: str = ""

    def begin(self, host: str) -> None:
        self.name = host.partition(".")[0]
        spec = {"rule": f"Host(`{host}`)", "entryPoints": ["web"], "stable": {"servers": [{"url": self.target}]}}
        self.provider.call("POST", "/rollouts", {"name": self.name, "spec": spec})

    def end(self) -> None:
        self.provider.call("GET", f"/rollouts/{self.name}/wait?for=applied&timeout={_PATIENCE_SECONDS:g}")


@dataclass
class _Peer:
    """The peer's process, told by lines."""

    web_port: int
    process: "subprocess.Popen[str]"

    def begin(self, host: str) -> None:
        assert self.process.stdin  # noqa: S101 it was started with one
        self.process.stdin.write(f"{host}\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.expect("live")

    def expect(self, word: str) -> None:
        """Wait for a line that begins so. Raises MeasurementError."""
        assert self.process.stdout  # noqa: S101 it was started with one
        line = self.process.stdout.readline()
        if not line.startswith(word):
            raise MeasurementError(f"{_PEER} has said {line!r}")


def measure(routes: int, *, python: Path) -> Mapping[str, Sequence[Added]]:
    """Add so many routes by each way, in turns. Raises MeasurementError, ProcessFailedError, WireError."""
    with tempfile.TemporaryDirectory(prefix="canary-bench-") as path, ExitStack() as stack:
        directory = Path(path)
        processes = stack.enter_context(Processes(directory))
        port = free_port()
        start_app(processes, version="v1", port=port)
        target = f"http://{HOST}:{port}"
        ways: dict[str, Way] = {
            "traefik-canary": stack.enter_context(_provider(directory, processes, target)),
            _PEER.partition("==")[0]: stack.enter_context(_peer(directory, target, python)),
        }
        found: dict[str, list[Added]] = {name: [] for name in ways}
        for number in range(routes):
            for name, way in ways.items():
                time.sleep(_PAUSE_SECONDS)
                found[name].append(_added(way, f"new-{number}.localhost"))
        return found


def _added(way: Way, host: str) -> Added:
    probe = request("GET", "/", headers={"Host": host})
    with Connection(HOST, way.web_port) as connection:
        began = time.perf_counter()
        way.begin(host)
        while connection.ask(probe).status != 200:
            if time.perf_counter() - began > _PATIENCE_SECONDS:
                raise MeasurementError(f"{host} is not live after {_PATIENCE_SECONDS:g} s")
        live = time.perf_counter() - began
        way.end()
        return Added(live, time.perf_counter() - began)


@contextmanager
def _provider(directory: Path, processes: Processes, target: str) -> Iterator[Way]:
    provider = ProviderProcess()
    provider.start(processes, data_dir=directory / "data")
    api_port = free_port()

    def with_api(static: dict[str, Any]) -> None:
        static["entryPoints"]["traefik"] = {"address": f"{HOST}:{api_port}"}

    provider.call("PUT", "/gateways/canary", {"spec": {"api": f"http://{HOST}:{api_port}"}})
    with tuned_traefik(processes, directory, "canary", with_api, provider=provider.url) as traefik:
        yield _Provider(traefik.web_port, provider, target)


@contextmanager
def _peer(directory: Path, target: str, python: Path) -> Iterator[Way]:
    own = directory / "jupyterhub"
    own.mkdir()
    write_certificate(own)
    node = Node(directory / "redis", options={"notify-keyspace-events": "KEA"})
    with node, redis.Redis(host=HOST, port=node.port) as client:
        client.ping()
        web_port = free_port()
        options = {
            "port": web_port,
            "api-port": free_port(),
            "redis": node.url,
            "directory": own,
            "certificate": own,
            "target": target,
        }
        command = [str(python), str(_SCRIPT), *(f"--{name}={value}" for name, value in options.items())]
        path = f"{Path(traefik_binary()).parent}{os.pathsep}{os.environ['PATH']}"
        log = (own / "log").open("w")
        with (
            log,
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **SHIPPED_ENVIRONMENT, "PATH": path},
            ) as process,
        ):
            peer = _Peer(web_port, process)
            try:
                peer.expect("ready")
                yield peer
            finally:
                assert process.stdin  # noqa: S101 it was started with one
                process.stdin.close()
                process.wait(_PATIENCE_SECONDS)


def environment_of_the_peer(folder: Path) -> Path:
    """Make an environment with the peer in it, unless it is there; its Python. Raises MeasurementError."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", _PEER, "redis"]
        if subprocess.run(install, check=False).returncode:
            raise MeasurementError(f"{_PEER} cannot be installed")
    return python


def table(found: Mapping[str, Sequence[Added]]) -> Iterator[str]:
    """Give a line for each way, with its medians as multiples of ours."""
    head = "".join(f"{f'{stage} p50':>10}{'p95':>8}{'x ours':>8}" for stage in ("live", "told"))
    yield f"{'milliseconds':<26}{'n':>5}{head}"
    ours: tuple[float, ...] = ()
    for name, added in found.items():
        live, told = (Distribution.of([1_000 * getattr(one, field) for one in added]) for field in ("live", "told"))
        ours = ours or (live.p50, told.p50)
        yield (
            f"{name:<26}{len(added):>5}{live.p50:>10.1f}{live.p95:>8.1f}{live.p50 / ours[0]:>8.2f}"
            f"{told.p50:>10.1f}{told.p95:>8.1f}{told.p50 / ours[1]:>8.2f}"
        )


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser("python -m tools.benchmarks.adding", description=str(__doc__).splitlines()[0])
    parser.add_argument("--routes", type=int, default=100, help="how many are added by each way")
    parser.add_argument("--environment", type=Path, default=ENVIRONMENT, help="where the peer is installed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all measurements there")
    options = parser.parse_args()
    found = measure(options.routes, python=environment_of_the_peer(options.environment.absolute()))
    sys.stdout.write("".join(f"{line}\n" for line in table(found)))
    if options.json:
        document = {name: [vars(one) for one in added] for name, added in found.items()}
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
