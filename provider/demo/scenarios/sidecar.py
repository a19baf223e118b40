"""A Traefik beside each service: a canary that no edge sees, retries, breakers, and a fleet that shifts as one.

edge → A's sidecar → A → A's sidecar → B's sidecar → B, whose canary takes its share.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import requests

from provider.demo.parts import ProviderProcess
from provider.demo.scenarios.stage import HOST, Claim, Gateway, Sidecar, Stage
from provider.demo.scenarios.traffic import Traffic

_SHOP, _B, _FLEET = "shop.localhost", "b.internal", "fleet.localhost"
_SHARE = 25
# Traefik's turns are exact; what is under way when counting begins and ends is not.
_TOLERANCE = 3.0
# As many answers of each gateway are counted at each weight.
_WINDOW = 100
_FAILING = 0.2
_RETRY = {"attempts": 3, "status": ["500-599"]}
_TRIED = 1_000
# All three attempts fail for 0.2³ of the requests: 8 of 1,000. More than 25 come once in a million plays.
_MOST_LEFT = 25
_BREAKER = {"expression": "ResponseCodeRatio(500, 600, 0, 600) > 0.5"}


@dataclass(frozen=True)
class _Chain:
    provider: ProviderProcess
    edge: Gateway
    a: Sidecar
    b: Sidecar
    versions: Sequence[str]


def play(stage: Stage) -> Iterator[Claim]:
    """Play it."""
    chain = _started(stage)
    yield from _canary_between_services(stage, chain)
    yield from _fleet(stage, chain)
    yield from _retries(stage, chain)
    yield from _breaker(stage, chain)


def _started(stage: Stage) -> _Chain:
    stage.say(
        "edge -> A's sidecar -> A -> A's sidecar -> B's sidecar -> B v1, v2; one provider configures all of them"
    )
    provider = stage.start_provider()
    a, b = (stage.start_sidecar(provider, name=name) for name in ("sidecar-a", "sidecar-b"))
    upstream = a.outbound.removeprefix("http://")
    app = stage.start_app("a", "--upstream", upstream, "--upstream-host", _B)
    chain = _Chain(provider, stage.start_gateway(provider), a, b, [stage.start_app(name) for name in ("v1", "v2")])
    _put(chain, "a", _spec("edge", _SHOP, a.inbound, entryPoints=["web"]))
    _put(chain, "a-inbound", _spec(a.name, _SHOP, app))
    _put(chain, "b-outbound", _spec(a.name, _B, b.inbound, entryPoints=["outbound"]))
    _put(chain, "b", _spec(b.name, _B, *chain.versions))
    _shift(chain, "b", _SHARE)
    stage.wait_until(lambda: chain.edge.answers(_SHOP), what="the chain")
    return chain


def _spec(gateway: str, host: str, stable: str, canary: str = "", **options: Any) -> dict[str, Any]:
    sides = {"stable": stable, **({"canary": canary} if canary else {})}
    servers = {side: {"servers": [{"url": url}]} for side, url in sides.items()}
    return {"rule": f"Host(`{host}`)", "gateways": [gateway], **servers, **options}


def _put(chain: _Chain, name: str, spec: Mapping[str, Any]) -> None:
    """Tell the provider, and wait until the Traefiks that it concerns have it."""
    chain.provider.call("PUT", f"/rollouts/{name}", {"spec": spec})
    _wait(chain, name)


def _shift(chain: _Chain, name: str, weight: int) -> None:
    chain.provider.call("PUT", f"/rollouts/{name}/weight", {"weight": weight})
    _wait(chain, name)


def _wait(chain: _Chain, name: str) -> None:
    chain.provider.call("GET", f"/rollouts/{name}/wait?for=applied&timeout=20")


def _asked(stage: Stage, url: str, host: str, *, times: int) -> Traffic:
    """Send requests until so many have ended; what came of them."""
    with Traffic(url, host=host, threads=6, rate=900) as traffic:
        stage.wait_until(lambda: traffic.sent >= times, what=f"{times} requests")
    return traffic


def _share(answers: Mapping[str, int], version: str = "v2") -> float:
    found = sum(count for name, count in answers.items() if name.endswith(version))
    return 100 * found / max(1, sum(answers.values()))


# A canary between two services


def _canary_between_services(stage: Stage, chain: _Chain) -> Iterator[Claim]:
    stage.say(f"B's canary is set to {_SHARE}% of the calls that A makes on behalf of its own callers.")
    traffic = _asked(stage, chain.edge.url, _SHOP, times=400)
    got = _share(traffic.answers)
    yield Claim(
        f"of {traffic.sent} requests at the edge, B v2 answered {got:.1f}%; {sum(traffic.failures.values())} failed",
        abs(got - _SHARE) <= _TOLERANCE and not traffic.failures,
    )
    routers = requests.get(f"http://{HOST}:{chain.edge.api_port}/api/http/routers", timeout=5).json()
    known = sorted(router["name"] for router in routers if router["provider"] == "http")
    yield Claim(f"the edge only has this router: {', '.join(known)}", known == ["a@http"])


# Three Traefiks, one rollout


def _fleet(stage: Stage, chain: _Chain) -> Iterator[Claim]:
    stage.say("Three Traefiks carry one rollout. Its canary goes from 20 to 60% under traffic.")
    gateways = [chain.edge, *(stage.start_gateway(chain.provider, name=f"edge-{number}") for number in (2, 3))]
    names = [gateway.name for gateway in gateways]
    _put(chain, "fleet", {**_spec("edge", _FLEET, *chain.versions), "gateways": names})
    _shift(chain, "fleet", 20)
    with ExitStack() as running:
        flows = {
            gateway.name: running.enter_context(Traffic(gateway.url, host=_FLEET, threads=2, rate=150))
            for gateway in gateways
        }
        for when, weights in (("before", [20]), ("during", [30, 40, 50]), ("after", [60])):
            yield _claim_of_fleet(when, [_counted_at(stage, chain, flows, weight) for weight in weights])
    failed = sum(sum(flow.failures.values()) for flow in flows.values())
    yield Claim(f"of {sum(flow.sent for flow in flows.values())} requests to the fleet {failed} failed", not failed)


@dataclass(frozen=True)
class _Window:
    """What each gateway answered while a weight was asked for, from the call that asked for it."""

    weight: int
    answers: Mapping[str, Counter[str]]


def _counted_at(stage: Stage, chain: _Chain, flows: Mapping[str, Traffic], weight: int) -> _Window:
    before = {name: Counter(flow.answers) for name, flow in flows.items()}
    _shift(chain, "fleet", weight)

    def answers(name: str) -> Counter[str]:
        return Counter(flows[name].answers) - before[name]

    stage.wait_until(lambda: all(answers(name).total() >= _WINDOW for name in flows), what="answers of the fleet")
    return _Window(weight, {name: answers(name) for name in flows})


def _claim_of_fleet(when: str, windows: Sequence[_Window]) -> Claim:
    by_gateway = {name: sum((w.answers[name] for w in windows), Counter[str]()) for name in windows[0].answers}
    total = sum(by_gateway.values(), Counter[str]())
    asked = sum(w.weight * sum(w.answers.values(), Counter[str]()).total() for w in windows) / total.total()
    each = ", ".join(f"{name} {_share(answers):.1f}%" for name, answers in by_gateway.items())
    return Claim(
        f"{when} the shift: requested {asked:.1f}%, achieved {_share(total):.1f}% of {total.total()} ({each})",
        abs(_share(total) - asked) <= _TOLERANCE,
    )


# B fails


def _retries(stage: Stage, chain: _Chain) -> Iterator[Claim]:
    stage.say(
        f"Both versions of B fail {100 * _FAILING:.0f}% of their requests. Users see it until A's sidecar retries."
    )
    for url in chain.versions:
        _behave(url, error_rate=_FAILING)
    bare = _asked(stage, chain.edge.url, _SHOP, times=500)
    lost = 100 * sum(bare.failures.values()) / bare.sent
    yield Claim(f"without retries, {lost:.1f}% of {bare.sent} requests failed", abs(lost - 100 * _FAILING) <= 8)
    resilience = {"retry": _RETRY, "timeouts": {"connect": "1s", "responseHeader": "5s"}}
    _put(
        chain, "b-outbound", _spec(chain.a.name, _B, chain.b.inbound, entryPoints=["outbound"], resilience=resilience)
    )
    before = _counted(chain.a, "b-outbound_1")
    retried = _asked(stage, chain.edge.url, _SHOP, times=_TRIED)
    left = sum(retried.failures.values())
    yield Claim(
        f"with two retries, {left} of {retried.sent} requests failed, {100 * left / retried.sent:.2f}%",
        left <= _MOST_LEFT,
    )
    counted = _counted(chain.a, "b-outbound_1") - before
    hidden = 100 * counted["500"] / counted.total()
    yield Claim(
        f"the sidecar's service metrics still show {hidden:.1f}% errors of {counted.total()} responses",
        abs(hidden - 100 * _FAILING) <= 5 and counted.total() > retried.sent,
    )


def _breaker(stage: Stage, chain: _Chain) -> Iterator[Claim]:
    stage.say("B v2 always fails, and B's rollout has a circuit breaker, separate for each side.")
    for url, rate in zip(chain.versions, (0.0, 1.0), strict=True):
        _behave(url, error_rate=rate)
    _put(chain, "b", _spec(chain.b.name, _B, *chain.versions, resilience={"circuitBreaker": _BREAKER}))
    _shift(chain, "b", 50)
    before = _counted(chain.b, "b_2")
    traffic = _asked(stage, chain.b.inbound, _B, times=400)
    reached = (_counted(chain.b, "b_2") - before).total()
    share = 100 * traffic.answers.get("v1", 0) / traffic.sent
    yield Claim(
        f"of {traffic.sent} requests, v1 answered {share:.1f}% successfully, as requested; "
        f"v2's breaker let {reached} pass",
        abs(share - 50) <= _TOLERANCE and 0 < reached < traffic.sent * 0.4,
    )
    _shift(chain, "b", 40)
    _asked(stage, chain.b.inbound, _B, times=20)
    again = (_counted(chain.b, "b_2") - before).total() - reached
    yield Claim(f"a weight change resets the breaker: it lets {again} through before it opens again", again > 0)


def _behave(url: str, **behaviour: float) -> None:
    requests.put(f"{url}/behaviour", json=behaviour, timeout=5).raise_for_status()


def _counted(sidecar: Sidecar, service: str) -> Counter[str]:
    """Count what a service of a sidecar has answered, by status, as Traefik's metrics do."""
    page = requests.get(f"{sidecar.api}/metrics", timeout=5).text
    line = rf'traefik_service_requests_total{{code="(\d+)",.*service="{service}@http"}} (\S+)'
    return Counter({code: int(float(count)) for code, count in re.findall(line, page)})
