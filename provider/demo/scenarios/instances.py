"""Several instances: of a service, which come, go and die under its users, and of the provider itself."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from provider.demo.parts import ProviderProcess
from provider.demo.scenarios.stage import Claim, Gateway, Stage
from provider.demo.scenarios.traffic import Traffic
from provider.server.embedded_valkey import EmbeddedServer

if TYPE_CHECKING:
    from provider.demo.processes import Child

_SITE = "shop.localhost"
# A request that is under way when its server dies is answered 502 by Traefik, and by this sent to another server. The
# passive check leaves out who has failed once, or it might be sent there again; the active one knows who is back.
_RETRY = {"retry": {"retry": {"attempts": 4, "initialInterval": "10ms", "status": ["502"]}}}
_CHECKS = {"healthCheck": {"path": "/healthz", "interval": "1s"}, "passiveHealthCheck": {"failureWindow": "5s"}}
# Long enough for an instance that is killed to have some under way.
_ANSWER_SECONDS = 0.1
_SLOW_SECONDS = 2.0
_A_MOMENT = 0.3
_A_WHILE = 0.8


def play(stage: Stage) -> Iterator[Claim]:
    """Scale a side under load, kill and drain instances of it, and replace every provider."""
    with EmbeddedServer(stage.directory / "valkey") as store:
        providers = _Providers(stage, store.url)
        providers.start()
        gateway = stage.start_gateway(providers.face, dynamic={"http": {"middlewares": _RETRY}})
        shop = _Shop(stage, providers.face, gateway)
        yield from _scaled(stage, shop)
        yield from _drained(stage, shop)
        yield from _replaced(stage, providers, gateway)


@dataclass
class _Shop:
    """A rollout whose stable side has a few instances of an app."""

    stage: Stage
    provider: ProviderProcess
    gateway: Gateway

    def __post_init__(self) -> None:
        self.urls = [
            self.stage.start_app(f"instance-{number}", "--delay", str(_ANSWER_SECONDS)) for number in range(1, 6)
        ]
        stable = {"servers": [{"url": self.urls[0]}], **_CHECKS}
        spec = {"rule": f"Host(`{_SITE}`)", "entryPoints": ["web"], "middlewares": ["retry@file"], "stable": stable}
        self.call("PUT", "", {"spec": spec})

    def call(self, method: str, path: str, document: Mapping[str, Any]) -> None:
        """Change the rollout, and wait until Traefik has it."""
        self.provider.call(method, f"/rollouts/shop{path}", document)
        self.provider.call("GET", "/rollouts/shop/wait?for=applied&timeout=15")

    def scale(self, urls: Sequence[str]) -> None:
        self.call("PUT", "/stable/servers", {"servers": [{"url": url} for url in urls]})

    def users(self) -> Traffic:
        return Traffic(self.gateway.url, host=_SITE, threads=20)


@dataclass
class _Providers:
    """Two providers on one port with one store, each with a data directory of its own."""

    stage: Stage
    store_url: str

    def __post_init__(self) -> None:
        self.face = ProviderProcess()
        self._running: list[Child] = []
        self._started = 0

    def start(self) -> None:
        for _ in range(2):
            self._start_one()

    def replace_each(self) -> None:
        """Start a new one before an old one ends."""
        for _ in range(len(self._running)):
            self._start_one()
            old = self._running.pop(0)
            old.stop()
            self.stage.processes.forget(old)

    def _start_one(self) -> None:
        self._started += 1
        environment = {"CANARY_REDIS_URL": self.store_url, "CANARY_REUSE_PORT": "true", "CANARY_WORKERS": "1"}
        data_dir = self.stage.directory / f"provider-{self._started}"
        self._running.append(self.face.start(self.stage.processes, data_dir=data_dir, environment=environment))
        # Any of them answers there: only the system knows how many do.
        everybody = len(self._running)
        self.stage.wait_until(lambda: _listening(self.face.port) == everybody, what=f"provider {self._started}")


def _listening(port: int) -> int:
    """Count the sockets that listen on a port, as Linux knows them."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(state == "0A" and int(local.rpartition(":")[2], 16) == port for _, local, _, state, *_ in rows)


def _scaled(stage: Stage, shop: _Shop) -> Iterator[Claim]:
    one, two, dying, *others = shop.urls
    stage.say("Users send requests the whole time. One instance is scaled to five, and one of them is killed (-9).")
    stage.say("Then the service is scaled down to two, and the others are stopped.")
    with shop.users() as users:
        time.sleep(_A_WHILE)
        shop.scale(shop.urls)
        time.sleep(_A_WHILE)
        answered = len(users.answers)
        stage.kill_app(dying)
        time.sleep(_A_WHILE)
        shop.scale([one, two])
        time.sleep(_A_WHILE)
        for url in others:
            stage.kill_app(url)
        time.sleep(_A_WHILE)
    failed = sum(users.failures.values())
    yield Claim(f"{answered} of 5 instances have responded", answered == 5)
    yield Claim(f"1 to 5 to 2 instances, 1 killed: {failed} of {users.sent} requests failed", failed == 0)


def _drained(stage: Stage, shop: _Shop) -> Iterator[Claim]:
    leaving = shop.urls[1]
    stage.say(f"One of the two drains while it handles a request that takes {_SLOW_SECONDS:g} s.")
    requests.put(f"{leaving}/behaviour", json={"delay_seconds": _SLOW_SECONDS}, timeout=5).raise_for_status()
    with ThreadPoolExecutor() as clients:
        # By turns: one of two is the slow one's.
        under_way = [clients.submit(_ask, shop.gateway) for _ in range(2)]
        time.sleep(_A_MOMENT)
        shop.call("POST", "/drain", {"url": leaving})
        with shop.users() as users:
            time.sleep(_A_MOMENT)
        is_still_slow = sum(one.done() for one in under_way) == 1
        ended = sorted((one.result() for one in under_way), key=lambda answer: answer.elapsed)
    slow = ended[-1]
    seconds = slow.elapsed.total_seconds()
    holds = is_still_slow and slow.ok and slow.headers["X-App-Version"] == "instance-2" and seconds >= _SLOW_SECONDS
    yield Claim(f"the request in flight completed with {slow.status_code} after {seconds:.1f} s", holds)
    others = users.answers.get("instance-2", 0)
    yield Claim(f"meanwhile {others} of {users.sent} new requests reached it", users.sent > 0 and others == 0)


def _ask(gateway: Gateway) -> requests.Response:
    return requests.get(gateway.url, headers={"Host": _SITE}, timeout=10)


def _replaced(stage: Stage, providers: _Providers, gateway: Gateway) -> Iterator[Claim]:
    stage.say("Two providers on one port are replaced one after the other, during Traefik's long polls and during")
    stage.say("other polls that open a connection each.")
    url = f"{providers.face.url}/traefik/config?gateway={gateway.name}"
    before = gateway.process.log.read_text().count(" ERR ")
    with (
        Traffic(url, headers={"Prefer": "wait=1"}, threads=2) as held,
        Traffic(url, headers={"Connection": "close"}, threads=2) as fresh,
    ):
        time.sleep(_A_WHILE)
        providers.replace_each()
        time.sleep(_A_WHILE)
    errors = gateway.process.log.read_text().count(" ERR ") - before
    for what, polls in (("long", held), ("one-shot", fresh)):
        failed = sum(polls.failures.values())
        yield Claim(f"2 providers replaced: {failed} of {polls.sent} {what} polls failed", failed == 0)
    yield Claim(f"Traefik reports {errors} errors for its polls", errors == 0)
