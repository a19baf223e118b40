"""Streams of open pages are held calls: so many of a visitor, and their places come back when they end."""

import pytest
from flask.testing import FlaskClient

from provider.domain.auth import Role
from provider.domain.notifications import WebhookSpec
from provider.web.pages import create_pages
from provider.web.rate_limits import Held
from tests.unit.pages.conftest import Browser
from tests.world import ME, World, spec


def test_a_visitor_has_so_many_streams_and_gets_a_place_back(world: World, secrets: dict[Role, str]) -> None:
    client = create_pages(world.operations, version="1.2.3", held=Held(most_of_one=2)).test_client()
    Browser(client).sign_in(secrets[Role.VIEWER])
    streams = [client.get("/live", buffered=False) for _ in range(2)]
    refused = client.get("/live")
    for stream in streams:
        stream.close()
    again = client.get("/live", buffered=False)
    again.close()

    assert [stream.status_code for stream in streams] == [200, 200]
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    assert "open waits and streams" in refused.text
    assert again.status_code == 200


def told(client: FlaskClient, world: World) -> str:
    stream = client.get("/live", buffered=False)
    parts = stream.iter_encoded()
    next(parts)
    world.operations.tokens.create("secret-name", Role.VIEWER, ME)
    world.operations.webhooks.put("chat", WebhookSpec(url="http://127.0.0.1:1/hook"), ME)
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    said = ""
    while "shop" not in said:
        said += next(parts).decode()
    stream.close()
    return said


@pytest.mark.parametrize(("role", "is_told"), [(Role.VIEWER, False), (Role.ADMIN, True)])
def test_only_who_administers_is_told_the_names_of_tokens_and_webhooks(
    world: World, secrets: dict[Role, str], role: Role, is_told: bool
) -> None:
    client = create_pages(world.operations, version="1.2.3").test_client()
    Browser(client).sign_in(secrets[role])
    said = told(client, world)

    assert [is_told, is_told] == ["secret-name" in said, "chat" in said]


def test_two_slashes_lead_nowhere_else(world: World) -> None:
    client = create_pages(world.operations, version="1.2.3").test_client()
    answer = client.get("/rollouts//shop", headers={"Host": "evil.example"})

    assert answer.status_code == 404
