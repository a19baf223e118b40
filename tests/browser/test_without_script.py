"""The main ways once more, in a browser that runs no script."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.scene import Scene

pytestmark = pytest.mark.traefik


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def plain(scene: Scene, path: str) -> Page:
    return scene.visit(path, java_script_enabled=False)


def test_signing_in_shifting_and_signing_out_need_no_script(scene: Scene) -> None:
    name = scene.rollout("plain-shift", weight=0)
    page = scene.context(java_script_enabled=False).new_page()
    page.goto(f"/rollouts/{name}")
    page.get_by_label("Token").fill(scene.token("plain", "operator"))
    press(page, "Sign in")
    expect(page.get_by_role("slider")).to_have_count(0)
    page.locator("#weight-number").fill("30")
    page.get_by_label("Reason").fill("no script")
    press(page, "Set weight")

    expect(page.locator("#weight")).to_have_text("30%")
    expect(page.locator(".word")).to_contain_text("Applied")
    expect(page.locator(".timeline li").first).to_contain_text("no script")
    assert scene.canary_gets(name) == 6
    press(page, "Sign out")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_quick_weight_and_a_bold_one_need_no_script(scene: Scene) -> None:
    name = scene.rollout("plain-quick", weight=0)
    page = plain(scene, f"/rollouts/{name}")
    press(page, "10%")
    expect(page.locator("#weight")).to_have_text("10%")
    assert scene.canary_gets(name) == 2
    press(page, "100%")
    expect(page.get_by_role("heading", level=1)).to_have_text("Set weight to 100%?")
    assert scene.canary_gets(name) == 2
    press(page, "Set weight to 100%")

    expect(page.locator("#weight")).to_have_text("100%")
    assert scene.canary_gets(name) == 20


def test_aborting_and_looking_whether_traefik_has_it_need_no_script(scene: Scene) -> None:
    name = scene.rollout("plain-abort", weight=50)
    page = plain(scene, f"/rollouts/{name}")
    press(page, "Abort")
    expect(page.locator(".head .phase")).to_contain_text("Degraded")
    page.get_by_role("link", name="Check whether Traefik has applied it").click()

    expect(page.locator(".delivery")).to_contain_text("edge: applied")
    assert scene.canary_gets(name) == 0


def test_editing_needs_no_script(scene: Scene) -> None:
    name = scene.rollout("plain-edit", weight=50)
    page = plain(scene, f"/rollouts/{name}/edit")
    page.locator("#canary").fill("nonsense here")
    press(page, "Save")
    expect(page.locator("#canary-mistake-1")).to_be_visible()
    page.locator("#canary").fill("")
    press(page, "Save")

    expect(page.locator(".head .phase")).to_contain_text("Healthy")
    assert scene.canary_gets(name) == 0


def test_a_lost_race_is_told_without_a_script(scene: Scene) -> None:
    name = scene.rollout("plain-race", weight=10)
    page = plain(scene, f"/rollouts/{name}")
    scene.stack.shift(20, name=name)
    press(page, "50%")
    expect(page.get_by_role("heading", level=1)).to_have_text("Version conflict")
    expect(page.locator(".timeline li")).to_contain_text("10% → 20%")
    assert scene.canary_gets(name) == 4
    press(page, "Set weight to 50%")

    expect(page.locator("#weight")).to_have_text("50%")
    assert scene.canary_gets(name) == 10


def test_searching_filtering_and_sorting_need_no_script(scene: Scene) -> None:
    for weight in (5, 50):
        scene.rollout(f"plain-find-{weight}", weight=weight)
    page = plain(scene, "/")
    page.get_by_role("searchbox").fill("plain-find")
    page.get_by_label("Sort by").select_option("weight")
    press(page, "Search")

    assert page.locator(".fleet .name").all_inner_texts() == ["plain-find-50", "plain-find-5"]
    page.get_by_role("link", name="Degraded").click()
    expect(page.locator(".empty")).to_contain_text("No rollouts match")
