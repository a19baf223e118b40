"""The commands of compose.yaml work together: run as plain processes, as here is no container engine.

Only addresses and paths differ from the file. What containers add (users, read-only roots,
networks) is not tested here.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import requests

from provider.demo.gateway import GatewayOptions, gateway_command
from provider.demo.parts import free_port
from provider.demo.processes import Processes
from provider.server.embedded_valkey import EmbeddedServer
from tests.deployment.composition import ROOT, Service, services
from tests.e2e.harness import HOST, eventually

pytestmark = pytest.mark.traefik

SERVICES = services()
STATUS = ("traefik-canary", "status", "shop")
_TOKEN = "a-token-for-this-test-alone"


@dataclass
class Project:
    """The services as processes, their ports and directories in place of those that containers have."""

    directory: Path
    processes: Processes
    redis_url: str
    ports: Mapping[str, int] = field(
        default_factory=lambda: {
            name: free_port() for name in ("provider", "controller", "edge", "shop-v1", "shop-v2", "web")
        }
    )

    def here(self, text: str, service: Service) -> str:
        """Put what is here in place of what is in containers."""
        own = str(self.ports.get(service.name, 0))
        replaced = {
            "http://provider:8080": f"http://{HOST}:{self.ports['provider']}",
            "http://edge:8081": f"http://{HOST}:{self.ports['edge']}",
            "http://shop-v1:8080": f"http://{HOST}:{self.ports['shop-v1']}",
            "http://shop-v2:8080": f"http://{HOST}:{self.ports['shop-v2']}",
            "redis://valkey:6379/0": self.redis_url,
            "0.0.0.0": HOST,  # noqa: S104 it is what is replaced
            "8080": own,
            "/etc/traefik": str(self.directory),
            "/examples": str(self.directory),
            "/var/lib/traefik-canary": str(self.directory / "provider"),
        }
        for there, here in replaced.items():
            text = text.replace(there, here)
        return text

    def command(self, service: Service, words: Sequence[str]) -> list[str]:
        program, *arguments = (self.here(word, service) for word in words)
        if program == "traefik":
            arguments.append(f"--configFile={self.directory / 'traefik.yml'}")
        programs = {"python": sys.executable}
        beside = str(Path(sys.executable).with_name(program))
        return [programs.get(program, beside), *arguments]

    def environment(self, service: Service) -> dict[str, str]:
        found = {name: value for name, value in service.environment.items() if name != "PATH"}
        return {
            name: _TOKEN if value.startswith("${CANARY_ADMIN_TOKEN:?") else self.here(value, service)
            for name, value in found.items()
        }

    def start(self, name: str) -> None:
        service = SERVICES[name]
        self.processes.start(name, self.command(service, service.command), environment=self.environment(service))

    def run(self, name: str, words: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        service = SERVICES[name]
        environment = {**os.environ, **self.environment(service)}
        return subprocess.run(
            self.command(service, words or service.command),
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def is_healthy(self, name: str) -> bool:
        _, *words = SERVICES[name].healthcheck
        return self.run(name, words).returncode == 0

    def start_edge(self) -> None:
        """Start Traefik with the configuration that is shipped, on ports of our own."""
        options = GatewayOptions(
            directory=self.directory / "certificate",
            provider=f"http://{HOST}:{self.ports['provider']}",
            web_port=self.ports["web"],
            websecure_port=free_port(),
            api_port=self.ports["edge"],
        )
        command = gateway_command(options)
        shutil.copy(options.directory / "traefik.yml", self.directory)
        self.processes.start("edge", command)

    def get(self, **headers: str) -> requests.Response:
        return requests.get(
            f"http://{HOST}:{self.ports['web']}/", headers={"Host": "shop.localhost", **headers}, timeout=10
        )


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with EmbeddedServer(tmp_path / "valkey") as valkey, Processes(tmp_path) as processes:
        made = Project(tmp_path, processes, valkey.url)
        rollout = (ROOT / "examples/shop.yaml").read_text()
        (tmp_path / "shop.yaml").write_text(made.here(rollout, SERVICES["rollout"]))
        yield made


def test_the_commands_bring_a_canary_into_traffic(project: Project) -> None:
    watched = ("shop-v1", "shop-v2", "provider", "edge")
    assert [name for name in watched if project.is_healthy(name)] == [], "before anything runs"

    certificate = project.run("certificate")
    for name in ("shop-v1", "shop-v2", "provider"):
        project.start(name)
    for name in ("shop-v1", "shop-v2", "provider"):
        eventually(partial(project.is_healthy, name), what=f"{name} is healthy")
    project.start("controller")
    gateway = project.run("gateway")
    project.start_edge()
    eventually(partial(project.is_healthy, "edge"), what="edge is healthy")
    rollout = project.run("rollout")
    again = project.run("rollout")

    assert [done.returncode for done in (certificate, gateway, rollout, again)] == [0, 0, 0, 0], rollout.stderr
    assert "created default.crt" in certificate.stdout, "a certificate is made, not found"
    assert "shop: created" in rollout.stdout
    assert "edge: applied" in rollout.stdout
    assert "shop: unchanged" in again.stdout
    assert (project.get().status_code, project.get().text) == (200, "v1\n")
    assert project.get(**{"X-Canary": "always"}).text == "v2\n"
    eventually(lambda: "not measured" not in project.run("rollout", STATUS).stdout, what="the controller looks")
