from datetime import datetime
from typing import Any

import pytest

from provider.controller import Controller
from provider.operations import Call
from provider.rollouts import Phase, Rollout
from provider.store import Key, Kind, StoreUnavailableError
from tests.world import ME, World, spec, wait_until

TIMED = [{"setWeight": 5}, {"pause": {"duration": "10m"}}, {"setWeight": 50}, {"pause": {}}]


@pytest.fixture
def controller(world: World) -> Controller:
    return Controller(world.store, world.feed, world.operations.rollouts)


def created(world: World, **changes: Any) -> None:
    world.operations.rollouts.create("shop", spec(**changes), ME)
    world.caught_up()


def status(world: World) -> tuple[Phase, int]:
    rollout = world.operations.rollouts.get("shop")
    return rollout.status.phase, int(rollout.status.weight)


def test_a_pause_that_is_not_over_is_left_alone(world: World, controller: Controller) -> None:
    created(world, steps=TIMED)
    world.clock.pass_time(599)

    assert 0 == controller.tick()
    assert (Phase.PAUSED, 5) == status(world)


def test_a_pause_that_is_over_ends_once(world: World, controller: Controller) -> None:
    created(world, steps=TIMED)
    world.clock.pass_time(600)

    assert 1 == controller.tick()
    world.caught_up()
    assert 0 == controller.tick()
    assert (Phase.PAUSED, 50) == status(world)
    assert "controller" == world.operations.rollouts.history("shop", limit=1)[0].actor


def test_a_pause_for_a_person_never_ends_by_itself(world: World, controller: Controller) -> None:
    created(world, steps=[{"setWeight": 5}, {"pause": {}}])
    world.clock.pass_time(10**8)

    assert 0 == controller.tick()


def test_two_controllers_do_nothing_twice(world: World, controller: Controller) -> None:
    created(world, steps=TIMED)
    world.clock.pass_time(600)
    # The second one still sees the rollout as it was before the first one moved it.
    stale = world.operations.rollouts.get("shop")
    assert 1 == controller.tick()
    second = Controller(world.store, world.feed, world.operations.rollouts)

    assert not second._take(stale)
    assert (Phase.PAUSED, 50) == status(world)


def test_a_rollout_that_fails_is_put_off_and_holds_up_no_other(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(type(world.operations.rollouts)):  # type: ignore[misc]
        def advance(self, name: str, call: Call) -> Rollout:
            if name == "bad":
                raise RuntimeError("unforeseen")
            return super().advance(name, call)  # type: ignore[no-any-return]

    failing = Failing(world.store, world.feed)
    controller = Controller(world.store, world.feed, failing)
    world.operations.rollouts.create("bad", spec(steps=TIMED), ME)
    created(world, steps=TIMED)
    world.clock.pass_time(600)

    assert 1 == controller.tick()
    assert (Phase.PAUSED, 50) == status(world)
    world.caught_up()
    assert 0 == controller.tick()
    assert 1 == caplog.messages.count("rollout.put_off")


def test_a_store_that_is_away_is_no_failure(world: World, controller: Controller) -> None:
    created(world, steps=TIMED)

    def away() -> datetime:
        raise StoreUnavailableError("away")

    world.clock.pass_time(600)
    world.store.clock = away

    assert 0 == controller.tick()


def test_the_loop_runs_until_the_feed_closes(world: World, controller: Controller) -> None:
    created(world, steps=[{"pause": {"duration": "1ms"}}])
    world.clock.pass_time(1)
    controller.start()

    assert wait_until(lambda: status(world)[0] is Phase.HEALTHY)
    assert world.store.read(Key(Kind.ROLLOUT, "shop"))[0]
