"""The form by which rollouts are made, edited and deleted."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.scene import Scene
from tests.e2e.harness import HOST, eventually

pytestmark = pytest.mark.traefik


def fill(page: Page, **fields: str) -> None:
    for field, text in fields.items():
        page.locator(f"#{field}").fill(text)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def sides(scene: Scene) -> dict[str, str]:
    return {
        "stable": f"http://{HOST}:{scene.stack.stable_port}",
        "canary": f"http://{HOST}:{scene.stack.canary_port}",
    }


def answers(scene: Scene, name: str) -> int:
    return scene.stack.get(Host=f"{name}.localhost").status_code


def test_a_rollout_made_with_the_form_has_traffic(scene: Scene) -> None:
    scene.made.append("made")
    page = scene.visit()
    page.get_by_role("link", name="New rollout").click()
    fill(page, name="made", rule="Host(`made.localhost`)", **sides(scene))
    fill(page, steps="25%\npause\n50%", entry_points="web", reason="first try")
    press(page, "Create")

    expect(page.locator(".word")).to_have_text("Rollout made created.")
    expect(page.locator("#weight")).to_have_text("25%")
    expect(page.locator(".timeline")).to_contain_text("first try")
    assert scene.canary_gets("made") == 5


def test_each_mistake_stands_beside_its_field_and_nothing_typed_is_lost(scene: Scene) -> None:
    page = scene.visit("/new")
    wrong = {
        "rule": "Host(`a.localhost`",
        "stable": "http://10.0.0.1:8080\nnot an address",
        "canary": "http://10.0.0.2:8080/path?query",
        "steps": "25%\nsometimes",
        "entry_points": "we b!",
        "gateways": "Edge_1",
        "reason": "kept",
    }
    fill(page, name="mistaken", **wrong)
    page.locator("summary").click()
    fill(page, more="nonsense: 1")
    press(page, "Create")

    expect(page.get_by_role("alert").first).to_contain_text("Nothing was saved")
    for field in ("rule", "stable", "canary", "steps", "entry_points", "gateways", "more"):
        control = page.locator(f"#{field}")
        expect(control).to_have_attribute("aria-invalid", "true")
        described_by = (control.get_attribute("aria-describedby") or "").split()
        assert f"{field}-mistake-1" in described_by, field
        expect(page.locator(f"#{field}-mistake-1")).to_be_visible()
    for field, text in wrong.items():
        expect(page.locator(f"#{field}")).to_have_value(text)
    expect(page.locator("#steps-mistake-1")).to_contain_text("line 2: must be a step such as 25%, pause")
    expect(page.locator("#more")).to_have_value("nonsense: 1")
    assert scene.stack.call("GET", "/rollouts/mistaken").status_code == 404


def test_a_name_that_is_taken_or_is_none_is_told_beside_it(scene: Scene) -> None:
    page = scene.visit("/new")
    fill(page, name="shop", rule="Host(`other.localhost`)", **sides(scene))
    press(page, "Create")
    expect(page.locator("#name-mistake-1")).to_contain_text("shop")
    fill(page, name="Not A Name")
    press(page, "Create")

    assert page.locator("#name").evaluate("field => field.validity.patternMismatch")
    page.locator("form.editor").evaluate("form => form.noValidate = true")
    press(page, "Create")
    expect(page.locator("#name")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#name-mistake-1")).to_contain_text("lowercase letters")
    assert scene.stack.done("GET", "/rollouts/shop")["spec"]["rule"] == "Host(`shop.localhost`)"


def test_a_rule_is_checked_while_it_is_typed(scene: Scene) -> None:
    page = scene.visit("/new")
    rule = page.locator("#rule")
    rule.press_sequentially("Hots(`a`)")
    expect(page.locator("#rule-check")).to_contain_text("Hots")
    rule.fill("Host(`a`")
    expect(page.locator("#rule-check")).to_have_class("mistake")
    rule.fill("Host(`a`)")

    expect(page.locator("#rule-check")).to_have_text("✓ Valid Traefik rule")


def test_what_an_edit_would_change_is_seen_before_anything_is_saved(scene: Scene) -> None:
    name = scene.rollout("edited", weight=25)
    page = scene.visit(f"/rollouts/{name}")
    page.get_by_role("link", name="Edit").click()
    fill(page, rule="Host(`edited.localhost`) && PathPrefix(`/new`)", reason="only /new")
    press(page, "Preview")

    preview = page.locator("#preview")
    expect(preview.locator(".added", has_text="PathPrefix(`/new`)")).to_have_count(1)
    expect(preview.locator(".removed", has_text="Host(`edited.localhost`)")).to_have_count(1)
    assert scene.canary_gets(name) == 5
    press(page, "Save")
    expect(page.locator(".word")).to_have_text("Spec saved.")
    expect(page.locator(".rule")).to_contain_text("PathPrefix(`/new`)")
    expect(page.locator(".timeline")).to_contain_text("only /new")
    scene.stack.wait_applied(name=name)
    assert answers(scene, name) == 404
    assert scene.stack.get("/new", Host=f"{name}.localhost").status_code == 200


def test_what_has_no_field_of_its_own_outlives_an_edit(scene: Scene) -> None:
    name = scene.rollout(
        "kept",
        sticky={"cookie": {"name": "kept"}},
        overrides=[{"header": {"name": "X-Canary", "value": "always"}, "to": "canary"}],
    )
    before = scene.stack.done("GET", f"/rollouts/{name}")["spec"]
    page = scene.visit(f"/rollouts/{name}/edit")
    fill(page, steps="10%\npause 10m")
    press(page, "Save")
    expect(page.locator(".word")).to_have_text("Spec saved.")
    after = scene.stack.done("GET", f"/rollouts/{name}")["spec"]

    assert {**before, "steps": [{"setWeight": 10}, {"pause": {"duration": "10m"}}]} == after


def test_who_saves_second_learns_what_the_first_did_and_keeps_the_text(scene: Scene) -> None:
    name = scene.rollout("raced", weight=10)
    page = scene.visit(f"/rollouts/{name}/edit")
    fill(page, rule="Host(`raced.localhost`) && PathPrefix(`/mine`)")
    scene.stack.shift(20, name=name)
    press(page, "Save")

    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("Version conflict")
    expect(notice).to_contain_text("10% → 20%")
    expect(page.locator("#rule")).to_have_value("Host(`raced.localhost`) && PathPrefix(`/mine`)")
    assert scene.canary_gets(name) == 4
    press(page, "Save")
    expect(page.locator(".rule")).to_contain_text("PathPrefix(`/mine`)")
    scene.stack.wait_applied(name=name)
    assert answers(scene, name) == 404


def test_deleting_asks_first_and_then_traefik_routes_it_no_more(scene: Scene) -> None:
    name = scene.rollout("deleted", weight=50)
    page = scene.visit(f"/rollouts/{name}")
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete deleted?")
    assert scene.canary_gets(name) == 10
    press(page, "Delete deleted")

    expect(page.locator(".word")).to_contain_text("deleted deleted")
    expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
    eventually(lambda: answers(scene, name) == 404, what="Traefik has no route for it")


def test_what_a_form_sends_twice_is_done_once(scene: Scene) -> None:
    name = scene.rollout("twice", weight=10)
    page = scene.visit(f"/rollouts/{name}/edit")
    fill(page, rule="Host(`twice.localhost`) && PathPrefix(`/`)")
    press(page, "Save")
    expect(page.locator(".word")).to_have_text("Spec saved.")
    page.go_back()
    fill(page, rule="Host(`twice.localhost`) && PathPrefix(`/`)")
    press(page, "Save")

    expect(page.locator(".rule")).to_contain_text("PathPrefix(`/`)")
    actions = [entry["action"] for entry in scene.stack.done("GET", f"/rollouts/{name}/history")["history"]]
    assert actions == ["replace", "set-weight", "create"]
