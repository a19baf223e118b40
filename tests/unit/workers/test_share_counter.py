"""Counters over real HTTP: what is counted when, and what a share is made of."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from provider.domain.analysis import Share, ShareState
from provider.domain.fields import read
from provider.domain.gateways import GatewaySpec
from provider.domain.rollouts import Rollout
from provider.services import NOT_MEASURED_YET
from provider.workers.share_counter import Counting
from tests.unit.sources.sources import Server, Told, running_server
from tests.world import Clock, spec

START = Clock().time
TO_CANARY = {"header": {"name": "X", "value": "y"}, "to": "canary"}


@pytest.fixture
def edge() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture
def core() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture
def counting() -> Iterator[Counting]:
    counting = Counting()
    yield counting
    counting.close()


def rollout(weight: int = 5, *, name: str = "shop", version: int = 3, **changes: Any) -> Rollout:
    made = Rollout.create(name, spec(steps=[{"setWeight": weight}, {"pause": {}}], **changes), now=START)
    return made.model_copy(update={"version": version})


def counts(server: Server, *, started: float = 7, reloads: float | None = 1, **requests: int) -> None:
    lines = [
        f'traefik_service_requests_total{{code="200",method="GET",protocol="http",service="{service}@http"}} {count}'
        for service, count in requests.items()
    ]
    told = [f"traefik_config_reloads_total {reloads}"] if reloads is not None else []
    page = [f"process_start_time_seconds {started}", "# TYPE traefik_config_reloads_total counter", *told, *lines, ""]
    server.answers["/metrics"] = Told("\n".join(page).encode())


def shares(
    counting: Counting, *rollouts: Rollout, after: float, served: Mapping[str, int] | None = None, **servers: Server
) -> Mapping[str, Share]:
    """Look so many seconds after the rollouts were made; every gateway has been served everything if not said."""
    return counting.shares(
        rollouts,
        {name: read(GatewaySpec, {"metrics": f"{server.url}/metrics"}) for name, server in servers.items()},
        served=dict.fromkeys(servers, 99) if served is None else served,
        now=START + timedelta(seconds=after),
    )


def share(counting: Counting, one: Rollout, *, after: float, **rest: Any) -> Share:
    return shares(counting, one, after=after, **rest)[one.name]


def test_what_is_counted_between_looks_is_the_share(counting: Counting, edge: Server) -> None:
    counts(edge, shop_1=1_000, shop_2=900)
    first = share(counting, rollout(), after=10, edge=edge)
    counts(edge, shop_1=1_950, shop_2=950, reloads=4)
    second = share(counting, rollout(), after=20, edge=edge)
    counts(edge, shop_1=2_000, shop_2=950, reloads=4)
    third = share(counting, rollout(), after=30, edge=edge)

    assert (first.state, first.achieved) == (ShareState.UNKNOWN, None)
    assert (
        second.state,
        second.achieved,
        second.canary_requests,
        second.stable_requests,
        second.reloads,
    ) == (ShareState.OK, 5, 50, 950, 3)
    assert (4.76, 1_000, START + timedelta(seconds=10)) == (third.achieved, third.stable_requests, third.since)


def test_every_gateway_is_asked_once_for_all_and_added_up(counting: Counting, edge: Server, core: Server) -> None:
    both = [rollout(), rollout(50, name="blog", gateways=["core"])]
    for shop, blog in ((0, 0), (100, 40)):
        counts(edge, shop_1=shop, shop_2=0)
        counts(core, shop_1=0, shop_2=shop, blog_1=blog, blog_2=blog)
        found = shares(counting, *both, after=10 + shop, edge=edge, core=core)

    assert (found["shop"].achieved, found["blog"].achieved) == (50, 50)
    assert [len(edge.questions), len(core.questions)] == [2, 2]


def test_each_instance_of_a_gateway_is_counted(counting: Counting, edge: Server, core: Server) -> None:
    spec = read(GatewaySpec, {"metrics": [f"{server.url}/metrics" for server in (edge, core)]})
    for number in (0, 100):
        counts(edge, shop_1=number, shop_2=0)
        counts(core, shop_1=0, shop_2=number)
        found = counting.shares(
            [rollout()], {"edge": spec}, served={"edge": 99}, now=START + timedelta(seconds=10 + number)
        )

    assert (found["shop"].achieved, found["shop"].canary_requests) == (50, 100)


def test_a_weight_counts_from_when_it_was_served_and_has_settled(counting: Counting, edge: Server) -> None:
    looks = [(1, 99), (3, 2), (5, 3), (7, 3)]
    found = []
    for number, (after, revision) in enumerate(looks):
        counts(edge, shop_1=100 * number, shop_2=0)
        found.append(share(counting, rollout(50), after=after, served={"edge": revision}, edge=edge))

    assert [one.stable_requests for one in found] == [0, 0, 0, 100]
    assert START + timedelta(seconds=5) == found[-1].since


def test_a_second_traefik_behind_one_address_is_reported_and_not_counted(counting: Counting, edge: Server) -> None:
    begun = START.timestamp() - 86_400
    found = []
    for number in range(6):
        is_second = number % 2
        counts(edge, started=begun + 60 * is_second, shop_1=10_000 * is_second + 100 * number, shop_2=10 * number)
        found.append(share(counting, rollout(), after=10 + 10 * number, edge=edge))

    assert [one.stable_requests for one in found] == [0, 0, 200, 200, 400, 400]
    assert "several Traefik instances respond for gateway edge" in found[1].summary
    assert "several Traefik instances respond for gateway edge" in found[3].summary
    assert "several Traefiks" not in found[4].summary


def test_the_other_traefik_is_counted_once_the_first_is_gone(counting: Counting, edge: Server) -> None:
    begun = START.timestamp() - 86_400
    found = []
    for after, started, stable in (
        (10, begun, 500),
        (20, begun + 60, 9_000),
        (400, begun + 60, 9_100),
        (410, begun + 60, 9_150),
    ):
        counts(edge, started=started, shop_1=stable, shop_2=0)
        found.append(share(counting, rollout(), after=after, edge=edge))

    assert [one.stable_requests for one in found] == [0, 0, 0, 50]


@pytest.mark.parametrize(
    "other",
    [
        rollout(6),
        rollout(strategy="hrw"),
        rollout(overrides=[TO_CANARY]),
        rollout(analysis={"ignore": ["Path(`/health`)"]}),
    ],
)
def test_what_is_asked_anew_is_counted_anew(counting: Counting, edge: Server, other: Rollout) -> None:
    for requests in (0, 100):
        counts(edge, shop_1=requests, shop_2=requests)
        share(counting, rollout(), after=10 + requests, edge=edge)

    assert share(counting, other, after=120, edge=edge).summary == NOT_MEASURED_YET


def test_a_rollout_that_was_merely_paused_goes_on_being_counted(counting: Counting, edge: Server) -> None:
    for version in (3, 4):
        counts(edge, shop_1=version, shop_2=version)
        found = share(counting, rollout(version=version), after=10 * version, edge=edge)

    assert found.canary_requests == 1


def test_a_traefik_that_began_anew_has_counted_from_then(counting: Counting, edge: Server) -> None:
    counts(edge, shop_1=1_000, shop_2=1_000, reloads=50)
    share(counting, rollout(50), after=10, edge=edge)
    counts(edge, shop_1=30, shop_2=20, started=START.timestamp() + 15, reloads=2)
    found = share(counting, rollout(50), after=20, edge=edge)

    assert (found.canary_requests, found.stable_requests, found.reloads) == (20, 30, 2)


def test_where_rebuilds_are_not_told_they_are_not_known(counting: Counting, edge: Server) -> None:
    for requests in (0, 100):
        counts(edge, shop_1=requests, shop_2=requests, reloads=None)
        found = share(counting, rollout(50), after=10 + requests, edge=edge)

    assert found.reloads is None


def test_a_canary_that_gets_nothing_is_starved(counting: Counting, edge: Server) -> None:
    for requests in (0, 1_000):
        counts(edge, shop_1=requests, reloads=1 + requests // 10)
        found = share(counting, rollout(), after=10 + requests, edge=edge)

    assert ShareState.STARVED is found.state
    assert "rebuilt 100 times" in found.summary


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sticky": {"cookie": {"name": "shop"}}}, "clients with a sticky cookie stay where they are"),
        (
            {"resilience": {"circuitBreaker": {"expression": "NetworkErrorRatio() > 0.5"}}},
            "what an open circuit breaker answers is not counted",
        ),
        (
            {"overrides": [TO_CANARY], "analysis": {"countOverrides": True}},
            "requests that an override sends",
        ),
        ({"strategy": "hrw"}, "hrw goes by the clients' addresses"),
    ],
)
def test_where_more_than_the_weight_decides_it_is_said_and_nobody_is_starved(
    counting: Counting, edge: Server, changes: dict[str, Any], words: str
) -> None:
    for requests in (0, 10_000):
        counts(edge, shop_1=requests, shop_2=0)
        found = share(counting, rollout(**changes), after=10 + requests, edge=edge)

    assert ShareState.UNKNOWN is found.state
    assert f"less than half of the requested weight; {words}" in found.summary


def test_overrides_that_are_not_counted_do_not_hide_a_canary_that_starves(counting: Counting, edge: Server) -> None:
    for requests in (0, 10_000):
        counts(edge, shop_1=requests, shop_2=0)
        found = share(counting, rollout(overrides=[TO_CANARY]), after=10 + requests, edge=edge)

    assert ShareState.STARVED is found.state


def test_requests_of_others_to_a_foreign_service_count_and_that_is_said(counting: Counting, edge: Server) -> None:
    found = share(counting, rollout(stable={"service": "shop@docker"}), after=10, edge=edge)
    counts(edge, shop_2=0)
    for after in (20, 30):
        found = share(counting, rollout(stable={"service": "shop@docker"}), after=after, edge=edge)

    assert "what else reaches shop@docker counts too" in found.summary


def test_copies_are_not_the_canarys_requests(counting: Counting, edge: Server) -> None:
    for requests in (0, 1_000):
        counts(edge, shop_1_servers=requests, shop_2=requests // 20, shop_2_mirror=requests)
        found = share(counting, rollout(mirror={"percent": 100}), after=10 + requests, edge=edge)

    assert (found.canary_requests, found.stable_requests) == (50, 1_000)


def test_a_gateway_that_does_not_answer_is_named_and_the_others_count(
    counting: Counting, edge: Server, core: Server
) -> None:
    for requests in (0, 100):
        counts(edge, shop_1=requests, shop_2=requests)
        found = share(counting, rollout(50), after=10 + requests, edge=edge, core=core)

    assert (found.state, found.canary_requests) == (ShareState.OK, 100)
    assert f"without gateway core: {core.url}/metrics answers 404" in found.summary


def test_where_nothing_can_be_counted_it_is_said_why(counting: Counting, edge: Server) -> None:
    unknown = share(counting, rollout(), after=10).summary
    silent = share(counting, rollout(), after=10, edge=edge).summary
    counts(edge, shop_1=1)
    gone = share(counting, rollout(), after=10, served={}, edge=edge).summary

    assert unknown.startswith("no gateway that carries it has its metrics known")
    assert "/metrics answers 404" in silent
    assert gone == "edge does not poll"


def test_requests_to_the_baseline_belong_to_all(counting: Counting, edge: Server) -> None:
    one = rollout(25, baseline={"servers": [{"url": "http://127.0.0.1:9003"}]})
    counts(edge, shop_1=0, shop_2=0, shop_2_baseline=0)
    share(counting, one, after=10, edge=edge)
    counts(edge, shop_1=50, shop_2=25, shop_2_baseline=25)
    found = share(counting, one, after=20, edge=edge)

    assert (found.achieved, found.baseline_requests, found.requests) == (25, 25, 100)
