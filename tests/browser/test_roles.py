"""What a role does not permit is not on the page, and is refused when it is sent all the same."""

from collections.abc import Mapping

import pytest
from playwright.sync_api import Page, expect

from tests.browser.scene import Scene

pytestmark = pytest.mark.traefik

SHIFTS = ("weight", "move", "undo")
NAME = "NAME"
FORMS: Mapping[str, Mapping[str, str]] = {
    f"/rollouts/{NAME}/weight": {"weight": "50"},
    f"/rollouts/{NAME}/move": {"action": "abort"},
    f"/rollouts/{NAME}/undo": {"revision": "1"},
    f"/rollouts/{NAME}/edit": {"rule": "Host(`taken.localhost`)", "stable": "http://10.0.0.1"},
    f"/rollouts/{NAME}/delete": {},
    "/new": {"name": "forged", "rule": "Host(`forged.localhost`)", "stable": "http://10.0.0.1"},
    "/gateways": {"name": "forged", "api": "http://127.0.0.1:1"},
    "/gateways/edge/delete": {},
    "/tokens": {"name": "forged", "role": "admin"},
    "/tokens/a-viewer/revoke": {},
}
OPERATORS = {f"/rollouts/{NAME}/weight", f"/rollouts/{NAME}/move"}


def send(page: Page, path: str, fields: Mapping[str, str]) -> tuple[int, str]:
    """Send a form from somebody's session, by hand."""
    answer = page.context.request.post(path, form={**fields}, max_redirects=0)
    return answer.status, answer.text()


def own(page: Page) -> str:
    """Take the token that the session's own forms carry."""
    return page.locator("form.caller [name=csrf]").get_attribute("value") or ""


def everything(scene: Scene) -> object:
    """Take what may not have changed."""
    return [scene.stack.done("GET", path) for path in ("/rollouts", "/tokens")]


def version(scene: Scene, name: str) -> str:
    return str(scene.stack.done("GET", f"/rollouts/{name}")["version"])


@pytest.mark.parametrize("path", ["/", "/rollouts/shop", "/gateways", "/rollouts/shop/outlook?weight=10"])
def test_a_viewer_sees_no_button_but_the_one_out(scene: Scene, path: str) -> None:
    page = scene.visit(path, role="viewer")
    buttons = [button for button in page.get_by_role("button").all_inner_texts() if button != "Search"]

    assert buttons == ["Sign out"]
    expect(page.get_by_role("link", name="Edit")).to_have_count(0)
    expect(page.get_by_role("link", name="New rollout")).to_have_count(0)
    expect(page.get_by_role("link", name="Tokens")).to_have_count(0)


def test_an_operator_shifts_but_finds_nothing_to_edit_delete_or_hand_out(scene: Scene) -> None:
    page = scene.visit("/rollouts/shop", role="operator")

    expect(page.get_by_role("button", name="50%", exact=True)).to_be_visible()
    for link in ("Edit", "Delete", "Tokens"):
        expect(page.get_by_role("link", name=link, exact=True)).to_have_count(0)
    page.goto("/gateways")
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)


@pytest.mark.parametrize("path", ["/new", "/tokens", "/rollouts/shop/edit", "/rollouts/shop/delete"])
def test_a_page_that_the_role_may_not_see_says_which_role_may(scene: Scene, path: str) -> None:
    page = scene.visit(role="operator")
    answer = page.goto(path)

    assert answer
    assert answer.status == 403
    expect(page.get_by_role("main")).to_contain_text(
        "your role operator does not permit this action; it requires the role admin", ignore_case=True
    )


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_the_server_refuses_what_the_role_may_not_send(scene: Scene, role: str) -> None:
    name = scene.rollout(f"refuses-{role}", weight=10)
    page = scene.visit(role=role)
    before = everything(scene)
    forms = {path: form for path, form in FORMS.items() if role == "viewer" or path not in OPERATORS}
    fields = {"csrf": own(page), "version": version(scene, name), "confirmed": "yes"}
    answers = {path: send(page, path.replace(NAME, name), {**fields, **form}) for path, form in forms.items()}

    assert dict.fromkeys(forms, 403) == {path: status for path, (status, _) in answers.items()}
    assert all(f"your role {role} does not permit this action" in text.lower() for _, text in answers.values())
    assert everything(scene) == before
    assert scene.canary_gets(name) == 2


@pytest.mark.parametrize("forged", ["none", "wrong", "of another session"])
def test_a_form_that_is_not_from_here_is_refused_and_changes_nothing(scene: Scene, forged: str) -> None:
    name = scene.rollout("forged-form", weight=10)
    page = scene.visit()
    tokens = {
        "none": {},
        "wrong": {"csrf": "0" * 64},
        "of another session": {"csrf": own(scene.visit(role="viewer"))},
    }
    before = everything(scene)
    fields = {**tokens[forged], "version": version(scene, name), "confirmed": "yes"}
    answers = {path: send(page, path.replace(NAME, name), {**fields, **form}) for path, form in FORMS.items()}
    answers["/sign-out"] = send(page, "/sign-out", fields)
    answers["/sign-in"] = send(page, "/sign-in", {**fields, "token": scene.stack.token})

    assert dict.fromkeys(answers, 400) == {path: status for path, (status, _) in answers.items()}
    assert all("Form expired" in text for _, text in answers.values())
    assert everything(scene) == before
    assert scene.canary_gets(name) == 2
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Rollouts")


def test_a_form_without_its_version_would_overwrite_others_and_is_refused(scene: Scene) -> None:
    name = scene.rollout("no-version", weight=10)
    page = scene.visit()
    status, text = send(page, f"/rollouts/{name}/weight", {"csrf": own(page), "weight": "50"})

    assert status == 400
    assert "form lacks the version" in text
    assert scene.canary_gets(name) == 2
