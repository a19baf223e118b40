"""An open page follows what happens elsewhere, by itself; and says so when it cannot."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from tests.browser.scene import Scene
from tests.e2e.harness import eventually

pytestmark = pytest.mark.traefik

# Far below the ten seconds after which a page asks by itself: within these somebody must have told it.
TOLD_MS = 4_000


def is_live(page: Page) -> None:
    expect(page.locator("#connection")).to_have_text("Live")


@contextmanager
def stopped_traefik(scene: Scene) -> Iterator[None]:
    scene.stack.children["traefik"].send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        scene.stack.children["traefik"].send_signal(signal.SIGCONT)


def test_a_second_tab_follows_a_shift(scene: Scene) -> None:
    name = scene.rollout("followed", weight=10)
    mine, theirs = scene.visit(f"/rollouts/{name}"), scene.visit(f"/rollouts/{name}", role="operator")
    is_live(mine)
    theirs.get_by_label("Reason").fill("from the other tab")
    theirs.get_by_role("button", name="50%", exact=True).click()

    expect(mine.locator("#weight")).to_have_text("50%", timeout=TOLD_MS)
    expect(mine.locator(".head .phase")).to_contain_text("Progressing")
    expect(mine.locator(".timeline li").first).to_contain_text("from the other tab")
    expect(mine.locator(".delivery")).to_contain_text("edge: applied")
    expect(mine.locator("#weight-number")).to_have_value("50")
    assert scene.canary_gets(name) == 10


def test_an_open_page_learns_that_the_canary_was_aborted_and_offers_what_is_possible_now(scene: Scene) -> None:
    name = scene.rollout("follows-abort", weight=50)
    page = scene.visit(f"/rollouts/{name}")
    is_live(page)
    scene.stack.done("POST", f"/rollouts/{name}/abort", {"reason": "errors"})

    expect(page.locator(".head .phase")).to_contain_text("Degraded", timeout=TOLD_MS)
    expect(page.get_by_role("button", name="Abort")).to_have_count(0)
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".head .phase")).not_to_contain_text("Degraded")
    assert scene.status(name)["phase"] != "Degraded"


def test_the_fleet_follows(scene: Scene) -> None:
    name = scene.rollout("fleet-follows", weight=10)
    page = scene.visit("/?q=fleet-follows")
    is_live(page)
    scene.stack.shift(40, name=name)

    expect(page.locator(f"#r-{name} .weight")).to_have_text("40%", timeout=TOLD_MS)
    new = scene.rollout("fleet-follows-2")
    expect(page.locator(f"#r-{new}")).to_be_visible(timeout=TOLD_MS)


def test_a_shift_is_sent_first_and_then_in_traefik(scene: Scene) -> None:
    name = scene.rollout("arrives", weight=0)
    page = scene.visit(f"/rollouts/{name}")
    is_live(page)
    with stopped_traefik(scene):
        # Nothing proves that a Traefik that hangs can take it.
        scene.stack.done("PUT", f"/rollouts/{name}/weight", {"weight": 50, "force": True})
        expect(page.locator("#weight")).to_have_text("50%", timeout=TOLD_MS)
        # A Traefik that hangs is asked before this is said, for as long as a question to its API may take.
        expect(page.locator(".delivery")).to_contain_text("edge: not applied yet", timeout=2 * TOLD_MS)

    expect(page.locator(".delivery")).to_contain_text("edge: applied")
    assert scene.canary_gets(name) == 10


def test_a_lost_connection_is_said_and_recovers_by_itself(scene: Scene) -> None:
    name = scene.rollout("lost", weight=10)
    page = scene.visit(f"/rollouts/{name}")
    is_live(page)
    scene.stop_provider()
    try:
        expect(page.locator("#connection")).to_have_text(
            "Connection lost; this page may be outdated", timeout=TOLD_MS
        )
        assert scene.stack.count(20, host=f"{name}.localhost")["v2"] == 2
    finally:
        scene.start_provider()
    scene.stack.shift(30, name=name)

    is_live(page)
    expect(page.locator("#weight")).to_have_text("30%", timeout=TOLD_MS)
    assert scene.canary_gets(name) == 6
    # The console may say that nobody answered: the page has said so too.
    away = ("net::ERR_", "Failed to fetch")
    scene.problems[:] = [problem for problem in scene.problems if not any(words in problem for words in away)]


def test_a_form_that_is_typed_in_is_left_alone_and_loses_the_race_knowingly(scene: Scene) -> None:
    name = scene.rollout("typed", weight=10)
    page = scene.visit(f"/rollouts/{name}")
    is_live(page)
    page.locator("#weight-number").fill("35")
    page.get_by_label("Reason").fill("mine")
    scene.stack.shift(20, name=name)
    expect(page.locator("#weight")).to_have_text("20%", timeout=TOLD_MS)

    expect(page.locator("#weight-number")).to_have_value("35")
    expect(page.get_by_label("Reason")).to_have_value("mine")
    page.get_by_role("button", name="Set weight", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Version conflict")
    expect(page.locator(".timeline li")).to_have_count(1)
    expect(page.locator(".timeline li")).to_contain_text("admin set the weight 10% → 20%")
    assert scene.canary_gets(name) == 4
    page.get_by_role("button", name="Set weight to 35%").click()
    expect(page.locator(".timeline li").first).to_contain_text("mine")
    assert scene.canary_gets(name) == 7


def test_an_abort_is_done_whatever_others_did_meanwhile(scene: Scene) -> None:
    name = scene.rollout("abort-races", weight=10)
    page = scene.visit(f"/rollouts/{name}", java_script_enabled=False)
    scene.stack.shift(90, name=name)
    page.get_by_role("button", name="Abort", exact=True).click()

    expect(page.locator(".head .phase")).to_contain_text("Degraded")
    assert scene.canary_gets(name) == 0


def test_a_page_of_a_deleted_rollout_does_not_break(scene: Scene) -> None:
    name = scene.rollout("goes-away", weight=10)
    page = scene.visit(f"/rollouts/{name}")
    is_live(page)
    scene.stack.done("DELETE", f"/rollouts/{name}?allowShrink=true")
    eventually(lambda: scene.stack.get(Host=f"{name}.localhost").status_code == 404, what="its route is gone")
    page.get_by_role("button", name="50%", exact=True).click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    # Where the page was still asking whether Traefik has it, that was answered so too.
    scene.problems[:] = [problem for problem in scene.problems if f"/{name}/delivery" not in problem]
