"""The page of one rollout, and what its buttons do."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from provider.domain.analysis import Exposure
from provider.domain.rollouts import Action, Phase, Server
from provider.store import Change, Key, Kind, Request
from provider.web.pages.timeline import timeline
from tests.canaries import remember, seen
from tests.unit.pages.conftest import Browser
from tests.world import ME, World, spec

STEPS = [{"setWeight": 5}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]


@pytest.fixture
def shop(world: World) -> str:
    world.operations.rollouts.create("shop", spec(steps=STEPS), ME)
    world.caught_up()
    return "/rollouts/shop"


def weight(world: World) -> float:
    return float(world.operations.rollouts.get("shop").status.weight)


def buttons(browser: Browser) -> set[str]:
    return set(re.findall(r'<button name="action" value="([a-z-]+)"', browser.page.text))


@pytest.mark.parametrize(
    ("fields", "reached"), [({"weight": "25"}, 25), ({"quick": "10", "weight": ""}, 10), ({"weight": "7,5 %"}, 7.5)]
)
def test_a_shift_is_made_and_told(
    operator: Browser, shop: str, world: World, fields: dict[str, str], reached: float
) -> None:
    operator.open(shop)
    operator.send(f"{shop}/weight", {**fields, "reason": "looks fine"})

    assert weight(world) == reached
    assert f"{reached:g}% to the canary" in operator.text
    event = world.operations.rollouts.history("shop", limit=1)[0]
    assert (event.actor, event.reason) == ("operator", "looks fine")


@pytest.mark.parametrize("typed", ["", "many", "-1", "101", "5.001", "NaN", "Infinity", "1e1000"])
def test_what_is_no_weight_changes_nothing(operator: Browser, shop: str, world: World, typed: str) -> None:
    operator.open(shop)
    refused = operator.send(f"{shop}/weight", {"weight": typed})

    assert refused.status_code == 422
    assert weight(world) == 5
    assert "must be a number from 0 to 100 with at most two decimals" in operator.text


def test_a_jump_by_more_than_50_points_asks_once_more(operator: Browser, shop: str, world: World) -> None:
    operator.open(shop)
    operator.send(f"{shop}/weight", {"weight": "80", "reason": "sure"})

    assert weight(world) == 5
    assert "by more than 50 percentage points" in operator.text

    operator.send(f"{shop}/weight", {"weight": "80", "confirmed": "yes", "reason": "sure"})

    assert weight(world) == 80


def test_down_needs_no_second_question(operator: Browser, shop: str, world: World) -> None:
    world.operations.rollouts.set_weight("shop", Decimal(100), ME)
    operator.open(shop)
    operator.send(f"{shop}/weight", {"weight": "0"})

    assert weight(world) == 0


def test_the_second_of_two_is_told_what_the_first_did_and_overwrites_nothing(
    operator: Browser, shop: str, world: World
) -> None:
    operator.open(shop)
    world.operations.rollouts.set_weight("shop", Decimal(10), ME)
    refused = operator.send(f"{shop}/weight", {"weight": "25", "reason": "mine"})

    assert refused.status_code == 412
    assert weight(world) == 10
    assert "Your change was not made" in operator.text
    assert "test set the weight 5% → 10%" in operator.text
    assert "The canary goes from 10% to 25%" in operator.text

    operator.send(f"{shop}/weight", {"weight": "25", "confirmed": "yes", "reason": "mine"})

    assert weight(world) == 25


def test_what_is_no_longer_possible_is_said_to_the_second(operator: Browser, shop: str, world: World) -> None:
    operator.open(shop)
    world.operations.rollouts.move("shop", Action.ABORT, ME)
    operator.send(f"{shop}/weight", {"weight": "25"})

    assert operator.page.status_code == 412
    assert "This change is no longer possible." in operator.text


def test_an_abort_is_done_whatever_others_did_meanwhile(operator: Browser, shop: str, world: World) -> None:
    operator.open(shop)
    world.operations.rollouts.set_weight("shop", Decimal(10), ME)
    operator.send(f"{shop}/move", {"action": "abort"})

    assert Phase.DEGRADED is world.operations.rollouts.get("shop").status.phase


def test_a_form_that_is_sent_twice_is_done_once(operator: Browser, shop: str, world: World) -> None:
    operator.open(shop)
    sent = {name: operator.hidden(name) for name in ("csrf", "version", "request")}
    for _ in range(2):
        operator.send(f"{shop}/move", {**sent, "action": "promote"})

    assert operator.page.status_code == 200
    assert weight(world) == 50
    assert Phase.PAUSED is world.operations.rollouts.get("shop").status.phase


@pytest.mark.parametrize(
    ("action", "phase"),
    [
        ("promote", Phase.PAUSED),
        ("promote-full", Phase.HEALTHY),
        ("abort", Phase.DEGRADED),
        ("pause", Phase.PAUSED),
        ("resume", Phase.PAUSED),
        ("skip", Phase.PAUSED),
    ],
)
def test_every_move_has_a_button_that_makes_it(
    operator: Browser, shop: str, world: World, action: str, phase: Phase
) -> None:
    operator.open(shop)

    assert action in buttons(operator)

    operator.send(f"{shop}/move", {"action": action, "confirmed": "yes"})

    assert phase is world.operations.rollouts.get("shop").status.phase


def test_there_are_just_the_buttons_that_the_phase_allows(operator: Browser, shop: str, world: World) -> None:
    world.operations.rollouts.move("shop", Action.ABORT, ME)
    operator.open(shop)

    assert {"retry"} == buttons(operator)
    assert "weight-number" not in operator.page.text


def test_attempt_and_try_are_shown(operator: Browser, shop: str, world: World) -> None:
    for action in (Action.ABORT, Action.RETRY):
        world.operations.rollouts.move("shop", action, ME)
    operator.open(shop)

    assert "Attempt 3, try 2 of this canary" in operator.text
    assert " disabled" not in operator.page.text

    world.operations.rollouts.move("shop", Action.PROMOTE_FULL, ME)
    operator.open(shop)

    assert 'id="attempt"' not in operator.page.text


def test_a_canary_without_tries_left_can_only_be_retried_by_force(operator: Browser, world: World) -> None:
    world.operations.rollouts.create("shop", spec(steps=STEPS, analysis={"maxAttempts": 1}), ME)
    world.operations.rollouts.move("shop", Action.ABORT, ME)
    world.caught_up()
    operator.open("/rollouts/shop")

    assert re.search(r'<button name="action" value="retry"[^>]* disabled>', operator.page.text)
    assert "analysis.maxAttempts" in operator.text

    refused = operator.send("/rollouts/shop/move", {"action": "retry"})
    assert (refused.status_code, world.operations.rollouts.get("shop").status.phase) == (409, Phase.DEGRADED)

    operator.open("/rollouts/shop/outlook?action=retry")
    assert "Nothing was changed" in operator.text
    operator.send("/rollouts/shop/move", {"action": "retry", "confirmed": "yes", "force": operator.hidden("force")})
    assert (
        world.operations.rollouts.get("shop").status.phase,
        world.operations.rollouts.get("shop").status.attempts,
    ) == (Phase.PAUSED, 2)


@pytest.mark.parametrize("action", ["", "advance", "explode"])
def test_what_is_no_move_is_refused(operator: Browser, shop: str, action: str) -> None:
    operator.open(shop)

    assert operator.send(f"{shop}/move", {"action": action}).status_code == 422


def test_a_viewer_sees_no_button_and_is_refused_all_the_same(viewer: Browser, shop: str, world: World) -> None:
    viewer.open(shop)

    assert set() == buttons(viewer)
    assert 'name="quick"' not in viewer.page.text
    for path, fields in (("weight", {"weight": "25"}), ("move", {"action": "abort"}), ("undo", {"revision": "1"})):
        refused = viewer.send(f"{shop}/{path}", {**fields, "version": "1"})
        assert refused.status_code == 403
        assert "your role viewer does not permit this action" in viewer.page.text.lower()
        viewer.open(shop)
    assert weight(world) == 5


def test_a_form_without_its_token_changes_nothing(operator: Browser, shop: str, world: World) -> None:
    for forged in ("", "guessed", "é"):
        operator.open(shop)
        refused = operator.send(f"{shop}/weight", {"weight": "25", "csrf": forged})
        assert refused.status_code == 400
    assert weight(world) == 5


def test_a_form_without_its_version_changes_nothing(operator: Browser, shop: str, world: World) -> None:
    operator.open(shop)

    assert operator.send(f"{shop}/weight", {"weight": "25", "version": ""}).status_code == 400
    assert weight(world) == 5


def test_the_history_leads_back_by_weight_or_to_the_whole_state(
    operator: Browser, admin: Browser, shop: str, world: World
) -> None:
    created = world.operations.rollouts.get("shop").version
    world.operations.rollouts.set_weight("shop", Decimal(10), ME)
    operator.open(shop)

    assert f"{shop}/outlook?weight=5" in operator.page.text

    world.operations.rollouts.move("shop", Action.PROMOTE_FULL, ME)
    operator.open(shop)
    admin.open(shop)

    assert "outlook?" not in operator.page.text
    assert f"{shop}/outlook?revision={created}" in admin.page.text

    admin.open(f"{shop}/outlook?revision={created}")
    assert "Roll back to revision" in admin.text
    admin.send(f"{shop}/undo", {"revision": str(created), "confirmed": "yes"})

    assert weight(world) == 5


@pytest.mark.parametrize("action", [one for one in Action if one not in {Action.START, Action.EDIT, Action.REMOVE}])
def test_every_action_of_the_history_is_a_sentence(action: Action, world: World) -> None:
    """Those that are left out are recorded as `canary` and `replace`."""
    rollout = world.operations.rollouts.create("blog", spec(rule="Host(`blog.localhost`)"), ME)
    event = replace(world.operations.rollouts.history("blog", limit=1)[0], action=action)

    assert str(action) != timeline([event], rollout)[0].did


@pytest.mark.parametrize("revision", ["", "x", "999", "9" * 30])
def test_a_way_back_that_does_not_exist_is_said(admin: Browser, shop: str, revision: str) -> None:
    assert admin.open(f"{shop}/outlook?revision={revision}").status_code in {404, 422}


def test_a_reason_of_two_lines_does_not_stop_a_change(operator: Browser, shop: str, world: World) -> None:
    operator.open(shop)
    operator.send(f"{shop}/weight", {"weight": "25", "reason": "a\nb"})

    assert weight(world) == 25


def test_what_is_shown_is_never_markup(admin: Browser, shop: str, world: World) -> None:
    reason = "<script>alert(1)</script>"
    admin.open(shop)
    admin.send(f"{shop}/weight", {"weight": "6", "reason": reason})

    assert reason not in admin.page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in admin.page.text


def test_a_damaged_document_is_a_page_that_says_so(admin: Browser, shop: str, world: World) -> None:
    key = Key(Kind.ROLLOUT, "shop")
    stored, _ = world.store.read(key)
    assert stored
    world.store.commit(Change(key, stored.version, '{"spec": 7}', "meddle", "bob", "", Request("meddle", "")))
    answer = admin.open(shop)

    assert answer.status_code == 409
    assert "Stored document is corrupt" in admin.text


def test_the_word_after_a_change_is_said_once_and_not_to_a_part_of_another_tab(
    operator: Browser, shop: str, world: World
) -> None:
    operator.open(shop)
    operator.send(f"{shop}/weight", {"weight": "25"}, follows=False)

    assert 'class="word"' not in operator.open(shop, HX_Request="true").text
    assert 'class="word"' in operator.open(shop).text
    assert 'class="word"' not in operator.open(shop).text


def test_how_many_servers_were_found_is_told_and_why_some_are_kept(viewer: Browser, world: World) -> None:
    found = {"discover": {"registered": "v2"}}
    world.operations.discovery.announce("crew", "v2", "one", Server(url="http://127.0.0.1:9"), seconds=5)
    world.operations.rollouts.create("crew", spec(rule="Host(`crew.localhost`)", canary=found), ME)
    world.caught_up()
    viewer.open("/rollouts/crew")
    assert "instances of v2, 1 found" in viewer.text

    world.operations.discovery.withdraw("crew", "v2", "one")
    world.caught_up()
    viewer.open("/rollouts/crew")
    assert "instances of v2, 1 found; kept: no instance of v2 has registered" in viewer.text


def test_servers_are_shown_with_what_is_particular_to_each(operator: Browser, world: World) -> None:
    servers = [{"url": "http://a:1", "weight": 2}, {"url": "http://b:1", "drain": True}, {"url": "http://c:1"}]
    world.operations.rollouts.create("blog", spec(rule="Host(`blog.localhost`)", stable={"servers": servers}), ME)
    world.caught_up()
    operator.open("/rollouts/blog")

    assert "http://a:1 (weight 2), http://b:1 (draining), http://c:1" in operator.text


def test_a_warm_up_is_shown(operator: Browser, world: World) -> None:
    rollout = world.operations.rollouts.create("shop", spec(steps=[{"analysis": {"until": "known"}}]), ME)
    remember(world.operations, "shop", seen(rollout, [], now=world.clock(), exposure=Exposure(weight=5)))
    world.caught_up()
    operator.open("/rollouts/shop")

    assert "Warming up for 30 s more" in operator.text


def test_the_baseline_is_shown_with_its_share(viewer: Browser, world: World) -> None:
    baseline = {"servers": [{"url": "http://127.0.0.1:9003"}]}
    world.operations.rollouts.create("shop", spec(steps=[{"setWeight": 50}, {"pause": {}}], baseline=baseline), ME)
    world.caught_up()
    viewer.open("/rollouts/shop")

    assert "baseline 40% http://127.0.0.1:9003" in " ".join(viewer.text.split())
    assert '<rect class="baseline"' in viewer.page.text
