"""The pages behind a proxy that serves them below a path of its own, as Traefik's StripPrefix does."""

import re
from collections.abc import Iterable
from typing import Any
from wsgiref.types import WSGIApplication

import pytest
from werkzeug.test import Client, TestResponse

from provider.domain.auth import Role
from provider.web.api import create_app
from provider.web.forwarded import is_https, prefix_of
from provider.web.pages import create_pages, with_pages
from tests.world import ME, World, spec

PREFIX = "/tools/canary"
_LINK = re.compile(r'(?:href|src|action|formaction|hx-get|hx-post)="([^"]*)"')
_ELSEWHERE = re.compile(r"https://doc\.traefik\.io/|#")


def stripped(application: WSGIApplication) -> WSGIApplication:
    """Serve an application below the prefix, and only there."""

    def serve(environ: Any, start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        assert path.startswith(f"{PREFIX}/"), path
        environ["PATH_INFO"] = path.removeprefix(PREFIX)
        environ["HTTP_X_FORWARDED_PREFIX"] = PREFIX
        return application(environ, start_response)

    return serve


class Browser:
    """An admin below the prefix, who keeps cookies by their paths as a browser does."""

    def __init__(self, world: World) -> None:
        api = create_app(world.operations, version="1.2.3")
        self._client = Client(stripped(with_pages(api, create_pages(world.operations, version="1.2.3"))))
        secret = world.operations.tokens.create("ann", Role.ADMIN, ME)
        world.caught_up()
        self.open(f"{PREFIX}/sign-in")
        self.signed_in = self.send(f"{PREFIX}/sign-in", token=secret, next="/gateways")

    def open(self, path: str, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.page = self._client.get(path, headers=named)
        self.page.get_data()
        self.page.close()
        return self.page

    def send(self, path: str, **fields: str) -> TestResponse:
        hidden = dict(re.findall(r'<input type="hidden" name="(csrf|version)" value="([^"]*)"', self.page.text))
        return self._client.post(path, data=hidden | fields)


@pytest.fixture
def browser(world: World) -> Browser:
    world.operations.rollouts.create("shop", spec(steps=[{"setWeight": 5}, {"pause": {}}]), ME)
    world.caught_up()
    return Browser(world)


def test_a_session_is_kept_below_the_prefix_only(browser: Browser) -> None:
    assert f"{PREFIX}/gateways" == browser.signed_in.location
    assert f"Path={PREFIX}" in browser.signed_in.headers["Set-Cookie"]
    assert browser.open(f"{PREFIX}/").status_code == 200


def test_every_link_form_and_redirect_stays_below_the_prefix(browser: Browser) -> None:
    seen: set[str] = set()
    left = [f"{PREFIX}/", f"{PREFIX}/rollouts/shop/delete", f"{PREFIX}/no-such-page"]
    while left:
        path = left.pop()
        seen.add(path)
        page = browser.open(path)
        assert page.status_code < 400 or path.endswith("/no-such-page"), path
        found = {link.replace("&amp;", "&").partition("#")[0] for link in _LINK.findall(page.text)}
        ours = {link for link in found if link and not _ELSEWHERE.match(link)}
        assert all(link.startswith(f"{PREFIX}/") for link in ours), ours
        gets = {
            link
            for link in ours
            # A delivery is waited for, ten seconds where no gateway reports it.
            if not re.search(r"/(move|weight|revoke|sign-out|sign-in|delete|undo|outlook)$|/delivery\b", link)
        }
        left += sorted(gets - seen - set(left))[:30]

    assert {f"{PREFIX}/gateways", f"{PREFIX}/docs", f"{PREFIX}/openapi.json", f"{PREFIX}/new"} <= seen
    assert any("/static/pages.js" in path for path in seen)


def test_the_script_opens_its_stream_below_the_prefix(browser: Browser) -> None:
    assert f'data-root="{PREFIX}"' in browser.open(f"{PREFIX}/").text


def test_forms_lead_back_below_the_prefix(browser: Browser) -> None:
    browser.open(f"{PREFIX}/rollouts/shop")
    shifted = browser.send(f"{PREFIX}/rollouts/shop/weight", weight="25", confirmed="yes")
    browser.open(f"{PREFIX}/")
    left = browser.send(f"{PREFIX}/sign-out")

    assert (303, f"{PREFIX}/rollouts/shop") == (shifted.status_code, shifted.location)
    assert (303, f"{PREFIX}/sign-in") == (left.status_code, left.location)
    assert f"Path={PREFIX}" in left.headers["Set-Cookie"]
    assert f"{PREFIX}/sign-in" == browser.open(f"{PREFIX}/").location
    assert f"{PREFIX}/sign-in" == browser.open(f"{PREFIX}/", HX_Request="true").headers["HX-Redirect"]


@pytest.mark.parametrize(
    ("header", "prefix"),
    [
        ("", ""),
        ("/canary", "/canary"),
        ("/canary/", "/canary"),
        ("/a, /b/c", "/a/b/c"),
        ("//evil.example", ""),
        ("/a,//evil.example", ""),
        ("https://evil.example", ""),
        ("/../x", ""),
        ('/"><script>', ""),
        ("/a" * 17, ""),
        ("canary", ""),
        ("/a\\b", ""),
    ],
)
def test_a_prefix_is_a_plain_path(header: str, prefix: str) -> None:
    assert prefix_of(header) == prefix


@pytest.mark.parametrize(
    ("header", "expected"),
    [("https", True), ("https,http", True), ("HTTPS , http", True), ("http,https", False), ("", False)],
)
def test_the_scheme_is_the_one_that_the_client_used(header: str, *, expected: bool) -> None:
    assert is_https(header) == expected
