"""The plan on the page of a rollout, and warnings in the editor."""

import pytest

from tests.canaries import remember, seen
from tests.unit.pages.conftest import Browser
from tests.world import ME, World, spec

STEPS = [{"setWeight": 5}, {"analysis": {"duration": "10s"}}, {"pause": {}}]


@pytest.fixture
def shop(world: World) -> str:
    world.operations.rollouts.create("shop", spec(steps=STEPS), ME)
    world.caught_up()
    return "/rollouts/shop"


def measure(world: World) -> None:
    rollout = world.operations.rollouts.get("shop")
    remember(world.operations, "shop", seen(rollout, [((475, 5), (25, 0))], now=world.clock()))


def test_without_measured_traffic_the_page_says_how_to_plan(viewer: Browser, shop: str) -> None:
    viewer.open(shop)

    assert "traefik-canary plan shop --rate" in viewer.text


def test_the_page_shows_the_plan_its_warnings_and_when_more_is_known(
    viewer: Browser, shop: str, world: World
) -> None:
    measure(world)
    viewer.open(shop)

    assert "Forecast at 100 requests/s" in viewer.text
    assert "Step 2 (5%, 10s): about 50 canary requests" in viewer.text
    assert "at this rate" in viewer.text


def test_a_rollout_without_steps_has_no_plan(viewer: Browser, world: World) -> None:
    world.operations.rollouts.create("plain", spec(), ME)
    world.caught_up()
    viewer.open("/rollouts/plain")

    assert "What each step can show" not in viewer.text
