"""What becomes of a weight in the real Traefik: the share that was achieved, and gateways that are watched."""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from provider.demo.gateway import GatewayOptions, gateway_command
from provider.demo.parts import free_port
from provider.demo.processes import Processes
from provider.web.poll.application import GATHER_SECONDS
from tests.e2e.harness import HOST, SITE, Stack, eventually, known_good

pytestmark = [pytest.mark.traefik, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a stack whose Traefik follows a file too, beside a second Traefik that has polled and was stopped."""
    directory = tmp_path_factory.mktemp("stack")
    with Processes(directory) as processes:
        stack = Stack(directory, processes)
        stack.start_apps()
        stack.start_provider()
        stack.wait_for_provider()
        stack.done("PUT", "/gateways/edge", {"spec": {"api": f"http://{HOST}:{stack.api_port}"}})
        stack.done("PUT", "/rollouts/shop", {"spec": stack.spec(gateways=["edge"])})
        # Without a token only a gateway that is registered is watched.
        stack.done("PUT", "/gateways/spare", {"spec": {}})
        start_spare(stack)
        stack.start_traefik(services={})
        eventually(
            lambda: gateway(stack, "spare").get("health") == "healthy", what="the spare Traefik is seen to poll"
        )
        stack.stop("spare")
        stack.wait_applied()
        yield stack


def start_spare(stack: Stack) -> None:
    directory = stack.directory / "spare"
    directory.mkdir()
    web, websecure, api = free_port(), free_port(), free_port()
    options = GatewayOptions(
        directory=directory,
        provider=f"http://{HOST}:{stack.provider_port}",
        name="spare",
        # Without a token only registered gateways are counted, and those are waited for when they are silent.
        token=stack.done("POST", "/tokens", {"name": "spare", "role": "gateway"})["token"],
        web_port=web,
        websecure_port=websecure,
        api_port=api,
    )
    stack.children["spare"] = stack.processes.start("spare", gateway_command(options))


def gateway(stack: Stack, name: str = "edge") -> Mapping[str, Any]:
    found = {one["name"]: one for one in stack.done("GET", "/gateways")["gateways"]}
    one: Mapping[str, Any] = found.get(name, {})
    return one


def share(stack: Stack) -> Mapping[str, Any]:
    found: Mapping[str, Any] = stack.done("GET", "/rollouts/shop/traffic")
    return found


def logged(stack: Stack, event: str) -> list[str]:
    return [line for line in stack.log().splitlines() if event in line]


def reloads(stack: Stack) -> int:
    page = requests.get(f"http://{HOST}:{stack.api_port}/metrics", timeout=5).text
    found = re.search(r"^traefik_config_reloads_total (\S+)$", page, re.MULTILINE)
    assert found
    return int(float(found[1]))


@contextmanager
def rebuilding(stack: Stack, *, every_seconds: float) -> Iterator[None]:
    """Have another provider of Traefik change something all the while."""
    ends = threading.Event()

    def rebuild() -> None:
        number = 0
        while not ends.wait(every_seconds):
            number += 1
            server = {"url": f"http://{HOST}:{1 + number % 9}"}
            stack.define_in_files({"other": {"loadBalancer": {"servers": [server]}}})

    thread = threading.Thread(target=rebuild)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


@contextmanager
def many_clients(stack: Stack, count: int) -> Iterator[None]:
    """Send requests all the while from many addresses in turn, as users do."""
    ends = threading.Event()

    def run() -> None:
        sessions = [session_from(f"127.0.1.{number + 1}") for number in range(count)]
        while not ends.is_set():
            for session in sessions:
                session.get(f"http://{HOST}:{stack.web_port}/", headers={"Host": SITE}, timeout=10)
                if ends.wait(0.005):
                    break
        for session in sessions:
            session.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


class _From(HTTPAdapter):
    """Connects from an address of its own."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, source_address=(self._address, 0))


def session_from(address: str) -> requests.Session:
    session = requests.Session()
    session.mount("http://", _From(address))
    return session


def test_the_share_that_is_seen_after_a_shift_is_what_was_asked(stack: Stack) -> None:
    with stack.under_load(rate=100):
        stack.shift(20)
        seen = eventually(lambda: (now := share(stack))["canaryRequests"] > 20 and now, what="the share is seen")
    status = stack.command("status", "shop").stdout

    assert (seen["state"], seen["summary"]) == ("ok", "")
    assert pytest.approx(seen["achieved"], abs=1.5) == 20
    assert re.search(
        r"^traffic +requested 20%, achieved [0-9.]+% \([0-9]+ of [0-9]+ requests in [0-9]+s\)$", status, re.MULTILINE
    )


def test_a_canary_that_rebuilds_starve_is_said_to_be_once_and_hrw_feeds_it(stack: Stack) -> None:
    with many_clients(stack, 100), rebuilding(stack, every_seconds=0.04):
        stack.shift(5)
        starved = eventually(lambda: (now := share(stack))["state"] == "starved" and now, what="it is starved")
        stack.done("PUT", "/rollouts/shop", {"spec": stack.spec(gateways=["edge"], strategy="hrw")})
        fed = eventually(lambda: (now := share(stack))["state"] == "ok" and now, what="it is fed")

    assert starved["achieved"] < 2.5 <= fed["achieved"]
    assert starved["reloads"] > 20
    assert "strategy: hrw" in starved["summary"]
    assert (len(logged(stack, "rollout.starved")), len(logged(stack, "rollout.share_recovered"))) == (1, 1)


def test_a_router_that_traefik_refuses_is_a_failing_gateway_until_it_is_gone(stack: Stack) -> None:
    spec = stack.spec(gateways=["edge"], entryPoints=["nowhere"], rule="Host(`b.localhost`)")
    stack.done("PUT", "/rollouts/broken", {"spec": spec})
    failing = eventually(
        lambda: (now := gateway(stack)).get("health") == "configuration-error" and now, what="it fails"
    )
    stack.done("DELETE", "/rollouts/broken")
    eventually(lambda: gateway(stack)["health"] == "healthy", what="it has recovered")

    assert "routers/broken@http" in failing["detail"]
    assert len(logged(stack, "gateway.configuration_error")) == 1
    assert len([line for line in logged(stack, "gateway.recovered") if "gateway=edge" in line]) == 1


def test_a_traefik_that_was_stopped_is_said_to_be_silent_once(stack: Stack) -> None:
    eventually(lambda: logged(stack, "gateway.not_polling"), what="it is missed")
    page = requests.get(f"http://{HOST}:{stack.provider_port}/metrics", timeout=5).text

    assert 'canary_gateway_health{gateway="spare",health="not-polling"} 1.0' in page
    assert 'canary_gateway_health{gateway="edge",health="healthy"} 1.0' in page
    assert [re.findall(r"gateway=(\S+)", line)[0] for line in logged(stack, "gateway.not_polling")] == ["spare"]


def test_a_burst_of_changes_costs_few_rebuilds(stack: Stack) -> None:
    for number in range(30):
        spec = stack.spec(gateways=["edge"], rule=f"Host(`{number}.localhost`)")
        stack.done("PUT", f"/rollouts/burst-{number}", {"spec": spec})
    stack.wait_applied(name="burst-29")
    before, start = reloads(stack), time.monotonic()
    for number in range(30):
        stack.done("PUT", f"/rollouts/burst-{number}/weight", {"weight": 30})
    stack.wait_applied(name="burst-29")
    seconds = time.monotonic() - start

    assert 1 <= reloads(stack) - before <= 2 + seconds / GATHER_SECONDS


def test_a_change_that_traefik_cannot_carry_is_taken_back_once_where_that_is_asked_for(stack: Stack) -> None:
    spec = stack.spec(gateways=["edge"], rule="Host(`careful.localhost`)", revertWhenBroken=True)
    stack.done("PUT", "/rollouts/careful", {"spec": spec})
    stack.wait_applied(name="careful")
    eventually(lambda: "careful" in known_good(stack), what="it is seen to be good")
    stack.done("PUT", "/rollouts/careful", {"spec": {**spec, "middlewares": ["gone@file"]}})
    eventually(lambda: logged(stack, "rollout.reverted"), what="it is taken back")
    newest = stack.done("GET", "/rollouts/careful/history?limit=1")["history"][0]
    stack.wait_applied(name="careful")

    assert (newest["action"], newest["actor"]) == ("undo", "controller")
    assert 'middleware "gone@file" does not exist' in newest["reason"]
    assert "middlewares" not in stack.done("GET", "/rollouts/careful")["spec"]
    assert len(logged(stack, "rollout.reverted")) == 1
    stack.done("DELETE", "/rollouts/careful?allowShrink=true")
