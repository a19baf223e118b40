import pytest

from provider.replica.served_counts import COMMON, LATELY_SECONDS, Gateways, Served
from tests.world import Clock


class Fleet:
    """Counts with a clock of the test's."""

    def __init__(self) -> None:
        self.clock = Clock()
        start = self.clock.time
        self.served = Served(lambda: float((self.clock() - start).total_seconds()))

    def add(self, number: int, gateways: Gateways = None) -> None:
        for _ in range(number):
            self.served.change((), gateways)

    def remove(self, number: int, gateways: Gateways = None) -> None:
        for _ in range(number):
            self.served.change(gateways, ())


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.mark.parametrize(("most", "left"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (10, 5)])
def test_up_to_half_may_go_one_by_one_and_then_no_more(fleet: Fleet, most: int, left: int) -> None:
    fleet.add(most)
    while fleet.served.shrink(None, ()) is None:
        fleet.remove(1)

    assert fleet.served.count("edge") == left


def test_who_is_emptied_is_named_and_how(fleet: Fleet) -> None:
    fleet.add(1)
    fleet.add(1, ("edge",))

    assert str(fleet.served.shrink(None, ())) == "a gateway that no rollout names would be served no rollout"
    assert fleet.served.shrink(("edge",), ()) is None
    fleet.add(8, ("edge",))
    fleet.remove(5, ("edge",))
    assert (
        str(fleet.served.shrink(("edge",), ()))
        == "gateway edge would be served 4 of the 10 rollouts that it was served lately"
    )


def test_what_was_served_longer_ago_counts_no_more(fleet: Fleet) -> None:
    fleet.add(10)
    fleet.remove(5)
    fleet.clock.pass_time(LATELY_SECONDS - 1)
    fleet.remove(1)
    fleet.clock.pass_time(2)

    assert fleet.served.most(COMMON) == 5
    assert fleet.served.shrink(None, ()) is None
    fleet.clock.pass_time(LATELY_SECONDS)
    assert fleet.served.most(COMMON) == 4


def test_a_level_counts_from_when_it_ended(fleet: Fleet) -> None:
    fleet.add(10)
    fleet.clock.pass_time(5 * LATELY_SECONDS)
    fleet.remove(4)

    assert fleet.served.most(COMMON) == 10


def test_a_rollout_that_moves_shrinks_those_that_carry_it_no_more(fleet: Fleet) -> None:
    fleet.add(1)

    assert fleet.served.shrink(None, ("edge",))
    assert fleet.served.shrink(None, None) is None
    fleet.served.change(None, ("edge",))
    assert (fleet.served.count("edge"), fleet.served.count("inner")) == (1, 0)
    assert fleet.served.shrink(("edge",), None) is None
    assert fleet.served.shrink(("edge",), ("inner", "edge")) is None
    assert fleet.served.shrink(("edge",), ("inner",))


def test_a_loss_of_more_than_half_is_one_and_what_was_meant_to_go_is_none(fleet: Fleet) -> None:
    fleet.add(4)
    fleet.add(6, ("edge",))

    assert fleet.served.loss([None] * 2) is None
    assert getattr(fleet.served.loss([None] * 3), "gateway", None) == COMMON
    assert getattr(fleet.served.loss([("edge",)] * 6), "gateway", None) == "edge"
    assert fleet.served.loss([], apart_from=[None] * 4) is None
    assert fleet.served.loss([None], apart_from=[None] * 3)
