"""Shifting by hand: slider, number, quick weights; and every move there is. The traffic has the last word."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.scene import Scene
from tests.e2e.harness import HOST

pytestmark = pytest.mark.traefik

STEPS: list[dict[str, Any]] = [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def number(page: Page) -> Any:
    return page.get_by_role("spinbutton", name="Canary weight in percent")


def seen_in_traefik(page: Page, weight: str) -> None:
    expect(page.locator("#weight")).to_have_text(weight)
    expect(page.locator(".word")).to_contain_text("Applied (edge)")
    expect(page.locator(".delivery")).to_contain_text("edge: applied")


def test_the_slider_shifts(scene: Scene) -> None:
    name = scene.rollout("slid", weight=20)
    page = scene.visit(f"/rollouts/{name}")
    page.get_by_role("slider").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")

    expect(number(page)).to_have_value("25")
    press(page, "Set weight")
    seen_in_traefik(page, "25%")
    assert scene.canary_gets(name) == 5


def test_a_number_shifts_and_its_reason_is_kept(scene: Scene) -> None:
    name = scene.rollout("numbered", weight=0)
    page = scene.visit(f"/rollouts/{name}", role="operator")
    number(page).fill("12.5")
    page.get_by_label("Reason").fill("a <b>careful</b> start")
    press(page, "Set weight")

    seen_in_traefik(page, "12.5%")
    expect(page.locator(".timeline li").first).to_contain_text(
        "a-operator set the weight 0% → 12.5% a <b>careful</b> start"
    )
    assert scene.status(name)["weight"] == 12.5
    assert "v2" in scene.stack.count(16, host=f"{name}.localhost")


def test_enter_in_the_number_field_shifts(scene: Scene) -> None:
    name = scene.rollout("entered", weight=0)
    page = scene.visit(f"/rollouts/{name}")
    number(page).fill("40")
    number(page).press("Enter")

    seen_in_traefik(page, "40%")
    assert scene.canary_gets(name) == 8


def test_a_quick_weight_shifts_at_once(scene: Scene) -> None:
    name = scene.rollout("quick", weight=0)
    page = scene.visit(f"/rollouts/{name}")
    press(page, "50%")

    seen_in_traefik(page, "50%")
    expect(page.get_by_role("button", name="50%", exact=True)).to_have_attribute("aria-current", "true")
    assert scene.canary_gets(name) == 10


def test_a_jump_over_50_points_asks_once_more(scene: Scene) -> None:
    name = scene.rollout("bold", weight=5)
    page = scene.visit(f"/rollouts/{name}")
    page.get_by_label("Reason").fill("it is good")
    press(page, "100%")

    expect(page.get_by_role("heading", level=1)).to_have_text("Set weight to 100%?")
    expect(page.locator(".notice")).to_contain_text("more than 50 percentage points")
    assert scene.status(name)["weight"] == 5
    assert scene.canary_gets(name) == 1
    press(page, "Set weight to 100%")
    seen_in_traefik(page, "100%")
    expect(page.locator(".timeline li").first).to_contain_text("it is good")
    assert scene.canary_gets(name) == 20


def test_a_jump_of_just_50_points_and_any_way_down_do_not_ask(scene: Scene) -> None:
    name = scene.rollout("not-bold", weight=50)
    page = scene.visit(f"/rollouts/{name}")
    press(page, "100%")
    seen_in_traefik(page, "100%")
    press(page, "0%")

    seen_in_traefik(page, "0%")
    assert scene.canary_gets(name) == 0


def test_looking_first_changes_nothing_and_then_does_it(scene: Scene) -> None:
    name = scene.rollout("looked", weight=10)
    page = scene.visit(f"/rollouts/{name}")
    number(page).fill("30")
    press(page, "Preview")

    expect(page.locator(".would")).to_contain_text("The canary goes from 10% to 30%")
    expect(page.locator(".difference .added")).not_to_have_count(0)
    assert scene.canary_gets(name) == 2
    press(page, "Set weight to 30%")
    seen_in_traefik(page, "30%")
    assert scene.canary_gets(name) == 6


@pytest.mark.parametrize("text", ["101", "-1", "12.345"])
def test_a_number_that_is_no_weight_is_refused(scene: Scene, text: str) -> None:
    name = scene.rollout("no-weight", weight=10)
    page = scene.visit(f"/rollouts/{name}")
    number(page).fill(text)
    press(page, "Set weight")
    expect(page.locator("#weight-number:invalid")).to_have_count(1)
    page.locator("#control").evaluate("form => form.noValidate = true")
    press(page, "Set weight")

    expect(page.get_by_role("main")).to_contain_text("must be a number from 0 to 100 with at most two decimals")
    assert scene.canary_gets(name) == 2


@pytest.mark.parametrize(
    ("button", "phase", "weight"),
    [
        ("Promote", "Paused", "50%"),
        ("Skip step", "Paused", "50%"),
        ("Resume", "Paused", "50%"),
        ("Pause", "Paused", "25%"),
        ("Abort", "Degraded", "0%"),
    ],
)
def test_a_move_is_what_traffic_then_does(scene: Scene, button: str, phase: str, weight: str) -> None:
    name = scene.rollout(f"moved-{button.lower().replace(' ', '-')}", steps=STEPS)
    page = scene.visit(f"/rollouts/{name}", role="operator")
    page.get_by_label("Reason").fill("as planned")
    press(page, button)

    expect(page.locator(".head .phase")).to_contain_text(phase)
    seen_in_traefik(page, weight)
    expect(page.locator(".timeline li").first).to_contain_text("as planned")
    assert int(weight.removesuffix("%")) * 20 // 100 == scene.canary_gets(name)


def test_a_hold_by_hand_can_be_paused_and_resumed(scene: Scene) -> None:
    name = scene.rollout("held", steps=STEPS)
    page = scene.visit(f"/rollouts/{name}")
    press(page, "10%")
    expect(page.locator(".head .phase")).to_contain_text("Progressing")
    press(page, "Pause")
    expect(page.locator(".head .phase")).to_contain_text("Paused")
    assert scene.canary_gets(name) == 2
    press(page, "Resume")

    expect(page.locator("#weight")).not_to_have_text("10%")
    assert scene.status(name)["weight"] * 20 / 100 == scene.canary_gets(name)


def test_what_was_aborted_begins_again_from_the_first_step(scene: Scene) -> None:
    name = scene.rollout("retried", steps=STEPS)
    page = scene.visit(f"/rollouts/{name}")
    press(page, "Abort")
    expect(page.locator(".head .phase")).to_contain_text("Degraded")
    assert scene.canary_gets(name) == 0
    press(page, "Retry")

    seen_in_traefik(page, "25%")
    assert scene.canary_gets(name) == 5


def test_the_canary_becomes_stable_after_one_more_question(scene: Scene) -> None:
    name = scene.rollout("promoted", steps=STEPS)
    page = scene.visit(f"/rollouts/{name}")
    press(page, "Promote to stable")
    expect(page.locator(".notice")).to_contain_text("more than 50 percentage points")
    assert scene.canary_gets(name) == 5
    press(page, "Promote to stable")

    expect(page.locator(".head .phase")).to_contain_text("Healthy")
    expect(page.locator(".sides")).to_contain_text(f"stable 100% http://{HOST}:{scene.stack.canary_port}")
    assert scene.canary_gets(name) == 20


def test_the_history_leads_back_to_an_earlier_weight(scene: Scene) -> None:
    name = scene.rollout("back", weight=10)
    page = scene.visit(f"/rollouts/{name}", role="operator")
    press(page, "50%")
    expect(page.locator("#weight")).to_have_text("50%")
    page.get_by_role("link", name="Back to 10%").click()
    expect(page.locator(".would")).to_contain_text("from 50% to 10%")
    press(page, "Set weight to 10%")

    seen_in_traefik(page, "10%")
    assert scene.canary_gets(name) == 2


def test_the_history_leads_back_to_the_canary_before_it_was_promoted(scene: Scene) -> None:
    name = scene.rollout("undone", weight=60)
    page = scene.visit(f"/rollouts/{name}")
    press(page, "Promote to stable")
    expect(page.locator(".head .phase")).to_contain_text("Healthy")
    assert scene.canary_gets(name) == 20
    page.locator(".timeline li", has_text="set the weight").get_by_role("link", name="Back to this").click()
    press(page, page.get_by_role("heading", level=1).inner_text().removesuffix("?"))

    seen_in_traefik(page, "60%")
    expect(page.locator(".timeline li").first).to_contain_text("rolled back to an earlier revision")
    assert scene.canary_gets(name) == 12
