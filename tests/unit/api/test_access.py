"""Tokens as callers send them; every endpoint with every role is walked in tests/api."""

import pytest
from flask.testing import FlaskClient

from provider.domain.auth import Role
from provider.store import StoreUnavailableError
from tests.unit.api.conftest import Client
from tests.world import World


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer nope", "Bearer \u00e4"])
def test_without_a_known_token_nothing_is_said(as_role: dict[Role | None, Client], header: str) -> None:
    answer = as_role[None]("GET", "/rollouts", Authorization=header)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_revoked_token_is_worthless(admin: Client, as_role: dict[Role | None, Client]) -> None:
    assert as_role[Role.VIEWER]("GET", "/rollouts").status_code == 200
    assert admin("DELETE", "/tokens/viewer").status_code == 204
    assert admin("GET", "/tokens").status_code == 200  # the feed has caught up

    assert as_role[Role.VIEWER]("GET", "/rollouts").status_code == 401


def test_tokens_are_listed_without_their_secrets(admin: Client) -> None:
    made = admin("POST", "/tokens", {"name": "ci", "role": "operator"}).json
    listed = admin("GET", "/tokens")

    assert made["token"].startswith("tcy_")
    assert [token["name"] for token in listed.json["tokens"]] == [
        "admin",
        "ci",
        "gateway",
        "instance",
        "operator",
        "viewer",
    ]
    assert made["token"] not in listed.text
    assert "sha256" not in listed.text
    assert admin("POST", "/tokens", {"name": "ci", "role": "operator"}).status_code == 409
    assert admin("DELETE", "/tokens/nope").status_code == 404


def test_a_token_that_cannot_be_looked_up_is_not_called_wrong(
    world: World, flask_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that starts while Redis is away may know of no token: its caller is to ask again, not to give up."""

    def away() -> object:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(world.store, "revision", away)
    answer = Client(flask_client, "tcy_" + "x" * 43)("GET", "/rollouts")

    assert (answer.status_code, answer.json["type"]) == (503, "urn:traefik-canary:store-unavailable")


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/rollouts/Shop", "rollout"),
        ("/gateways/Edge", "gateway"),
        ("/tokens/CI", "token"),
        ("/webhooks/Chat", "webhook"),
        ("/rollouts/shop/groups/V2/servers/one", "group"),
        ("/rollouts/shop/groups/v2/servers/One", "instance"),
    ],
)
def test_a_name_that_is_none_is_refused_by_what_it_names(admin: Client, path: str, what: str) -> None:
    refused = admin("DELETE", path)

    assert refused.status_code == 400
    assert f"invalid name of the {what}" in refused.json["detail"]
