"""The faults that a fragment is checked for are faults to the real Traefik."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from provider.demo.gateway import traefik_binary
from provider.demo.parts import free_port
from provider.demo.processes import Processes, is_listening
from provider.traefik.config import Fragment
from tests.e2e.harness import HOST, eventually
from tests.routing_faults import FAULTS, split_fragment

pytestmark = [pytest.mark.traefik, pytest.mark.timeout(60)]
# Seen to spin for ever with it: not a thing to do to a machine that others work on.
EACH = [name for name in FAULTS if name != "a check above a weight of 0"]


class Gateway:
    """A Traefik that reads its configuration from a file, as JSON."""

    def __init__(self, directory: Path, processes: Processes) -> None:
        self.path = directory / "dynamic" / "routes.yml"
        self.api, self.web = free_port(), free_port()
        self.turn = 0
        self.path.parent.mkdir()
        static = {
            "api": {"insecure": True},
            "global": {"checkNewVersion": False},
            "entryPoints": {
                "traefik": {"address": f"{HOST}:{self.api}"},
                "web": {"address": f"{HOST}:{self.web}"},
            },
            "providers": {"providersThrottleDuration": "0s", "file": {"filename": str(self.path), "watch": True}},
        }
        self.log = directory / "traefik.log"
        self.take(split_fragment(), waits=False)
        (directory / "traefik.yml").write_text(yaml.safe_dump(static))
        processes.start("traefik", [traefik_binary(), f"--configFile={directory / 'traefik.yml'}"])
        processes.wait_until(lambda: is_listening(HOST, self.api), what="Traefik")

    def take(self, fragment: Fragment, *, waits: bool = True) -> bool:
        """Serve a fragment, and tell whether Traefik takes the body: it has a router of a new name then."""
        self.turn += 1
        mark = {"rule": "Host(`mark.localhost`)", "service": "ping@internal"}
        routers = {**fragment.routers, f"mark-{self.turn}": mark}
        http = {"routers": routers, "services": dict(fragment.services)}
        if fragment.middlewares:
            http["middlewares"] = dict(fragment.middlewares)
        body = json.dumps({"http": http})
        refusals = self.refusals()
        aside = self.path.with_suffix(".new")
        aside.write_text(body)
        aside.replace(self.path)
        if waits:
            eventually(lambda: self._has_mark() or self.refusals() > refusals, what=f"Traefik reads {body}")
        return not waits or self._has_mark()

    def refusals(self) -> int:
        return self.log.read_text().count("Error occurred during watcher callback") if self.log.exists() else 0

    def router(self) -> dict[str, object]:
        answer = requests.get(f"http://{HOST}:{self.api}/api/http/routers/shop@file", timeout=5)
        found: dict[str, object] = answer.json() if answer.ok else {}
        return found

    def status(self) -> int:
        return requests.get(f"http://{HOST}:{self.web}/", headers={"Host": "shop.localhost"}, timeout=5).status_code

    def _has_mark(self) -> bool:
        url = f"http://{HOST}:{self.api}/api/http/routers/mark-{self.turn}@file"
        return requests.get(url, timeout=5).ok


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("refused")
    with Processes(directory) as processes:
        yield Gateway(directory, processes)


@pytest.mark.parametrize("name", EACH)
def test_traefik_refuses_or_loses_what_the_check_refuses(gateway: Gateway, name: str) -> None:
    assert gateway.take(split_fragment())
    assert gateway.router()["status"] == "enabled"
    fault = FAULTS[name]
    is_taken = gateway.take(fault.fragment)
    shown = gateway.router()

    assert is_taken is (fault.effect != "refused"), shown
    if fault.effect == "disabled":
        assert shown.get("status", "disabled") == "disabled", shown
        assert gateway.status() == 404
    if fault.effect == "harmful":
        assert gateway.status() == 503
