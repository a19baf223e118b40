"""Every endpoint, with every role: read off the same table that OpenAPI is."""

import pytest

from provider.access import Role
from provider.api import ENDPOINTS
from provider.api.endpoints import Endpoint
from tests.unit.api.conftest import Client

ROLES = [*Role, None]


@pytest.mark.parametrize("role", ROLES, ids=str)
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_a_role_gets_as_far_as_it_may(
    as_role: dict[Role | None, Client], endpoint: Endpoint, role: Role | None
) -> None:
    if endpoint.media_type == "text/event-stream" and role and endpoint.permission in role.permissions:
        pytest.skip("a stream has no end; tested by itself")
    path = endpoint.path.removeprefix("/api/v1").replace("<name>", "nope")
    status = as_role[role](endpoint.method, path).status_code

    if role is None:
        assert 401 == status
    elif endpoint.permission in role.permissions:
        assert status not in {401, 403}
    else:
        assert 403 == status


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
    assert ["admin", "ci", "gateway", "operator", "viewer"] == [token["name"] for token in listed.json["tokens"]]
    assert made["token"] not in listed.text
    assert "sha256" not in listed.text
    assert 409 == admin("POST", "/tokens", {"name": "ci", "role": "operator"}).status_code
    assert 404 == admin("DELETE", "/tokens/nope").status_code
