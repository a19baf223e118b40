"""Signing in and out, and what a session is worth."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.scene import Scene

pytestmark = pytest.mark.traefik


def sign_in(page: Page, secret: str) -> None:
    page.get_by_label("Token").fill(secret)
    page.get_by_role("button", name="Sign in").click()


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words)


def test_a_token_signs_in_and_leads_to_the_page_that_was_asked_for(scene: Scene) -> None:
    name = scene.rollout("sign-next", weight=25)
    page = scene.context().new_page()
    page.goto(f"/rollouts/{name}?history=20")
    heading(page, "Sign in")
    sign_in(page, scene.token("sign-next", "operator"))
    heading(page, name)

    assert f"{scene.url}/rollouts/{name}?history=20" == page.url
    page.get_by_role("button", name="50%", exact=True).click()
    expect(page.locator("#weight")).to_have_text("50%")
    assert scene.canary_gets(name) == 10


def test_a_wrong_token_is_told_beside_its_field_and_opens_nothing(scene: Scene) -> None:
    page = scene.context().new_page()
    page.goto("/sign-in")
    sign_in(page, "not-a-token-of-this-provider")

    expect(page.get_by_label("Token")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#token-mistake")).to_contain_text("Unknown token")
    expect(page.get_by_label("Token")).to_have_value("")
    page.goto("/")
    heading(page, "Sign in")


def test_a_link_signs_in_once(scene: Scene) -> None:
    path = scene.stack.done("POST", "/sign-in-links", {})["path"]
    first, second = (scene.context().new_page() for _ in range(2))
    for page in (first, second):
        page.goto(path)
        page.get_by_role("button", name="Sign in").click()

    heading(first, "Rollouts")
    expect(second.locator("#token-mistake")).to_contain_text("This link has been used")
    second.goto("/")
    heading(second, "Sign in")


def test_who_signs_out_is_out_and_so_is_whoever_has_copied_the_cookie(scene: Scene) -> None:
    page = scene.context().new_page()
    page.goto("/sign-in")
    sign_in(page, scene.token("signs-out", "operator"))
    heading(page, "Rollouts")
    copy = scene.context(storage_state=page.context.storage_state()).new_page()
    copy.goto("/")
    heading(copy, "Rollouts")
    page.get_by_role("button", name="Sign out").click()
    heading(page, "Sign in")
    page.goto("/")
    copy.reload()

    heading(page, "Sign in")
    heading(copy, "Sign in")


def test_an_open_page_of_a_revoked_token_is_closed_and_its_form_refused(scene: Scene) -> None:
    name = scene.rollout("sign-revoked", weight=10)
    page = scene.context().new_page()
    page.goto(f"/sign-in?next=/rollouts/{name}")
    sign_in(page, scene.token("revoked", "operator"))
    heading(page, name)
    fields = {
        field: page.locator(f"#control [name={field}]").get_attribute("value") or "" for field in ("csrf", "version")
    }
    scene.stack.done("DELETE", "/tokens/revoked")
    refused = page.context.request.post(f"/rollouts/{name}/weight", form={**fields, "weight": "100"}, max_redirects=0)

    assert (refused.status, refused.headers["location"]) == (303, "/sign-in")
    scene.stack.shift(20, name=name)  # what the open page would follow
    heading(page, "Sign in")
    assert scene.canary_gets(name) == 4


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example/", "/\\evil.example/", "javascript:alert(1)", "/%09/evil.example"],
)
def test_after_signing_in_only_own_pages_are_gone_to(lone: Scene, wanted: str) -> None:
    page = lone.visit("/sign-in?next=" + wanted.replace("\\", "%5C"))

    assert page.url.startswith(f"{lone.url}/")


@pytest.mark.parametrize(
    ("proto", "is_secure"), [("https", True), ("http", False)], ids=["behind TLS", "plain on this machine"]
)
def test_no_script_and_no_other_site_can_use_the_cookie(lone: Scene, proto: str, is_secure: bool) -> None:
    page = lone.context().new_page()
    path = lone.stack.done("POST", "/sign-in-links", {})["path"]
    answer = page.request.get(path, headers={"X-Forwarded-Proto": proto}, max_redirects=0)
    cookie = answer.headers["set-cookie"]

    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(re.split(r";\s*", cookie))
    assert is_secure is ("Secure" in re.split(r";\s*", cookie))
    assert "Domain" not in cookie


def test_a_cookie_that_was_planted_before_is_not_the_one_that_is_signed_in(scene: Scene) -> None:
    context = scene.context()
    context.add_cookies([{"name": "canary_session", "value": "planted", "url": scene.url}])
    page = context.new_page()
    page.goto("/sign-in")
    sign_in(page, scene.token("planted", "viewer"))
    heading(page, "Rollouts")
    planted = scene.context()
    planted.add_cookies([{"name": "canary_session", "value": "planted", "url": scene.url}])
    other = planted.new_page()
    other.goto("/")

    heading(other, "Sign in")
    assert "planted" not in {cookie.get("value") for cookie in context.cookies()}


def test_a_token_that_polls_signs_nobody_in(lone: Scene) -> None:
    page = lone.context().new_page()
    page.goto("/sign-in")
    sign_in(page, lone.token("polls", "gateway"))

    expect(page.locator("#token-mistake")).to_contain_text("not for people")


def test_too_many_wrong_tokens_are_refused_and_the_right_one_is_accepted_all_the_same(lone: Scene) -> None:
    lone.visit()
    page = lone.context().new_page()
    page.goto("/sign-in")
    csrf = page.locator("[name=csrf]").get_attribute("value") or ""
    statuses = [
        page.request.post("/sign-in", form={"csrf": csrf, "token": f"guess-{number}"}).status for number in range(40)
    ]
    sign_in(page, lone.stack.token)

    assert (statuses[0], statuses[-1]) == (422, 429)
    heading(page, "Rollouts")
