"""Everything can be done without a mouse, in the order in which it is read, and one sees where one is."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.scene import NARROW, WIDE, Scene

pytestmark = pytest.mark.traefik

CONTROLS = """() => {
  const found = [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')];
  const shown = found.filter((one) => one.checkVisibility({visibilityProperty: true}));
  shown.forEach((one, index) => one.dataset.order = index);
  return shown.length;
}"""
FOCUSED = """() => {
  const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
  return [Number(one.dataset.order ?? -1), style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
          box.bottom > 0 && box.top < innerHeight];
}"""


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("path", ["/", "/rollouts/basket", "/rollouts/basket/edit", "/gateways", "/tokens"])
def test_tab_reaches_everything_in_the_order_of_reading_and_shows_where_one_is(
    furnished_scene: Scene, scene: Scene, path: str, size: dict[str, int]
) -> None:
    page = scene.visit(path, viewport=size)
    controls = page.evaluate(CONTROLS)
    stops = [tabbed(page) for _ in range(controls)]

    assert [(number, True, True) for number in range(controls)] == stops


def tabbed(page: Page) -> tuple[int, bool, bool]:
    page.keyboard.press("Tab")
    number, has_outline, is_in_view = page.evaluate(FOCUSED)
    return number, has_outline, is_in_view


def test_the_first_tab_leads_past_the_navigation(scene: Scene) -> None:
    page = scene.visit("/rollouts/shop")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    expect(page.get_by_role("main").get_by_role("link", name="Edit")).to_be_focused()


def test_a_rollout_is_shifted_and_aborted_by_keys_alone(scene: Scene) -> None:
    name = scene.rollout("by-keys", weight=10)
    page = scene.visit(f"/rollouts/{name}")
    page.get_by_role("slider").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("40")
    page.keyboard.press("Enter")
    expect(page.locator("#weight")).to_have_text("40%")
    assert scene.canary_gets(name) == 8
    page.get_by_role("button", name="Abort", exact=True).focus()
    page.keyboard.press("Space")

    expect(page.locator(".head .phase")).to_contain_text("Degraded")
    assert scene.canary_gets(name) == 0
