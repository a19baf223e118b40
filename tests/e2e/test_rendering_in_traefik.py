"""Whatever a rollout can be, the real Traefik takes what it is told of it, and carries just that."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from provider.demo.gateway import traefik_binary
from provider.demo.parts import free_port
from provider.domain.fields import decode_json, encode, read
from provider.domain.rollouts import Rollout
from provider.traefik.api_client import GatewayUnreachableError, TraefikApi
from provider.traefik.applied import SECTIONS, expectation
from provider.traefik.config import assemble, assemble_yaml, encode_fragment, render
from tests.e2e.harness import HOST, eventually
from tests.rollouts_strategy import START, rollouts, served
from tests.world import spec

pytestmark = pytest.mark.traefik

# A longer run looks elsewhere each time: make fuzz
FLEETS_WANTED = os.environ.get("CANARY_TEST_FLEETS")

# What the generated rollouts refer to in another provider.
FOREIGN = {
    "services": {
        f"shop-v{number}": {"loadBalancer": {"servers": [{"url": f"http://10.0.1.{number}:80"}]}}
        for number in (1, 2, 3)
    },
    "middlewares": {"auth": {"basicAuth": {"users": ["a:$apr1$x"]}}, "compress": {"compress": {}}},
}
STATIC = {
    "api": {"insecure": True},
    "global": {"checkNewVersion": False},
    "entryPoints": {name: {"address": f"{HOST}:0"} for name in ("web", "websecure")},
    "certificatesResolvers": {
        "le": {"acme": {"storage": "acme.json", "tlsChallenge": {}, "caServer": f"http://{HOST}:1"}}
    },
    "providers": {
        "providersThrottleDuration": "0s",
        "http": {"pollInterval": "20ms"},
        "file": {"filename": "foreign.yml"},
    },
}


@dataclass
class Gateway:
    """A Traefik, and the body that it is served."""

    api: TraefikApi
    body: bytes = b"{}"
    turn: int = 0
    carried: int = 0

    def publish(self, published: Sequence[Rollout]) -> None:
        """Serve rollouts until Traefik has them: a last one of a new name, which it cannot have had before, tells."""
        self.turn += 1
        mark = Rollout.create(f"zz-mark-{self.turn}", spec(canary=None), now=START)
        # As JSON and as YAML by turns: each of them has to be taken whatever was there before.
        form = assemble if self.turn % 2 else assemble_yaml
        self.body = form(encode_fragment(render(rollout)) for rollout in (*published, mark))
        eventually(lambda: self._has(mark), what=f"Traefik takes {self.body.decode()}")

    def _has(self, mark: Rollout) -> bool:
        try:
            return self.api.show(f"routers/{mark.name}@http") is not None
        except GatewayUnreachableError:
            return False


@contextmanager
def serving(gateway: Gateway) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(gateway.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory, port = tmp_path_factory.mktemp("rendering"), free_port()
    gateway = Gateway(TraefikApi(f"http://{HOST}:{port}"))
    with serving(gateway) as source:
        static = yaml.safe_load(yaml.safe_dump(STATIC))
        static["entryPoints"]["traefik"] = {"address": f"{HOST}:{port}"}
        static["providers"]["http"]["endpoint"] = f"http://{HOST}:{source}/"
        write(directory / "traefik.yml", static)
        write(directory / "foreign.yml", {"http": FOREIGN})
        with (directory / "traefik.log").open("w") as log:
            command = [traefik_binary(), "--configFile=traefik.yml"]
            process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
        try:
            yield gateway
            print(f"Traefik took {gateway.carried:,} rollouts in {gateway.turn:,} bodies")  # noqa: T201 for make fuzz
        finally:
            process.kill()
            process.wait()
            gateway.api.close()


def write(path: Path, document: object) -> None:
    path.write_text(yaml.safe_dump(document))


def referring_to_files(rollout: Rollout) -> Rollout:
    return read(Rollout, decode_json(encode(rollout).replace("@docker", "@file")))


FLEETS = st.lists(served(rollouts().map(referring_to_files)), max_size=25, unique_by=lambda rollout: rollout.name)


@pytest.mark.timeout(0 if FLEETS_WANTED else 120)
@given(fleet=FLEETS)
@settings(
    max_examples=int(FLEETS_WANTED or 25),
    deadline=None,
    derandomize=not FLEETS_WANTED,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
def test_traefik_carries_any_rollouts_as_they_were_meant(gateway: Gateway, fleet: list[Rollout]) -> None:
    gateway.publish(fleet)

    assert problems_of(gateway, fleet) == []
    gateway.carried += len(fleet)


def test_traefik_carries_what_comes_in_many_parts(gateway: Gateway) -> None:
    fleet = [Rollout.create(f"many-{number}", spec(canary=None), now=START) for number in range(250)]
    for _ in ("json", "yaml"):
        gateway.publish(fleet)

        assert problems_of(gateway, fleet) == []


def problems_of(gateway: Gateway, fleet: Sequence[Rollout]) -> Sequence[str]:
    shown = {path: part for section in SECTIONS for path, part in gateway.api.show_all(section).items()}
    return [
        problem
        for expected in map(expectation, fleet)
        for path in [*expected.present, *expected.absent]
        if (problem := expected.problem(path, shown.get(path)))
    ]
