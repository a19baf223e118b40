"""Instances that announce themselves over the API, and who answers for a side."""

from collections.abc import Mapping

import pytest

from provider.domain.auth import Role
from provider.domain.rollouts import Server
from tests.unit.api.conftest import Client
from tests.world import ME, World, spec

URL = "http://10.0.0.2:8080"


@pytest.fixture(autouse=True)
def crew(world: World) -> None:
    """Have a rollout whose canary registers."""
    world.operations.discovery.announce("shop", "v2", "one", Server(url="http://10.0.0.1:8080"), seconds=3_600)
    world.operations.rollouts.create("shop", spec(canary={"discover": {"registered": "v2"}}), ME)
    world.caught_up()


@pytest.fixture
def instance(as_role: Mapping[Role, Client]) -> Client:
    return as_role[Role.INSTANCE]


@pytest.mark.parametrize("path", ["/rollouts/shop/canary/servers/two", "/rollouts/shop/groups/v2/servers/two"])
def test_an_instance_registers_and_goes(instance: Client, admin: Client, world: World, path: str) -> None:
    answer = instance("PUT", path, {"url": URL, "weight": 2, "ttl": "30s"})

    assert answer.status_code == 200, answer.text
    assert answer.json == {
        "rollout": "shop",
        "group": "v2",
        "instance": "two",
        "url": URL,
        "weight": 2,
        "expiresAt": "2026-01-01T00:00:30.000Z",
    }
    world.caught_up()
    canary = admin("GET", "/rollouts/shop/servers").json["canary"]
    assert canary["servers"] == [{"url": "http://10.0.0.1:8080"}, {"url": URL, "weight": 2}]
    assert [one["instance"] for one in canary["instances"]] == ["one", "two"]

    assert instance("DELETE", path).status_code == 204
    assert instance("DELETE", path).status_code == 404


def test_who_answers_for_a_side_that_is_written_down_is_told_too(admin: Client) -> None:
    assert admin("GET", "/rollouts/shop/servers").json["stable"] == {"servers": [{"url": "http://127.0.0.1:9001"}]}


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({}, "/url", "is required"),
        ({"url": "10.0.0.2"}, "/url", "must be a server URL"),
        ({"url": "http://169.254.169.254"}, "/url", "must not be link-local"),
        ({"url": URL, "ttl": "500ms"}, "/ttl", "must be from 1s to 1h, not 500ms"),
        ({"url": URL, "ttl": "2h"}, "/ttl", "must be from 1s to 1h, not 2h"),
        ({"url": URL, "weight": 0}, "/weight", "must be greater than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nobody_is_noted(
    instance: Client, world: World, body: dict[str, object], pointer: str, words: str
) -> None:
    answer = instance("PUT", "/rollouts/shop/canary/servers/two", body)
    (error,) = answer.json["errors"]

    assert (422, pointer) == (answer.status_code, error["pointer"])
    assert words in error["detail"]
    assert [one.name for one in world.store.instances("shop")] == ["v2/one"]


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/rollouts/shop/stable/servers/two", 409, "registration-not-enabled"),
        ("/rollouts/cart/canary/servers/two", 404, "not-found"),
        ("/rollouts/shop/groups/V2/servers/two", 400, "bad-request"),
        ("/rollouts/shop/groups/v2/servers/a.b", 400, "bad-request"),
    ],
)
def test_a_place_where_nobody_registers_says_so(instance: Client, path: str, status: int, kind: str) -> None:
    answer = instance("PUT", path, {"url": URL})

    assert (status, f"urn:traefik-canary:{kind}") == (answer.status_code, answer.json["type"])
