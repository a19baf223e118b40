from decimal import Decimal

import pytest

from provider.domain.analysis import Share, ShareState
from provider.domain.gateways import Condition, GatewayHealth
from provider.services import Observations, Traffic
from tests.world import ME, World, spec

FIVE = [{"setWeight": 5}, {"pause": {}}]


@pytest.fixture
def shop(world: World) -> str:
    world.operations.rollouts.create("shop", spec(steps=FIVE), ME)
    world.caught_up()
    return "shop"


def seen(world: World, *, requested: int = 5) -> Share:
    now = world.clock.time
    return Share(
        state=ShareState.OK, summary="", requested=Decimal(requested), achieved=4.8, since=now, measured_at=now
    )


def other_worker(world: World) -> Traffic:
    return Traffic(world.store, world.feed)


def test_every_worker_reads_what_one_has_published(world: World, shop: str) -> None:
    world.operations.traffic.publish({shop: seen(world)}, seconds=15)

    assert {shop: seen(world)} == other_worker(world).shares()
    assert seen(world) == other_worker(world).share(shop)


def test_what_is_old_is_not_shown_as_if_it_were_now(world: World, shop: str) -> None:
    world.operations.traffic.publish({shop: seen(world)}, seconds=15)
    world.clock.pass_time(15)
    traffic = other_worker(world)

    assert traffic.shares() == {}
    assert traffic.share(shop).summary == "not measured yet (the controller samples traffic every 2 s)"


def test_a_controller_that_is_overdue_is_said_to_be_missing(world: World, shop: str) -> None:
    world.clock.pass_time(16)

    assert (
        other_worker(world).share(shop).summary == "not measured: no controller has reported lately; is one running?"
    )


def test_the_share_at_another_weight_is_not_the_share_at_this_one(world: World, shop: str) -> None:
    world.operations.traffic.publish({shop: seen(world, requested=6)}, seconds=15)
    share = world.operations.traffic.share(shop)

    assert world.operations.traffic.shares() == {}
    assert (ShareState.UNKNOWN, "not measured yet (the controller samples traffic every 2 s)", Decimal(5)) == (
        share.state,
        share.summary,
        share.requested,
    )


@pytest.mark.parametrize("weight", [0, 100])
def test_where_all_requests_go_to_one_side_there_is_no_share(world: World, shop: str, weight: int) -> None:
    world.operations.rollouts.set_weight(shop, Decimal(weight), ME)
    world.caught_up()
    world.operations.traffic.publish({shop: seen(world, requested=weight)}, seconds=15)

    assert world.operations.traffic.shares() == {}
    assert world.operations.traffic.share(shop).summary == "all requests go to one side"


def test_nonsense_in_the_store_is_nothing(world: World, shop: str) -> None:
    world.store.keep("shares", "nonsense", seconds=15)
    world.store.keep("gateways", '{"gateways": 7}', seconds=15)

    assert other_worker(world).shares() == {}
    assert Observations(world.store).conditions() == {}


def test_the_store_is_asked_once_however_often_it_is_read(world: World, shop: str) -> None:
    traffic = other_worker(world)
    assert traffic.shares() == {}
    world.operations.traffic.publish({shop: seen(world)}, seconds=15)

    assert traffic.shares() == {}


def test_conditions_are_read_by_every_worker(world: World) -> None:
    condition = Condition(health=GatewayHealth.NOT_POLLING, since=world.clock.time, errors=("a",), traefik="3.7.15")
    world.operations.observations.publish({"edge": condition}, seconds=15)

    assert {"edge": condition} == Observations(world.store).conditions()
