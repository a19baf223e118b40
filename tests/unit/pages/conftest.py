import re
from collections.abc import Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from provider.domain.auth import Role
from provider.web.pages import create_pages
from tests.world import ME, World


class Browser:
    """Somebody at the pages, without a script: follows links and sends the forms that are there."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client
        self.page: TestResponse = client.get("/sign-in")

    @property
    def text(self) -> str:
        """What the page shows, without its markup."""
        return " ".join(re.sub(r"<[^>]+>", " ", self.page.text).split())

    def open(self, path: str, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._shown(self._client.get(path, headers=named))

    def head(self, path: str) -> TestResponse:
        """Ask for the headers of a page only, as previews of links do."""
        return self._client.head(path)

    def hidden(self, name: str) -> str:
        """Give a hidden field of the page's last form that has it."""
        found = re.findall(rf'<input type="hidden" name="{name}" value="([^"]*)"', self.page.text)
        return found[-1] if found else ""

    def send(
        self, path: str, fields: Mapping[str, Any] | None = None, *, follows: bool = True, **headers: str
    ) -> TestResponse:
        """Send a form as the page that is open would, and follow where it leads."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        hidden = {name: self.hidden(name) for name in ("csrf", "version", "request")}
        answer = self._client.post(path, data={**hidden, **(fields or {})}, headers=named)
        if answer.status_code == 303:
            self.last_redirect = answer
            return self.open(answer.location) if follows else answer
        return self._shown(answer)

    def _shown(self, page: TestResponse) -> TestResponse:
        self.page = page
        page.get_data()
        page.close()
        return page

    def sign_in(self, secret: str) -> TestResponse:
        self.open("/sign-in")
        return self.send("/sign-in", {"token": secret})


@pytest.fixture
def secrets(world: World) -> dict[Role, str]:
    made = {role: world.operations.tokens.create(role.value, role, ME) for role in Role}
    world.caught_up()
    return made


@pytest.fixture
def anybody(world: World) -> Browser:
    return Browser(create_pages(world.operations, version="1.2.3").test_client())


@pytest.fixture
def browsers(world: World, secrets: dict[Role, str]) -> dict[Role, Browser]:
    """Give somebody of each role that may look, signed in."""
    app = create_pages(world.operations, version="1.2.3")
    found = {role: Browser(app.test_client()) for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN)}
    for role, browser in found.items():
        browser.sign_in(secrets[role])
    return found


@pytest.fixture
def admin(browsers: dict[Role, Browser]) -> Browser:
    return browsers[Role.ADMIN]


@pytest.fixture
def operator(browsers: dict[Role, Browser]) -> Browser:
    return browsers[Role.OPERATOR]


@pytest.fixture
def viewer(browsers: dict[Role, Browser]) -> Browser:
    return browsers[Role.VIEWER]
