"""The pages of gateways and of tokens, and of errors."""

import re

import pytest

from provider.domain.auth import Role
from tests.unit.pages.conftest import Browser
from tests.world import World


def test_a_token_is_made_and_its_secret_shown_once(admin: Browser, world: World) -> None:
    admin.open("/tokens")
    admin.send("/tokens", {"name": "ci", "role": "operator"})
    (secret,) = re.findall(r'value="(tcy_[^"]+)"', admin.page.text)
    caller = world.operations.tokens.caller(secret)

    assert caller
    assert (caller.name, caller.role) == ("ci", Role.OPERATOR)

    admin.open("/tokens")

    assert secret not in admin.page.text


def test_a_new_token_is_shown_by_the_response_and_never_stored(admin: Browser, world: World) -> None:
    admin.open("/tokens")
    made = admin.send("/tokens", {"name": "ci", "role": "operator"}, follows=False)

    assert made.status_code == 200

    (secret,) = re.findall(r'value="(tcy_[^"]+)"', made.text)

    assert made.headers["Cache-Control"] == "no-store"
    assert secret not in repr(vars(world.store))


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"name": "Ci!", "role": "operator"}, 422, "lowercase letters"),
        ({"name": "ci", "role": "king"}, 422, "must be"),
        ({"name": "viewer", "role": "viewer"}, 409, "there is a token viewer already"),
    ],
)
def test_a_token_that_cannot_be_is_explained(admin: Browser, fields: dict[str, str], status: int, words: str) -> None:
    admin.open("/tokens")

    assert admin.send("/tokens", fields).status_code == status
    assert words in admin.text


def test_a_token_is_revoked(admin: Browser, viewer: Browser, world: World) -> None:
    admin.open("/tokens")
    admin.send("/tokens/viewer/revoke", {"version": "", "request": ""})

    assert "Token viewer revoked." in admin.text
    assert viewer.open("/").status_code == 303


def test_where_a_gateway_can_be_asked_is_written_down_and_forgotten(admin: Browser, world: World) -> None:
    admin.open("/gateways")

    assert "No gateway has polled yet" in admin.text

    admin.send("/gateways", {"name": "edge", "api": "http://127.0.0.1:1"})

    assert "Gateway edge saved." in admin.text
    assert "http://127.0.0.1:1 does not answer" in admin.text

    admin.send("/gateways/edge/delete", {"version": "", "request": ""})

    assert list(world.operations.gateways.views()) == []


def test_a_gateway_has_the_urls_of_all_its_instances(admin: Browser, world: World) -> None:
    admin.open("/gateways")
    admin.send("/gateways", {"name": "edge", "api": "http://127.0.0.1:1, http://127.0.0.1:2"})
    (view,) = world.operations.gateways.views()

    assert view.spec
    assert view.spec.apis == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    assert "http://127.0.0.1:2 does not answer" in admin.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "Edge", "api": ""}, "lowercase letters"),
        ({"name": "edge", "api": "edge:8080"}, "must be a URL"),
    ],
)
def test_a_gateway_that_cannot_be_is_explained(admin: Browser, fields: dict[str, str], words: str) -> None:
    admin.open("/gateways")

    assert admin.send("/gateways", fields).status_code == 422
    assert words in admin.text


@pytest.mark.parametrize("path", ["/tokens", "/tokens/viewer/revoke", "/gateways", "/gateways/edge/delete"])
def test_an_operator_administers_nothing(operator: Browser, path: str) -> None:
    operator.open("/")

    assert operator.send(path, {"name": "x", "role": "admin"}).status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nowhere", 404), ("/rollouts/none", 404), ("/rollouts/UPPER", 404), ("/static/none.css", 404)],
)
def test_what_is_not_there_is_a_page_that_says_so(admin: Browser, path: str, status: int) -> None:
    assert admin.open(path).status_code == status
    assert "All rollouts" in admin.text


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nowhere", "/tokens", "/static/pages.css"])
def test_every_answer_is_closed_to_other_sites(admin: Browser, path: str) -> None:
    headers = admin.open(path).headers

    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")


def test_no_page_holds_a_script_or_a_style_of_its_own(admin: Browser) -> None:
    for path in ("/", "/new", "/tokens", "/gateways", "/nowhere"):
        page = admin.open(path).text

        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", page), path


def test_what_never_changes_is_kept_by_the_browser_and_pages_are_not(admin: Browser) -> None:
    page = admin.open("/")
    (address,) = re.findall(r'href="(/static/pages\.css\?v=[0-9a-f]{12})"', page.text)

    assert page.headers["Cache-Control"] == "no-store"
    assert "immutable" in admin.open(address).headers["Cache-Control"]
