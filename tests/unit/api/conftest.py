from typing import Any

import pytest
from flask.testing import FlaskClient

from provider.domain.auth import Role
from provider.web.api import create_app
from tests.world import ME, World, spec


class Client:
    """A caller with a token, or without one."""

    def __init__(self, client: FlaskClient, secret: str | None) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request; `If_Match` becomes If-Match."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = {"json": body} if body is not None else {}
        return self._client.open(
            f"/api/v1{path}",
            method=method,
            headers={**self._headers, **named},
            **content,
        )


@pytest.fixture
def flask_client(world: World) -> FlaskClient:
    return create_app(world.operations, version="1.2.3").test_client()


@pytest.fixture
def as_role(world: World, flask_client: FlaskClient) -> dict[Role | None, Client]:
    """Give a caller of each role, and one without a token."""
    secrets = {role: world.operations.tokens.create(role.value, role, ME) for role in Role}
    world.caught_up()
    clients: dict[Role | None, Client] = {role: Client(flask_client, secret) for role, secret in secrets.items()}
    return {**clients, None: Client(flask_client, None)}


@pytest.fixture
def admin(as_role: dict[Role | None, Client]) -> Client:
    return as_role[Role.ADMIN]


@pytest.fixture
def shop(world: World) -> str:
    """Store a rollout with two sides and no steps."""
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    return "shop"
