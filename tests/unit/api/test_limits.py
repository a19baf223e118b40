"""Limits as callers see them: a problem, and when to come back."""

from collections.abc import Iterator
from contextlib import ExitStack
from threading import Thread
from typing import Any

import pytest
from flask.testing import FlaskClient

from provider.domain.auth import Role
from provider.domain.fields.addresses import Networks
from provider.services import Operations
from provider.web.api import create_app
from provider.web.rate_limits import Held, Limits
from tests.unit.api.conftest import Client
from tests.world import ME, World, wait_until

WAIT = "/rollouts/shop/wait?for=degraded&timeout=30"


@pytest.fixture
def limits(world: World) -> Limits:
    limits = Limits(world.store, rate=1, clock=lambda: 0)
    limits.held = Held(most=3, most_of_one=2)
    return limits


@pytest.fixture
def flask_client(world: World, limits: Limits) -> FlaskClient:
    return create_app(world.operations, version="1.2.3", limits=limits).test_client()


def problem(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json["type"].rpartition(":")[2], answer.headers["Retry-After"]


def test_who_calls_too_often_is_told_when_to_come_back(as_role: dict[Role | None, Client]) -> None:
    statuses = {as_role[Role.VIEWER]("GET", "/rollouts").status_code for _ in range(10)}
    refused = as_role[Role.VIEWER]("GET", "/rollouts")

    assert {200} == statuses
    assert problem(refused) == (429, "rate-limit-exceeded", "1")
    assert refused.content_type == "application/problem+json"
    assert as_role[Role.OPERATOR]("GET", "/rollouts").status_code == 200


def test_addresses_outside_of_the_networks_are_refused_by_their_place(world: World) -> None:
    operations = Operations(world.store, world.feed, networks=Networks.parse("10.0.0.0/8"))
    secret = operations.tokens.create("ops", Role.ADMIN, ME)
    world.caught_up()
    client = Client(create_app(operations, version="1.2.3").test_client(), secret)
    away = {"servers": [{"url": "http://127.0.0.1:80"}]}
    near = {"rule": "Host(`a`)", "stable": {"servers": [{"url": "http://10.0.0.1"}]}}
    client("PUT", "/rollouts/shop", {"spec": near})
    refused = {
        "/spec/stable/servers/0/url": client("PUT", "/rollouts/shop", {"spec": {**near, "stable": away}}),
        "/spec/canary/servers/0/url": client("POST", "/rollouts", {"name": "b", "spec": {**near, "canary": away}}),
        "/servers/0/url": client("PUT", "/rollouts/shop/canary", away),
        "/spec/api": client("PUT", "/gateways/edge", {"spec": {"api": "http://127.0.0.1:8080"}}),
        "/spec/url": client("PUT", "/webhooks/chat", {"spec": {"url": "http://127.0.0.1/s3cret"}}),
    }

    assert {422} == {answer.status_code for answer in refused.values()}
    assert list(refused) == [answer.json["errors"][0]["pointer"] for answer in refused.values()]
    assert near["stable"] == client("GET", "/rollouts/shop").json["spec"]["stable"]


def test_what_machines_ask_is_not_limited(flask_client: FlaskClient) -> None:
    assert {200} == {flask_client.get("/livez").status_code for _ in range(100)}


@pytest.mark.usefixtures("admin")
def test_who_guesses_tokens_is_told_to_stop(flask_client: FlaskClient) -> None:
    headers = [{"Authorization": f"Bearer guess-{number}"} for number in range(31)]
    answers = [flask_client.get("/api/v1/rollouts", headers=guess) for guess in headers]

    assert {401} == {answer.status_code for answer in answers[:30]}
    assert problem(answers[30]) == (429, "authentication-throttled", "60")


@pytest.fixture
def two_waits(as_role: dict[Role | None, Client], limits: Limits, world: World, shop: str) -> Iterator[None]:
    """Have a viewer wait twice, until the test is over."""
    waits = [Thread(target=as_role[Role.VIEWER], args=("GET", WAIT)) for _ in range(2)]
    for wait in waits:
        wait.start()
    assert wait_until(lambda: limits.held._counts["viewer"] == 2)
    yield
    world.feed.close()
    for wait in waits:
        wait.join()
    assert not limits.held._counts


@pytest.mark.usefixtures("two_waits")
def test_one_caller_holds_so_many_calls_and_others_go_on(as_role: dict[Role | None, Client]) -> None:
    assert problem(as_role[Role.VIEWER]("GET", WAIT)) == (429, "too-many-open-requests", "5")
    assert as_role[Role.OPERATOR]("GET", WAIT.replace("30", "0")).status_code == 504
    assert as_role[Role.VIEWER]("GET", "/rollouts/shop").status_code == 200


def test_a_stream_takes_a_place_until_it_is_closed(flask_client: FlaskClient, world: World, limits: Limits) -> None:
    secrets = [world.operations.tokens.create(f"ci-{number}", Role.VIEWER, ME) for number in range(4)]
    world.caught_up()
    headers = [{"Authorization": f"Bearer {secret}"} for secret in secrets]
    with ExitStack() as streams:
        for own in headers[:3]:
            stream = streams.enter_context(flask_client.get("/api/v1/events", headers=own))
            assert b": connected" in next(stream.iter_encoded())
        full = flask_client.get("/api/v1/events", headers=headers[3])

    assert problem(full) == (503, "worker-overloaded", "5")
    assert not limits.held._counts


def test_a_large_body_counts_as_several_requests(as_role: dict[Role | None, Client], shop: str) -> None:
    body = {"weight": 5, "reason": " " * 8 * 16 * 1024}
    statuses = [as_role[Role.OPERATOR]("PUT", "/rollouts/shop/weight", body).status_code for _ in range(2)]

    assert statuses == [200, 429]


def test_a_sign_in_link_and_a_registration_have_a_small_body(as_role: dict[Role | None, Client]) -> None:
    large = {"reason": " " * 70_000}
    statuses = [
        as_role[Role.VIEWER]("POST", "/sign-in-links", large).status_code,
        as_role[Role.INSTANCE]("PUT", "/rollouts/shop/groups/v1/servers/one", large).status_code,
    ]

    assert statuses == [413, 413]


def test_a_plan_counts_as_several_requests(as_role: dict[Role | None, Client], shop: str) -> None:
    statuses = [as_role[Role.VIEWER]("GET", "/rollouts/shop/plan").status_code for _ in range(2)]

    assert statuses == [200, 429]
