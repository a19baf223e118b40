"""Sign in and out."""

import pytest

from provider.domain.auth import Role
from provider.services import SignInError
from tests.unit.pages.conftest import Browser
from tests.world import ME, World


def test_who_is_not_signed_in_is_asked_to_and_led_where_they_wanted(
    anybody: Browser, secrets: dict[Role, str], world: World
) -> None:
    asked = anybody.open("/gateways?a=b")

    assert (asked.status_code, asked.location) == (303, "/sign-in?next=%2Fgateways%3Fa%3Db")

    anybody.open(asked.location)
    anybody.send("/sign-in", {"token": secrets[Role.VIEWER], "next": anybody.hidden("next")})

    assert anybody.page.request.full_path.rstrip("?") == "/gateways?a=b"


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_nobody_is_led_elsewhere(anybody: Browser, secrets: dict[Role, str], wanted: str) -> None:
    anybody.send("/sign-in", {"token": secrets[Role.VIEWER], "next": wanted})

    assert anybody.last_redirect.location == "/"


def test_a_wrong_token_is_said_to_be(anybody: Browser) -> None:
    anybody.sign_in("tcy_wrong")

    assert anybody.page.status_code == 422
    assert "Unknown token; it may have been revoked." in anybody.text


def test_a_gateways_token_signs_nobody_in(anybody: Browser, secrets: dict[Role, str]) -> None:
    anybody.sign_in(secrets[Role.GATEWAY])

    assert "A token of the role gateway is for a Traefik that polls, not for people." in anybody.text


def test_a_link_signs_in_once(anybody: Browser, secrets: dict[Role, str], world: World) -> None:
    caller = world.operations.tokens.caller(secrets[Role.OPERATOR])
    assert caller
    link = world.operations.sessions.link(caller)

    assert anybody.head(f"/sign-in/{link}").status_code == 200
    anybody.open(f"/sign-in/{link}")
    assert "This link is valid for one sign-in." in anybody.text
    anybody.send(f"/sign-in/{link}")
    assert anybody.last_redirect.location == "/"
    assert anybody.open("/").status_code == 200

    anybody.open(f"/sign-in/{link}")
    again = anybody.send(f"/sign-in/{link}")

    assert again.status_code == 422
    assert "This link has been used, or is older than ten minutes; ask for a new one." in anybody.text


def test_a_link_ends_after_ten_minutes(anybody: Browser, secrets: dict[Role, str], world: World) -> None:
    caller = world.operations.tokens.caller(secrets[Role.OPERATOR])
    assert caller
    link = world.operations.sessions.link(caller)
    world.clock.pass_time(601)

    anybody.open(f"/sign-in/{link}")
    assert anybody.send(f"/sign-in/{link}").status_code == 422


def test_a_form_of_another_site_spends_no_link(anybody: Browser, secrets: dict[Role, str], world: World) -> None:
    caller = world.operations.tokens.caller(secrets[Role.OPERATOR])
    assert caller
    link = world.operations.sessions.link(caller)
    anybody.open(f"/sign-in/{link}")

    assert anybody.send(f"/sign-in/{link}", {"csrf": "forged"}).status_code == 400
    anybody.open(f"/sign-in/{link}")
    assert anybody.send(f"/sign-in/{link}", follows=False).location == "/"


def test_a_session_ends_when_it_is_signed_out_of(viewer: Browser) -> None:
    viewer.open("/")
    viewer.send("/sign-out")

    assert viewer.open("/").location == "/sign-in"


def test_a_session_ends_when_its_token_is_revoked(viewer: Browser, world: World) -> None:
    world.operations.tokens.revoke("viewer", ME)

    assert viewer.open("/").status_code == 303


def test_a_session_ends_after_half_a_day(viewer: Browser, world: World) -> None:
    world.clock.pass_time(12 * 3_600 - 1)
    assert viewer.open("/").status_code == 200

    world.clock.pass_time(2)
    assert viewer.open("/").status_code == 303


def test_a_session_that_was_there_before_is_not_the_one_that_is_signed_in(
    anybody: Browser, secrets: dict[Role, str]
) -> None:
    planted = anybody.page.headers["Set-Cookie"]
    anybody.send("/sign-in", {"token": secrets[Role.ADMIN]})

    assert planted.split(";")[0] != anybody.last_redirect.headers["Set-Cookie"].split(";")[0]


@pytest.mark.parametrize(("header", "is_secure"), [("https", True), ("http", False), ("", False)])
def test_the_cookie_is_kept_from_scripts_and_other_sites_and_behind_tls_from_plain_text(
    anybody: Browser, header: str, is_secure: bool
) -> None:
    cookie = anybody.open("/sign-in", X_Forwarded_Proto=header).headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert is_secure is ("Secure" in cookie)


def test_wrong_tokens_are_throttled_for_a_minute(anybody: Browser, world: World) -> None:
    for _ in range(20):
        assert anybody.sign_in("tcy_wrong").status_code == 422
    refused = anybody.sign_in("tcy_wrong")

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")

    world.clock.pass_time(61)

    assert anybody.sign_in("tcy_wrong").status_code == 422


def test_a_right_token_signs_in_where_wrong_ones_are_throttled(anybody: Browser, secrets: dict[Role, str]) -> None:
    for _ in range(21):
        refused = anybody.sign_in("tcy_wrong")

    assert refused.status_code == 429
    assert anybody.sign_in(secrets[Role.ADMIN]).status_code == 200


def test_signing_in_does_not_count_as_a_failure(secrets: dict[Role, str], world: World) -> None:
    sessions = world.operations.sessions
    visitors = [sessions.sign_in(secrets[Role.ADMIN], address="10.0.0.1") for _ in range(30)]

    with pytest.raises(SignInError):
        sessions.sign_in("tcy_wrong", address="10.0.0.1")
    assert len({visitor.session for visitor in visitors}) == 30


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
def test_a_form_of_another_site_signs_nobody_in_or_out(viewer: Browser, path: str) -> None:
    refused = viewer.send(path, {"csrf": "guessed", "token": "x"})

    assert refused.status_code == 400
    assert viewer.open("/").status_code == 200


def test_a_part_of_a_page_whose_session_has_ended_makes_the_whole_page_go(anybody: Browser) -> None:
    answer = anybody.open("/", HX_Request="true")

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/sign-in")


def test_who_is_signed_in_needs_no_form(viewer: Browser) -> None:
    assert viewer.open("/sign-in").location == "/"
