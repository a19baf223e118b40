"""A store's clock that jumps moves what waits for a time, and nothing else."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from provider.workers import Controller
from tests.canaries import Confirmed
from tests.world import ME, World, spec

HOUR = 3_600
STEPS = [{"setWeight": 5}, {"pause": {"duration": "10m"}}, {"setWeight": 50}, {"pause": {}}]


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    world.start()
    yield world
    world.feed.close()


@pytest.fixture
def controller(world: World) -> Controller:
    return Controller(world.operations, proof=Confirmed())


def ticked(world: World, controller: Controller) -> int:
    world.caught_up()
    return controller.tick()


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_versions_rise_and_the_history_keeps_its_order_whatever_the_clock_says(world: World, jump: int) -> None:
    rollouts = world.operations.rollouts
    first = rollouts.create("shop", spec(), ME)
    world.clock.pass_time(jump)
    second = rollouts.set_weight("shop", Decimal(20), ME)
    world.caught_up()

    assert first.version < second.version
    assert [second.version, first.version] == [event.revision for event in rollouts.history("shop", limit=9)]
    assert [second] == list(rollouts.all())


def test_a_clock_that_jumps_back_makes_a_timed_pause_longer(world: World, controller: Controller) -> None:
    world.operations.rollouts.create("shop", spec(steps=STEPS), ME)
    world.clock.pass_time(-HOUR)

    assert ticked(world, controller) == 0
    world.clock.pass_time(HOUR + 599)
    assert ticked(world, controller) == 0
    world.clock.pass_time(1)
    assert ticked(world, controller) == 1
    assert world.operations.rollouts.get("shop").status.weight == 50


def test_a_clock_that_jumps_ahead_ends_a_timed_pause_once(world: World, controller: Controller) -> None:
    world.operations.rollouts.create("shop", spec(steps=STEPS), ME)
    world.clock.pass_time(24 * HOUR)

    assert ticked(world, controller) == 1
    assert ticked(world, controller) == 0
    world.clock.pass_time(-24 * HOUR)
    assert ticked(world, controller) == 0
    assert world.operations.rollouts.get("shop").status.weight == 50
