"""Faults of peers: Prometheus, checks, Traefik APIs, name servers and webhooks that misbehave."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from provider.demo.name_server import NameServer
from provider.demo.parts import free_port
from provider.demo.processes import is_listening
from tools.chaos import peers
from tools.chaos.inbox import Inbox, receiver
from tools.chaos.line import HOST
from tools.chaos.peers import Kind
from tools.chaos.scene import Scene
from tools.chaos.system import BAD, QUIET, System, host_of
from tools.chaos.waiting import NotInTimeError, wait_for

# The gateway under whose name chaos.polls polls: it counts as a live one.
_WATCHED = "watch"
_NEIGHBOR, _WEBHOOK, _INBOX = "neighbor", "peer", "inbox"
_CHECK_TIMEOUT = "30s"
_DELIVERY_SECONDS = 10.0


class Role(StrEnum):
    """What a peer is to the provider."""

    PROMETHEUS = "prometheus"
    CHECK = "check"
    TRAEFIK_API = "traefik-api"
    NAME_SERVER = "name-server"
    WEBHOOK = "webhook"


@dataclass(frozen=True)
class Peer:
    """A peer that runs: the URL of its HTTP server, and the port of its DNS server."""

    url: str
    dns_port: int


@contextmanager
def peer_misbehaves(scene: Scene, kind: Kind, role: Role) -> Iterator[None]:
    """Give the provider a peer that misbehaves."""
    with _ROLES[role](scene, kind):
        yield


@contextmanager
def canary_blinded(scene: Scene) -> Iterator[None]:
    """Add a gateway whose API is unreachable, a check that responds with 503, and one that is unreachable."""
    closed = f"http://{HOST}:{free_port()}"
    with (
        running(scene.system, Kind.BROKEN) as peer,
        checked(scene, _webhook_check(peer.url), _prometheus_check(closed)),
        watched(scene.system, closed),
    ):
        yield


@contextmanager
def running(system: System, kind: Kind, *, dns_port: int = 0) -> Iterator[Peer]:
    """Run a peer."""
    peer_port, dns_port = free_port(), dns_port or free_port()
    command = [sys.executable, str(Path(peers.__file__)), kind, str(peer_port), str(dns_port)]
    child = system.processes.start(f"peer-{kind}", command)
    try:
        wait_for(lambda: is_listening(HOST, peer_port), what="the peer listens")
        yield Peer(f"http://{HOST}:{peer_port}", dns_port)
    finally:
        system.processes.forget(child)
        child.stop()


@contextmanager
def checked(scene: Scene, *checks: Mapping[str, Any]) -> Iterator[None]:
    """Give bad canaries these checks."""
    scene.canaries.checks = checks
    try:
        yield
    finally:
        scene.canaries.checks = ()


@contextmanager
def watched(system: System, url: str, *, name: str = _WATCHED) -> Iterator[None]:
    """Let a gateway have its API at a URL, by default one that polls."""
    system.done("PUT", f"/gateways/{name}", {"spec": {"api": url}})
    try:
        yield
    finally:
        system.done("DELETE", f"/gateways/{name}")


@contextmanager
def webhooked(system: System, url: str) -> Iterator[None]:
    """Send messages to a URL."""
    system.done("PUT", f"/webhooks/{_WEBHOOK}", {"spec": {"url": url, "rollouts": [BAD, QUIET]}})
    try:
        yield
    finally:
        system.done("DELETE", f"/webhooks/{_WEBHOOK}")


@contextmanager
def checked_neighbor(system: System, url: str) -> Iterator[None]:
    """Run another rollout, whose canary is analyzed with a check at a URL."""
    with _neighbor(system, {"checks": [_webhook_check(url)]}):
        yield


@contextmanager
def delivered(scene: Scene) -> Iterator[Inbox]:
    """Give QUIET's changes to a webhook that works. Afterwards it still receives a message within ten seconds."""
    with receiver() as inbox:
        scene.system.done("PUT", f"/webhooks/{_INBOX}", {"spec": {"url": inbox.url, "rollouts": [QUIET]}})
        deliver(scene.system, inbox, seconds=30)
        try:
            yield inbox
        finally:
            scene.system.done("DELETE", f"/webhooks/{_INBOX}")


def deliver(system: System, inbox: Inbox, *, seconds: float = _DELIVERY_SECONDS) -> float:
    """Make a change, and return the seconds until the receiver has its message. Raise NotInTimeError."""
    reason = f"message {time.monotonic()}"
    for weight in (1, 0):
        system.done("PUT", f"/rollouts/{QUIET}/weight", {"weight": weight, "reason": reason})
    return wait_for(lambda: reason in inbox.reasons, what="the message is delivered", seconds=seconds)


@contextmanager
def _as_prometheus(scene: Scene, kind: Kind) -> Iterator[None]:
    with (
        running(scene.system, kind) as peer,
        checked(scene, _prometheus_check(peer.url)),
        _neighbor(scene.system, {"source": {"prometheus": {"url": peer.url}}}),
    ):
        yield


@contextmanager
def _as_check(scene: Scene, kind: Kind) -> Iterator[None]:
    with running(scene.system, kind) as peer:
        check = _webhook_check(peer.url)
        with checked(scene, check), checked_neighbor(scene.system, peer.url):
            yield


@contextmanager
def _as_traefik_api(scene: Scene, kind: Kind) -> Iterator[None]:
    with running(scene.system, kind) as peer, watched(scene.system, peer.url):
        yield


@contextmanager
def _as_name_server(scene: Scene, kind: Kind) -> Iterator[None]:
    """Let a name server misbehave from which a rollout has its servers: these are kept."""
    system, name = scene.system, "app.test"
    with NameServer() as names:
        names.say(name, "A", [HOST])
        dns_port = int(names.address.rpartition(":")[2])
        source = {"dns": {"name": name, "port": system.app_ports[0], "resolver": names.address}}
        spec = {"rule": f"Host(`{host_of(_NEIGHBOR)}`)", "entryPoints": ["web"], "stable": {"discover": source}}
        system.done("PUT", f"/rollouts/{_NEIGHBOR}", {"spec": spec})
        wait_for(lambda: _is_served(system), what="the discovered server responds")
    try:
        with running(system, kind, dns_port=dns_port):
            yield
            if not _is_served(system):
                scene.violations.append("the discovered server was not kept")
    finally:
        system.done("DELETE", f"/rollouts/{_NEIGHBOR}")


@contextmanager
def _as_webhook(scene: Scene, kind: Kind) -> Iterator[None]:
    """Let a webhook misbehave; another one still receives its messages."""
    system = scene.system
    with running(system, kind) as peer, delivered(scene) as inbox, webhooked(system, peer.url):
        yield
        try:
            deliver(system, inbox)
        except NotInTimeError as error:
            scene.violations.append(str(error))


_ROLES: Mapping[Role, Callable[[Scene, Kind], AbstractContextManager[None]]] = {
    Role.PROMETHEUS: _as_prometheus,
    Role.CHECK: _as_check,
    Role.TRAEFIK_API: _as_traefik_api,
    Role.NAME_SERVER: _as_name_server,
    Role.WEBHOOK: _as_webhook,
}


@contextmanager
def _neighbor(system: System, analysis: Mapping[str, Any]) -> Iterator[None]:
    """Run another rollout, whose canary is analyzed too."""
    stable, canary = map(system.side, system.app_ports)
    spec = {
        "rule": f"Host(`{host_of(_NEIGHBOR)}`)",
        "entryPoints": ["web"],
        "stable": stable,
        "canary": canary,
        "steps": [{"setWeight": 5}, {"analysis": {"duration": "10m"}}],
        "analysis": {"interval": "1s", **analysis},
    }
    system.done("PUT", f"/rollouts/{_NEIGHBOR}", {"spec": spec})
    try:
        yield
    finally:
        system.done("DELETE", f"/rollouts/{_NEIGHBOR}")


def _is_served(system: System) -> bool:
    return all(system.is_seen(port, _NEIGHBOR, "v1") for port in system.web_ports)


def _webhook_check(url: str) -> Mapping[str, Any]:
    return {"name": "smoke", "webhook": {"url": f"{url}/smoke", "timeout": _CHECK_TIMEOUT}}


def _prometheus_check(url: str) -> Mapping[str, Any]:
    return {"name": "orders", "prometheus": {"url": url, "query": "orders_failed", "atMost": 0.1}}


KINDS: Sequence[Kind] = (Kind.DRIPPING, Kind.BOMBING, Kind.ENDLESS, Kind.HANGING)
