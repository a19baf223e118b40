"""Sources over real HTTP: who is asked what, how often, and what becomes of their answers."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qs

import pytest

from provider.domain.analysis import CheckResult, Measurement, Outcome, Series
from provider.domain.fields import read
from provider.domain.gateways import GatewaySpec
from provider.domain.rollouts import Rollout
from provider.workers.sampling import Looking
from tests.unit.sources.sources import Server, Told, running_server
from tests.world import Clock, spec, wait_until

SERIES = Series("200", "GET", "http")
STEPS = [{"setWeight": 5}, {"analysis": {"until": "known"}}]
NOT_KNOWN = "no gateway of the rollout has metrics configured: traefik-canary gateway set NAME --metrics URL"


@pytest.fixture
def looking() -> Iterator[Looking]:
    looking = Looking(patience_seconds=20)
    yield looking
    looking.close()


@pytest.fixture
def servers() -> Iterator[Sequence[Server]]:
    """Give two servers of metrics and one of checks."""
    with ExitStack() as stack:
        yield [stack.enter_context(running_server()) for _ in range(3)]


def rollout(name: str = "shop", **changes: Any) -> Rollout:
    return Rollout.create(name, spec(**{"steps": STEPS, **changes}), now=Clock().time)


def page(**requests: int) -> Told:
    """Write a Traefik's metrics: the requests by service, `shop_2` for shop_2@http."""
    lines = [
        f'traefik_service_requests_total{{code="200",method="GET",protocol="http",service="{service}@http"}} {count}'
        for service, count in requests.items()
    ]
    return Told(
        "\n".join(
            ["process_start_time_seconds 7", "# TYPE traefik_config_reloads_total counter", *lines, ""]
        ).encode()
    )


def gateways(**servers: Server | None) -> dict[str, GatewaySpec]:
    """Make gateways whose metrics are at servers; None for one of which nothing is known."""
    return {
        name: read(GatewaySpec, {"metrics": f"{server.url}/metrics"} if server else {})
        for name, server in servers.items()
    }


def seen(measurement: Measurement) -> dict[str, dict[str, float]]:
    """Give the requests by gateway and service."""
    assert measurement.error == ""
    return {
        gateway: {service: series[SERIES] for service, series in snapshot.services.items()}
        for gateway, snapshot in measurement.snapshots.items()
    }


# Gateways


def test_every_gateway_that_carries_it_is_counted(looking: Looking, servers: Sequence[Server]) -> None:
    edge, core, _ = servers
    edge.answers["/metrics"], core.answers["/metrics"] = page(shop_1=9, shop_2=1), page(shop_1=5)
    found = looking.measure([rollout()], gateways(edge=edge, core=core))

    assert seen(found["shop"]) == {"edge": {"shop_1@http": 9, "shop_2@http": 1}, "core": {"shop_1@http": 5}}


def test_a_gateway_that_does_not_carry_it_is_not_asked(looking: Looking, servers: Sequence[Server]) -> None:
    edge, core, _ = servers
    edge.answers["/metrics"] = page(shop_1=9)
    found = looking.measure([rollout(gateways=["edge"])], gateways(edge=edge, core=core))

    assert seen(found["shop"]) == {"edge": {"shop_1@http": 9}}
    assert core.questions == []


def test_metrics_are_beside_the_api_unless_something_else_is_said(
    looking: Looking, servers: Sequence[Server]
) -> None:
    edge = servers[0]
    edge.answers["/metrics"] = page(shop_1=9)
    found = looking.measure([rollout()], {"edge": read(GatewaySpec, {"api": edge.url})})

    assert seen(found["shop"]) == {"edge": {"shop_1@http": 9}}


def test_an_unreachable_gateway_is_missing_only_for_the_rollouts_that_it_carries(
    looking: Looking, servers: Sequence[Server]
) -> None:
    edge, core, _ = servers
    edge.answers["/metrics"], core.answers["/metrics"] = page(blog_1=9), Told(status=500)
    found = looking.measure(
        [rollout(), rollout("blog", gateways=["edge"]), rollout("wiki", gateways=["core"])],
        gateways(edge=edge, core=core),
    )

    assert seen(found["blog"]) == {"edge": {"blog_1@http": 9}}
    failure = f"gateway core: {core.url}/metrics answers 500"
    assert failure == found["wiki"].error
    assert (failure,) == found["shop"].missing
    assert seen(found["shop"]) == {"edge": {}}


def test_rollouts_that_are_gone_are_forgotten(looking: Looking, servers: Sequence[Server]) -> None:
    edge, core, _ = servers
    edge.answers["/metrics"], core.answers["/metrics"] = page(), Told(status=500)
    looking.measure([rollout(), rollout("blog")], gateways(edge=edge, core=core))

    looking.keep_only({"blog"})

    assert looking._lacking == {"blog"}


def test_without_a_gateway_that_is_known_it_says_what_to_do(looking: Looking, servers: Sequence[Server]) -> None:
    found = looking.measure([rollout(), rollout("blog", gateways=["core"])], gateways(edge=None, other=servers[0]))

    assert found["blog"].error == NOT_KNOWN
    assert looking.measure([rollout()], {})["shop"].error == NOT_KNOWN


def test_a_source_is_asked_once_for_all(looking: Looking, servers: Sequence[Server]) -> None:
    edge = servers[0]
    edge.answers["/metrics"] = page(shop_1=9, shop_2=1, blog_1=5, other_1=3)
    found = looking.measure([rollout(), rollout("blog")], gateways(edge=edge))

    assert len(edge.questions) == 1
    assert seen(found["shop"]) == {"edge": {"shop_1@http": 9, "shop_2@http": 1}}
    assert seen(found["blog"]) == {"edge": {"blog_1@http": 5}}


def test_nothing_to_look_at_asks_nobody(looking: Looking, servers: Sequence[Server]) -> None:
    assert looking.measure([], gateways(edge=servers[0])) == {}
    assert servers[0].questions == []


# Prometheus


def vector(*points: tuple[str, str, int]) -> Told:
    """Write a Prometheus' answer: (instance, service, requests)."""
    result = [
        {
            "metric": {
                "__name__": "traefik_service_requests_total",
                "job": "traefik",
                "instance": instance,
                "service": f"{service}@http",
                "code": "200",
                "method": "GET",
                "protocol": "http",
            },
            "value": [1, str(requests)],
        }
        for instance, service, requests in points
    ]
    return Told(json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode())


def by_prometheus(server: Server, name: str = "shop", **changes: Any) -> Rollout:
    return rollout(name, analysis={"source": {"prometheus": {"url": server.url}}}, **changes)


def test_a_prometheus_is_asked_instead_of_the_gateways_and_once_for_all(
    looking: Looking, servers: Sequence[Server]
) -> None:
    edge, prometheus, _ = servers
    prometheus.answers["/api/v1/query"] = vector(("a", "shop_1", 9), ("b", "shop_2", 1), ("b", "blog_1", 5))
    found = looking.measure(
        [by_prometheus(prometheus), by_prometheus(prometheus, "blog", gateways=["edge"])], gateways(edge=edge)
    )

    assert seen(found["shop"]) == {"traefik/a": {"shop_1@http": 9}, "traefik/b": {"shop_2@http": 1}}
    assert seen(found["blog"])["traefik/b"] == {"blog_1@http": 5}
    assert edge.questions == []
    assert len(prometheus.questions) == 1


def test_several_prometheuses_are_several_sources(looking: Looking, servers: Sequence[Server]) -> None:
    one, other, _ = servers
    one.answers["/api/v1/query"] = vector(("a", "shop_1", 9))
    found = looking.measure([by_prometheus(one), by_prometheus(other, "blog")], {})

    assert seen(found["shop"]) == {"traefik/a": {"shop_1@http": 9}}
    assert f"Prometheus {other.url} answers 404" == found["blog"].error


# Checks


def checked(*checks: dict[str, Any]) -> Rollout:
    return rollout(analysis={"checks": list(checks)})


def hook(server: Server, name: str, verdict: str, status: int = 200) -> dict[str, Any]:
    server.answers[f"/{name}"] = Told(json.dumps({"verdict": verdict, "reason": "so it is"}).encode(), status)
    return {"name": name, "webhook": {"url": f"{server.url}/{name}"}}


def test_checks_answer_by_their_names(looking: Looking, servers: Sequence[Server]) -> None:
    edge, _, hooks = servers
    edge.answers["/metrics"] = page(shop_1=9)
    found = looking.measure(
        [checked(hook(hooks, "smoke", "yes"), hook(hooks, "load", "no"), hook(hooks, "cost", "wait"))],
        gateways(edge=edge),
    )

    outcomes = {"smoke": Outcome.SUCCESSFUL, "load": Outcome.FAILED, "cost": Outcome.INCONCLUSIVE}
    assert outcomes == {check.name: check.outcome for check in found["shop"].checks}
    assert isinstance(found["shop"].checks[0], CheckResult)
    assert "says yes: so it is" in found["shop"].checks[0].reason


def test_a_webhook_is_told_where_the_rollout_stands(looking: Looking, servers: Sequence[Server]) -> None:
    hooks = servers[2]
    looking.measure([checked(hook(hooks, "smoke", "yes"))], {})

    told = {
        "rollout": "shop",
        "stable": "shop_1@http",
        "canary": "shop_2@http",
        "weight": 5,
        "phase": "Progressing",
        "stepIndex": 1,
    }
    assert json.loads(hooks.questions[0].body) == told


def test_a_query_has_the_names_in_its_placeholders(looking: Looking, servers: Sequence[Server]) -> None:
    prometheus = servers[1]
    prometheus.answers["/api/v1/query"] = vector(("a", "shop_1", 9))
    query = 'x{r="{{rollout}}",s="{{stable}}",c="{{canary}}"}'
    looking.measure([checked({"name": "a", "prometheus": {"url": prometheus.url, "query": query, "atMost": 1}})], {})

    (question,) = prometheus.questions
    assert parse_qs(question.body.decode())["query"] == ['x{r="shop",s="shop_1@http",c="shop_2@http"}']


def test_a_check_that_fails_to_respond_does_not_hide_what_the_gateways_counted(
    looking: Looking, servers: Sequence[Server]
) -> None:
    edge, _, hooks = servers
    edge.answers["/metrics"] = page(shop_1=9)
    found = looking.measure(
        [checked(hook(hooks, "smoke", "yes"), hook(hooks, "load", "no", status=503)), rollout("blog")],
        gateways(edge=edge),
    )

    load = found["shop"].checks[1]
    assert ("load", Outcome.ERROR, f"webhook {hooks.url} answers 503") == (load.name, load.outcome, load.reason)
    assert seen(found["shop"]) == {"edge": {"shop_1@http": 9}}
    assert found["blog"].error == ""


# Sources that are slow


@pytest.fixture
def impatient() -> Iterator[Looking]:
    looking = Looking(patience_seconds=0.05)
    yield looking
    looking.close()


def hung(server: Server, name: str) -> dict[str, Any]:
    check = hook(server, name, "yes")
    server.is_answering.clear()
    return check


def measured(
    looking: Looking, rollouts: Sequence[Rollout], *wanted: str, **servers: Server
) -> dict[str, Measurement]:
    """Call until these rollouts are measured, and return everything that was by then."""
    found: dict[str, Measurement] = {}

    def are_there() -> bool:
        left = [rollout for rollout in rollouts if rollout.name not in found]
        found.update(looking.measure(left, gateways(**servers)))
        return set(wanted) <= found.keys()

    assert wait_until(are_there, seconds=20)
    return found


def test_a_check_that_hangs_delays_no_other_rollout_and_is_measured_later(
    impatient: Looking, servers: Sequence[Server]
) -> None:
    edge, _, hooks = servers
    edge.answers["/metrics"] = page(shop_1=9, blog_1=5)
    both = [checked(hung(hooks, "smoke")), rollout("blog")]
    first = measured(impatient, both, "blog", edge=edge)
    hooks.is_answering.set()
    then = measured(impatient, both[:1], "shop", edge=edge)

    assert list(first) == ["blog"]
    assert Outcome.SUCCESSFUL is then["shop"].checks[0].outcome
    assert len(hooks.questions) == 1


def test_a_gateway_that_hangs_delays_only_the_rollouts_that_it_carries(
    impatient: Looking, servers: Sequence[Server]
) -> None:
    edge, core, _ = servers
    edge.answers["/metrics"] = page(blog_1=5)
    core.is_answering.clear()
    both = [rollout(), rollout("blog", gateways=["edge"])]
    found = measured(impatient, both, "blog", edge=edge, core=core)
    core.is_answering.set()

    assert list(found) == ["blog"]


def test_a_rollout_is_measured_without_what_hangs_first_and_as_a_whole_when_it_has_answered(
    impatient: Looking, servers: Sequence[Server]
) -> None:
    edge, core, hooks = servers
    edge.answers["/metrics"] = page(shop_1=9)
    core.answers["/metrics"] = page(shop_1=4)
    core.is_answering.clear()
    shop = checked(hung(hooks, "smoke"))
    first = measured(impatient, [shop], "shop", edge=edge, core=core)["shop"]
    again = impatient.measure([shop], gateways(edge=edge, core=core))
    core.is_answering.set()
    hooks.is_answering.set()
    whole = measured(impatient, [shop], "shop", edge=edge, core=core)["shop"]
    while whole.is_partial:
        whole = measured(impatient, [shop], "shop", edge=edge, core=core)["shop"]

    assert (first.is_partial, seen(first), len(first.missing)) == (True, {"edge": {"shop_1@http": 9}}, 2)
    assert again == {}
    assert seen(whole) == {"edge": {"shop_1@http": 9}, "core": {"shop_1@http": 4}}
    assert [check.outcome for check in whole.checks] == [Outcome.SUCCESSFUL]
    assert len(hooks.questions) == 1


def test_what_hangs_is_asked_once_while_the_others_are_measured_again(
    impatient: Looking, servers: Sequence[Server]
) -> None:
    edge, _, hooks = servers
    edge.answers["/metrics"] = page(shop_1=9)
    check = hung(hooks, "smoke")
    patient = {**check, "webhook": {**check["webhook"], "timeout": "30s"}}
    shop = rollout(analysis={"interval": "1s", "checks": [patient]})
    measured(impatient, [shop], "shop", edge=edge)
    edge.answers["/metrics"] = page(shop_1=11)
    later = measured(impatient, [shop], "shop", edge=edge)["shop"]
    hooks.is_answering.set()

    assert seen(later) == {"edge": {"shop_1@http": 11}}
    assert len(hooks.questions) == 1


def test_what_was_asked_of_an_earlier_version_is_not_its_measurement(
    impatient: Looking, servers: Sequence[Server]
) -> None:
    edge, _, hooks = servers
    edge.answers["/metrics"] = page(shop_1=9)
    before = checked(hung(hooks, "smoke"))
    assert impatient.measure([before], gateways(edge=edge)) == {}
    hooks.is_answering.set()
    measured(impatient, [before.model_copy(update={"version": before.version + 1})], "shop", edge=edge)

    assert len(hooks.questions) == 2


def test_a_source_that_is_late_is_logged_once(
    impatient: Looking, servers: Sequence[Server], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provider.workers.sampling._LATE_SECONDS", 0)
    edge, _, hooks = servers
    edge.answers["/metrics"] = page(shop_1=9)
    shop = checked(hung(hooks, "smoke"))
    for _ in range(5):
        impatient.measure([shop], gateways(edge=edge))
    hooks.is_answering.set()

    late = [vars(record)["source"] for record in caplog.records if record.message == "source.timed_out"]
    assert late.count("check smoke") == 1


def test_a_source_that_fails_unexpectedly_costs_no_other_rollout_its_measurement(
    looking: Looking, servers: Sequence[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    edge, _, hooks = servers
    edge.answers["/metrics"] = page(blog_1=5)
    monkeypatch.setattr(looking._gates, "ask", lambda *_, **__: 1 / 0)
    found = looking.measure([checked(hook(hooks, "smoke", "yes")), rollout("blog")], gateways(edge=edge))

    assert Outcome.ERROR is found["shop"].checks[0].outcome
    assert seen(found["blog"]) == {"edge": {"blog_1@http": 5}}
