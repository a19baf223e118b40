"""The keep-alive race: a POST that meets the end of its connection to the backend is lost, and what cures it."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

from provider.demo.parts import ProviderProcess
from provider.demo.scenarios.connections import Connection
from provider.demo.scenarios.stage import Claim, Gateway, Stage

# What gunicorn does unless it is told otherwise; the shortest of the ready transports is made for it.
_IDLE_SECONDS = 2.0
_READY_TRANSPORT = "idle_1.6s@http"
# A request and the end of its connection can only miss each other while they are under way.
_LATENCY_SECONDS = 0.01
# How much less than the backend clients wait, counted from the last answer of all. The longer a machine takes to
# answer so many at once, the earlier is the worst moment: it is among these on fast ones and on slow ones.
_EARLY_SECONDS = (0.32, 0.16, 0.08, 0.04, 0.02, 0.01)
# The services take turns, so that none waits for the others' answers.
_TURN_SECONDS = 0.6
# Requests overlap, so that Traefik needs a connection for each; else it would use a few again and again.
_ANSWER_SECONDS = 0.1
_CLIENTS = 150
_BODY = b"quantity=1"
# Longer than what gunicorn keeps connections by default, and than Traefik's own poll interval.
_POLL_PAUSES_SECONDS = (2.5, 5.5)
_HOSTS = _PLAIN, _TOLD, _FOREIGN = "plain.localhost", "told.localhost", "foreign.localhost"

Outcomes = Counter[str]


def play(stage: Stage) -> Iterator[Claim]:
    """Send POSTs at the worst moment, by three ways to one backend."""
    stage.say(f"A backend closes idle connections after {_IDLE_SECONDS:g} s. Traefik keeps them for 90 s by default.")
    stage.say(f"The network between them adds {_LATENCY_SECONDS * 1_000:g} ms each way.")
    app = stage.start_app("v1", "--idle-timeout", f"{_IDLE_SECONDS:g}", "--delay", f"{_ANSWER_SECONDS:g}")
    backend = stage.start_network(app, latency_seconds=_LATENCY_SECONDS)
    provider = stage.start_provider()
    _create(provider, "plain", {"servers": [{"url": backend}]})
    _create(provider, "told", {"servers": [{"url": backend}], "keepAliveTimeout": f"{_IDLE_SECONDS:g}s"})
    gateway = stage.start_gateway(provider, **_configuration(backend))
    stage.wait_until(lambda: all(map(gateway.answers, _HOSTS)), what="all three services")
    stage.say(f"{_CLIENTS} clients per service send a POST, wait exactly as long as the backend, and send another.")
    (plain, told, foreign), polls = asyncio.run(_at_once(gateway, provider))
    yield Claim(f"without keepAliveTimeout: {_words(plain)}", _lost(plain) > 0)
    yield Claim(f"with keepAliveTimeout: {_IDLE_SECONDS:g}s: {_words(told)}", not _lost(told))
    yield Claim(f"a service from a file that uses {_READY_TRANSPORT}: {_words(foreign)}", not _lost(foreign))
    pauses = " and ".join(f"{seconds:g} s" for seconds in _POLL_PAUSES_SECONDS)
    yield Claim(
        f"the provider, polled over one connection after pauses of {pauses}: {polls['200']} of 3 answered",
        polls == {"200": 3},
    )
    yield from _without_rollouts(stage, provider, gateway)


def _without_rollouts(stage: Stage, provider: ProviderProcess, gateway: Gateway) -> Iterator[Claim]:
    stage.say("The last rollout is deleted.")
    for name in ("plain", "told"):
        provider.call("DELETE", f"/rollouts/{name}?allowShrink=true")
    stage.wait_until(lambda: not gateway.answers(_PLAIN), what="the rollouts are gone from Traefik")
    answered = sum(gateway.answers(_FOREIGN) for _ in range(20))
    yield Claim(f"without any rollout, the service from the file answers {answered} of 20", answered == 20)


def _create(provider: ProviderProcess, name: str, stable: Mapping[str, Any]) -> None:
    spec = {"rule": f"Host(`{name}.localhost`)", "entryPoints": ["web"], "stable": stable}
    provider.call("POST", "/rollouts", {"name": name, "spec": spec})


def _configuration(backend: str) -> Mapping[str, Any]:
    """Give what differs from the Traefik that is shipped: the default timeout, and a service of a file."""
    balancer = {"servers": [{"url": backend}], "serversTransport": _READY_TRANSPORT}
    router = {"rule": f"Host(`{_FOREIGN}`)", "entryPoints": ["web"], "service": "foreign"}
    http = {"routers": {"foreign": router}, "services": {"foreign": {"loadBalancer": balancer}}}
    return {
        "static": {"serversTransport": {"forwardingTimeouts": {"idleConnTimeout": "90s"}}},
        "dynamic": {"http": http},
    }


def _words(outcomes: Outcomes) -> str:
    return f"{_lost(outcomes)} of {outcomes.total():,} POSTs lost"


def _lost(outcomes: Outcomes) -> int:
    return outcomes.total() - outcomes["200"]


async def _at_once(gateway: Gateway, provider: ProviderProcess) -> tuple[list[Outcomes], Outcomes]:
    *posts, polls = await asyncio.gather(
        *(_bursts(gateway.web_port, host, turn) for turn, host in enumerate(_HOSTS)), _polls(provider.port)
    )
    return posts, polls


async def _bursts(port: int, host: str, turn: int) -> Outcomes:
    outcomes = Outcomes()
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Connection(port, host=host)) for _ in range(_CLIENTS)]
        for wait_seconds in (turn * _TURN_SECONDS, *(_IDLE_SECONDS - early for early in _EARLY_SECONDS)):
            await asyncio.sleep(wait_seconds)
            outcomes.update(await asyncio.gather(*(client.ask("POST", "/", _BODY) for client in clients)))
    return outcomes


async def _polls(port: int) -> Outcomes:
    outcomes = Outcomes()
    async with Connection(port, host="127.0.0.1") as connection:
        for pause in (0.0, *_POLL_PAUSES_SECONDS):
            await asyncio.sleep(pause)
            outcomes[await connection.ask("GET", "/traefik/config")] += 1
    return outcomes
