"""Tokens as callers send them; every endpoint with every role is walked in tests/api."""

import pytest

from provider.access import Role
from tests.unit.api.conftest import Client


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer nope", "Bearer \u00e4"])
def test_without_a_known_token_nothing_is_said(as_role: dict[Role | None, Client], header: str) -> None:
    answer = as_role[None]("GET", "/rollouts", Authorization=header)

    assert 401 == answer.status_code
    assert "Bearer" == answer.headers["WWW-Authenticate"]


def test_a_revoked_token_is_worthless(admin: Client, as_role: dict[Role | None, Client]) -> None:
    assert 200 == as_role[Role.VIEWER]("GET", "/rollouts").status_code
    assert 204 == admin("DELETE", "/tokens/viewer").status_code
    assert 200 == admin("GET", "/tokens").status_code  # the feed has caught up

    assert 401 == as_role[Role.VIEWER]("GET", "/rollouts").status_code


def test_tokens_are_listed_without_their_secrets(admin: Client) -> None:
    made = admin("POST", "/tokens", {"name": "ci", "role": "operator"}).json
    listed = admin("GET", "/tokens")

    assert made["token"].startswith("tcy_")
    assert ["admin", "ci", "gateway", "instance", "operator", "viewer"] == [
        token["name"] for token in listed.json["tokens"]
    ]
    assert made["token"] not in listed.text
    assert "sha256" not in listed.text
    assert 409 == admin("POST", "/tokens", {"name": "ci", "role": "operator"}).status_code
    assert 404 == admin("DELETE", "/tokens/nope").status_code
