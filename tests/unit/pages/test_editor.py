"""The form by which rollouts are made, edited and deleted."""

from decimal import Decimal

import pytest

from provider.web.pages.form import Fields
from tests.unit.pages.conftest import Browser
from tests.world import ME, World, spec

SHOP = {
    "name": "shop",
    "rule": "Host(`shop.localhost`)",
    "stable": "http://10.0.0.1:8080",
    "canary": "",
    "steps": "5%\npause",
    "strategy": "wrr",
}


@pytest.fixture
def shop(world: World) -> str:
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    return "/rollouts/shop"


def edited(world: World) -> dict[str, str]:
    """Give the fields as the form of the stored rollout has them."""
    return dict(vars(Fields.of(world.operations.rollouts.get("shop").spec)))


def test_a_rollout_is_made(admin: Browser, world: World) -> None:
    admin.open("/new")
    admin.send("/new", {**SHOP, "reason": "a new shop"})

    assert admin.last_redirect.location == "/rollouts/shop"
    assert "Rollout shop created." in admin.text
    assert world.operations.rollouts.history("shop", limit=1)[0].reason == "a new shop"


def test_nothing_is_made_by_a_look(admin: Browser, world: World) -> None:
    admin.open("/new")
    admin.send("/new", {**SHOP, "preview": "yes"})

    assert "Preview" in admin.text
    assert "+ rule: Host(`shop.localhost`)" in admin.text
    assert 'value="shop"' in admin.page.text
    assert list(world.operations.rollouts.all()) == []


def test_every_mistake_is_told_and_what_was_typed_is_kept(admin: Browser, world: World) -> None:
    admin.open("/new")
    refused = admin.send("/new", {**SHOP, "name": "Shop!", "rule": "Hots(`a`)", "steps": "wobble", "reason": "r"})

    assert refused.status_code == 422
    assert "Nothing was saved. Correct the 3 fields" in admin.text
    for kept in ("Shop!", "Hots(`a`)", "wobble", "http://10.0.0.1:8080"):
        assert kept in admin.page.text
    assert list(world.operations.rollouts.all()) == []


def test_a_name_that_is_taken_is_said_beside_it(admin: Browser, shop: str) -> None:
    admin.open("/new")

    assert admin.send("/new", SHOP).status_code == 409
    assert "there is a rollout shop already" in admin.text


def test_the_form_shows_what_is_stored_and_saving_it_changes_nothing(admin: Browser, shop: str, world: World) -> None:
    before = world.operations.rollouts.get("shop")
    admin.open(f"{shop}/edit")
    admin.send(f"{shop}/edit", edited(world))

    assert "No changes." in admin.text
    assert world.operations.rollouts.get("shop") == before


def test_a_spec_is_changed(admin: Browser, shop: str, world: World) -> None:
    admin.open(f"{shop}/edit")
    admin.send(f"{shop}/edit", {**edited(world), "more": "priority: 50", "reason": "first"})

    assert "Spec saved." in admin.text
    assert world.operations.rollouts.get("shop").spec.priority == 50


def test_a_look_shows_what_traefik_would_be_told(admin: Browser, shop: str, world: World) -> None:
    before = world.operations.rollouts.get("shop")
    admin.open(f"{shop}/edit")
    admin.send(f"{shop}/edit", {**edited(world), "more": "priority: 50", "preview": "yes"})

    assert "+ priority: 50" in admin.text
    assert world.operations.rollouts.get("shop") == before


def test_who_saves_second_is_told_what_the_first_did_and_keeps_their_text(
    admin: Browser, shop: str, world: World
) -> None:
    admin.open(f"{shop}/edit")
    mine = {**edited(world), "more": "priority: 50"}
    world.operations.rollouts.set_weight("shop", Decimal(10), ME)
    refused = admin.send(f"{shop}/edit", mine)

    assert refused.status_code == 412
    assert "test set the weight 0% → 10%" in admin.text
    assert "priority: 50" in admin.page.text
    assert world.operations.rollouts.get("shop").spec.priority is None

    admin.send(f"{shop}/edit", mine)

    assert world.operations.rollouts.get("shop").spec.priority == 50


def test_a_form_that_comes_back_with_a_mistake_is_still_of_the_version_that_it_was_made_for(
    admin: Browser, shop: str, world: World
) -> None:
    admin.open(f"{shop}/edit")
    world.operations.rollouts.set_weight("shop", Decimal(10), ME)
    admin.send(f"{shop}/edit", {**edited(world), "rule": "wrong"})

    assert admin.send(f"{shop}/edit", edited(world)).status_code == 412


def test_who_would_empty_a_gateway_is_asked_and_saves_again(admin: Browser, shop: str, world: World) -> None:
    admin.open(f"{shop}/edit")
    moved = {**edited(world), "gateways": "inner"}
    asked = admin.send(f"{shop}/edit", moved)

    assert asked.status_code == 409
    assert "would be served no rollout; save again to confirm" in admin.text
    assert world.operations.rollouts.get("shop").spec.gateways is None

    admin.send(f"{shop}/edit", {**moved, "confirmed": "yes"})

    assert world.operations.rollouts.get("shop").spec.gateways == ("inner",)


def test_a_rollout_is_deleted_after_a_question(admin: Browser, shop: str, world: World) -> None:
    admin.open(f"{shop}/delete")

    assert "Traefik then responds with 404" in admin.text

    admin.send(f"{shop}/delete")

    assert "shop deleted" in admin.text
    assert list(world.operations.rollouts.all()) == []


@pytest.mark.parametrize("path", ["/new", "/rollouts/shop/edit", "/rollouts/shop/delete"])
def test_an_operator_does_not_get_at_it(operator: Browser, shop: str, path: str) -> None:
    assert operator.open(path).status_code == 403
    operator.open(shop)
    assert operator.send(path, SHOP).status_code == 403


@pytest.mark.parametrize(("rule", "words"), [("Host(`a`)", "Valid Traefik rule"), ("Host(a)", "column"), ("  ", "")])
def test_a_rule_is_checked_while_it_is_typed(admin: Browser, rule: str, words: str) -> None:
    admin.open("/rule?rule=" + rule.replace("`", "%60"), HX_Request="true")

    assert words in admin.text


def test_another_stable_version_is_saved_only_with_the_box_ticked(admin: Browser, shop: str, world: World) -> None:
    admin.open(f"{shop}/edit")
    other = {**edited(world), "stable": "http://10.0.0.9:8080", "canary": ""}
    refused = admin.send(f"{shop}/edit", other)

    assert refused.status_code == 409
    assert 'name="replace_stable"' in admin.page.text
    assert spec().stable == world.operations.rollouts.get("shop").spec.stable

    admin.send(f"{shop}/edit", {**other, "preview": "yes", "replace_stable": "yes"})

    assert "Preview" in admin.text

    admin.send(f"{shop}/edit", {**other, "replace_stable": "yes"})

    assert world.operations.rollouts.get("shop").status.reason == "stable was replaced"


def test_steps_that_cannot_conclude_are_warned_of_before_and_after_saving(admin: Browser) -> None:
    hopeless = {**SHOP, "steps": "analyze for 10m\n5%\npause"}
    admin.open("/new")
    admin.send("/new", {**hopeless, "preview": "yes"})
    warned = "tep 1 analyzes the canary at a weight of 0"
    assert f"S{warned}" in admin.text

    admin.send("/new", hopeless)
    assert f"Warning: s{warned}" in admin.text
