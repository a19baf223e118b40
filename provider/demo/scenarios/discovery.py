"""Servers that nobody writes down: a name that has an address for each, and instances that announce themselves."""

import contextlib
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests

from provider.demo.name_server import NameServer
from provider.demo.parts import ProviderProcess, free_port
from provider.demo.processes import Child
from provider.demo.sample_app import Behaviour, SampleApp
from provider.demo.scenarios.stage import HOST, Claim, Gateway, Stage
from provider.demo.scenarios.traffic import Traffic

_TTL_SECONDS = 1
_LEASE_SECONDS = 3.0
# What a change may take besides: to be seen, written, polled and applied.
_GRACE_SECONDS = 2.5
_CREW = 100
_CREW_SECONDS = 10.0
_LOOK_SECONDS = 0.1
_LOOKS = 20


def play(stage: Stage) -> Iterator[Claim]:
    """Follow a name, lose it, and let a hundred instances come and go."""
    provider = stage.start_provider()
    gateway = stage.start_gateway(provider)
    with NameServer() as names:
        yield from _by_name(stage, provider, gateway, names)
    yield from _by_lease(stage, provider, gateway)
    yield from _wrapped(stage, provider, gateway)


def _by_name(stage: Stage, provider: ProviderProcess, gateway: Gateway, names: NameServer) -> Iterator[Claim]:
    port = free_port()
    addresses = [f"127.0.0.{number}" for number in (1, 2, 3)]
    for address in addresses:
        stage.start_app(f"v1-{address}", host=address, port=port)
    names.say("shop.internal", "A", addresses[:1], ttl=_TTL_SECONDS)
    _create(provider, "shop", {"dns": {"name": "shop.internal", "port": port, "resolver": names.address}})
    stage.wait_until(lambda: gateway.answers("shop.localhost"), what="the app behind Traefik")

    stage.say(f"shop.internal resolves to one address, with a TTL of {_TTL_SECONDS} s. Now it resolves to three:")
    with Traffic(gateway.url, host="shop.localhost") as traffic:
        names.say("shop.internal", "A", addresses, ttl=_TTL_SECONDS)
        seconds = _seconds_until(lambda: len(traffic.answers) == len(addresses))
        yield Claim(
            f"all three receive requests {seconds:.1f} s later: within the TTL plus the delay of a change",
            seconds < _TTL_SECONDS + _GRACE_SECONDS,
        )
        stage.say("The name no longer resolves:")
        names.say("shop.internal", "A", ())
        seconds = _seconds_until(lambda: "keptReason" in _side(provider, "shop", "stable"))
        kept = _side(provider, "shop", "stable")
        yield Claim(f"reported: {kept.get('keptReason')}", "has no address" in kept.get("keptReason", ""))
        yield Claim(f"the {len(kept['servers'])} servers that still respond are kept", len(kept["servers"]) == 3)
    yield Claim(f"of {traffic.sent:,} requests during all of this, {_failed(traffic)} failed", not traffic.failures)


@dataclass(eq=False)
class _Instance:
    """An app that listens, says so before its lease is over, and may crash without a word."""

    provider: ProviderProcess
    name: str
    port: int
    is_up: bool = False
    since: float = 0.0
    """From when on it has had a lease without a gap."""
    noted: float = 0.0
    """When it began to say, the last time that it was heard, that it is there."""
    answered: float = 0.0
    """When it was told, that time, that it was heard."""
    is_asking: bool = False

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def come(self) -> None:
        """Listen, and register."""
        self.app = SampleApp((HOST, self.port), version=self.name, behaviour=Behaviour(), idle_seconds=0)
        threading.Thread(target=self.app.serve_forever, args=(_LOOK_SECONDS,), daemon=True).start()
        self.is_up = True
        self.beat()

    def crash(self) -> None:
        """Listen no more, and say nothing."""
        self.is_up = False
        self.app.shutdown()
        self.app.server_close()

    def beat(self) -> None:
        """Say that it is there."""
        path = f"/rollouts/crew/groups/v1/servers/{self.name}"
        before, asked = self.noted, time.monotonic()
        self.is_asking = True
        with contextlib.suppress(requests.RequestException):
            self.provider.call("PUT", path, {"url": self.url, "ttl": f"{_LEASE_SECONDS:g}s"})
            answered = time.monotonic()
            # When between the two it was renewed is not known: the lease before may have run out until then.
            if answered - before > _LEASE_SECONDS:
                self.since = answered
            self.noted, self.answered = asked, answered
        self.is_asking = False

    def should_be_served(self) -> bool | None:
        """Tell whether it has to be among the servers right now; None where that is not decided yet."""
        now = time.monotonic()
        if now - self.noted < _LEASE_SECONDS and now - self.since > _GRACE_SECONDS:
            return True
        if now - self.answered > _LEASE_SECONDS + _GRACE_SECONDS and not self.is_asking:
            return False
        return None


def _by_lease(stage: Stage, provider: ProviderProcess, gateway: Gateway) -> Iterator[Claim]:
    stage.say(f"{_CREW} instances register with leases of {_LEASE_SECONDS:g} s. They crash and return at random:")
    crew = [_Instance(provider, f"i{port}", port) for port in (free_port() for _ in range(_CREW))]
    over = threading.Event()
    # From the start: on a busy machine it takes longer than a lease until all have registered.
    beating = [threading.Thread(target=_beat, args=(crew[part::4], over)) for part in range(4)]
    for thread in beating:
        thread.start()
    for instance in crew:
        instance.come()
    _create(provider, "crew", {"registered": "v1"})
    seconds = _seconds_until(lambda: len(_servers(gateway, "crew_1")) == _CREW)
    yield Claim(f"Traefik has all {_CREW} of them {seconds:.1f} s after the rollout was created", seconds < 2)

    chance = random.Random(7)  # noqa: S311 a game, no secret
    looks, wrong, changes = 0, set[str](), 0
    end = time.monotonic() + _CREW_SECONDS
    while time.monotonic() < end or looks <= _LOOKS:
        for instance in chance.sample(crew, 2):
            instance.crash() if instance.is_up else instance.come()
            changes += 1
        wrong |= _wrong(crew, gateway)
        looks += 1
        time.sleep(_LOOK_SECONDS)
    over.set()
    for thread in beating:
        thread.join()
    yield Claim(
        f"after {changes} crashes and returns, {len(wrong)} were served beyond their lease, "
        f"or missing during it, in {looks} checks of Traefik",
        not wrong and looks > _LOOKS,
    )
    with ThreadPoolExecutor(_CREW) as pool:
        list(pool.map(_Instance.crash, [instance for instance in crew if instance.is_up]))
    _seconds_until(lambda: len(_servers(gateway, "crew_1")) == 1)
    left = _side(provider, "crew", "stable")
    yield Claim(
        f"all crash at once: {len(left['servers'])} is kept, because a side is never emptied; "
        f"reported: {left.get('keptReason')}",
        len(left["servers"]) == 1,
    )


def _beat(crew: Sequence[_Instance], over: threading.Event) -> None:
    while not over.wait(_LEASE_SECONDS / 3):
        for instance in crew:
            if instance.is_up:
                instance.beat()


def _wrong(crew: Sequence[_Instance], gateway: Gateway) -> set[str]:
    """Name those that are served and should not be, or are not and should be, before the look and after it."""
    expected = {one: one.should_be_served() for one in crew}
    served = set(_servers(gateway, "crew_1"))
    return {
        one.name
        for one, should in expected.items()
        if should is (one.url not in served) and should is one.should_be_served()
    }


def _wrapped(stage: Stage, provider: ProviderProcess, gateway: Gateway) -> Iterator[Claim]:
    stage.say(
        "`traefik-canary register -- COMMAND` wraps a process. A second one starts, the first one gets SIGTERM:"
    )
    first = _register(stage, provider, "first")
    _create(provider, "wrap", {"registered": "v1"})
    stage.wait_until(lambda: gateway.answers("wrap.localhost"), what="the wrapped app behind Traefik")
    with Traffic(gateway.url, host="wrap.localhost", rate=100) as traffic:
        _register(stage, provider, "second")
        stage.wait_until(lambda: "second" in traffic.answers, what="an answer of the second instance")
        first.stop()
        stage.wait_until(lambda: len(_servers(gateway, "wrap_1")) == 1, what="Traefik has one instance")
        time.sleep(0.5)
    yield Claim(
        f"of {traffic.sent:,} requests while one instance replaces another, {_failed(traffic)} failed",
        not traffic.failures and {"first", "second"} == traffic.answers.keys(),
    )


def _register(stage: Stage, provider: ProviderProcess, name: str) -> Child:
    port = free_port()
    where = ["--group", "v1", "--server", f"http://{HOST}:{port}", "--id", name, "--drain", "1"]
    app = [sys.executable, "-m", "provider.demo.sample_app", "--port", str(port), "--version", name]
    child = stage.processes.start(
        f"register-{name}",
        [sys.executable, "-m", "provider", "register", "wrap", *where, "--", *app],
        environment={**os.environ, "CANARY_URL": provider.url, "CANARY_TOKEN": provider.token},
    )
    stage.wait_until(lambda: f"registered {name}" in child.log.read_text(), what=f"{name} is registered")
    return child


def _create(provider: ProviderProcess, name: str, discover: dict[str, object]) -> None:
    spec = {"rule": f"Host(`{name}.localhost`)", "entryPoints": ["web"], "stable": {"discover": discover}}
    provider.call("PUT", f"/rollouts/{name}", {"spec": spec})


def _side(provider: ProviderProcess, name: str, side: str) -> dict[str, Any]:
    found: dict[str, Any] = provider.call("GET", f"/rollouts/{name}/servers").json()[side]
    return found


def _servers(gateway: Gateway, service: str) -> Sequence[str]:
    """Ask Traefik which servers a service has."""
    url = f"http://{HOST}:{gateway.api_port}/api/http/services/{service}@http"
    balancer = requests.get(url, timeout=5).json().get("loadBalancer", {})
    return [server["url"] for server in balancer.get("servers", ())]


def _seconds_until(is_so: Callable[[], bool], *, patience: float = 15.0) -> float:
    """Wait until something is so; how long that took, or the whole patience where it never was."""
    began = time.monotonic()
    while not is_so() and time.monotonic() - began < patience:
        time.sleep(_LOOK_SECONDS / 4)
    return time.monotonic() - began


def _failed(traffic: Traffic) -> str:
    return ", ".join(f"{count} x {why}" for why, count in traffic.failures.items()) or "0"
