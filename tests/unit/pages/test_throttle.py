"""Callers without a valid token share the rate of their address, whatever they ask for."""

import pytest
from werkzeug.test import Client

from provider.domain.auth import Role
from provider.web.api import create_app
from provider.web.pages import create_pages, with_pages
from provider.web.pages.page import COOKIE, csrf_token
from provider.web.rate_limits import Limits
from provider.web.throttle import throttled
from tests.world import ME, World


@pytest.fixture
def client(world: World) -> Client:
    limits = Limits(world.store, rate=1, clock=lambda: 0)
    api = create_app(world.operations, version="1.2.3", limits=limits)
    pages = create_pages(world.operations, version="1.2.3", held=limits.held)
    return Client(throttled(with_pages(api, pages), limits.rate, world.operations))


def exhaust(client: Client) -> None:
    assert {200} == {client.get("/openapi.json").status_code for _ in range(10)}


@pytest.mark.parametrize("path", ["/docs", "/metrics", "/openapi.json", "/sign-in", "/nope", "/api/v1/rollouts"])
def test_an_address_without_a_token_is_limited(client: Client, path: str) -> None:
    exhaust(client)
    answer = client.get(path)

    assert (
        answer.status_code,
        answer.headers["Retry-After"],
        answer.content_type,
    ) == (429, "1", "application/problem+json")
    assert "urn:traefik-canary:rate-limit-exceeded" in answer.text


def test_a_wrong_token_or_session_is_none(client: Client) -> None:
    exhaust(client)

    assert client.get("/api/v1/rollouts", headers={"Authorization": "Bearer wrong"}).status_code == 429
    client.set_cookie(COOKIE, "wrong")
    assert client.get("/").status_code == 429


def test_another_address_is_not_limited(client: Client) -> None:
    exhaust(client)

    assert client.get("/openapi.json", environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 200


def test_who_watches_the_provider_is_not_limited(client: Client) -> None:
    exhaust(client)

    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 503


def test_a_known_token_has_a_rate_of_its_own(client: Client, world: World) -> None:
    secret = world.operations.tokens.create("ci", Role.VIEWER, ME)
    world.caught_up()
    exhaust(client)
    headers = {"Authorization": f"bearer {secret}"}
    statuses = [client.get("/api/v1/rollouts", headers=headers).status_code for _ in range(11)]

    assert statuses == [200] * 10 + [429]


def test_a_session_has_the_rate_of_its_token_once_its_address_makes_too_many(client: Client, world: World) -> None:
    secret = world.operations.tokens.create("ann", Role.VIEWER, ME)
    world.caught_up()
    client.set_cookie(COOKIE, world.operations.sessions.sign_in(secret, address="").session)
    exhaust(client)
    statuses = [client.get("/").status_code for _ in range(11)]

    assert statuses == [200] * 10 + [429]


def test_a_large_form_of_somebody_who_is_nobody_is_refused(world: World) -> None:
    pages = create_pages(world.operations, version="1.2.3").test_client()
    large = {"csrf": "x", "token": "x" * 20_000}

    assert pages.post("/sign-in", data=large).status_code == 400
    pages.set_cookie(COOKIE, "any")
    assert [pages.post(path, data=large).status_code for path in ("/sign-in", "/sign-out")] == [413, 413]


def test_a_form_of_many_fields_is_refused(world: World) -> None:
    pages = create_pages(world.operations, version="1.2.3").test_client()
    pages.set_cookie(COOKIE, "any")

    assert pages.post("/sign-in", data={f"field{number}": "x" for number in range(101)}).status_code == 413


def test_only_an_admins_form_may_be_large(world: World) -> None:
    statuses = {}
    for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN):
        secret = world.operations.tokens.create(role.value, role, ME)
        world.caught_up()
        pages = create_pages(world.operations, version="1.2.3").test_client()
        session = world.operations.sessions.sign_in(secret, address="").session
        pages.set_cookie(COOKIE, session)
        form = {"csrf": csrf_token(session), "reason": "x" * 20_000}
        statuses[role] = [pages.post(path, data=form).status_code for path in ("/rollouts/shop/weight", "/new")]

    assert statuses[Role.VIEWER] == [403, 403]
    assert statuses[Role.OPERATOR] == [413, 403]
    assert statuses[Role.ADMIN] == [413, 422]
