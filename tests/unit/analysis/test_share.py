from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.domain.analysis import ShareState
from provider.domain.analysis.share import Requests, chance_of_so_few, remembered, share_of
from tests.world import Clock

NOW = Clock().time


def counted(
    canary: int, stable: int, *, reloads: int | None = 0, begin: datetime = NOW, seconds: float = 2
) -> Requests:
    return Requests(begin, begin + timedelta(seconds=seconds), canary, stable, reloads)


def added(pieces: Sequence[Requests], new: Requests, requested: str = "5") -> Sequence[Requests]:
    return remembered(pieces, new, requested=Decimal(requested))


def state(piece: Requests, *, requested: str = "5", may_starve: bool = True) -> ShareState:
    return share_of([piece], requested=Decimal(requested), gateways=1, may_starve=may_starve).state


def words(piece: Requests, *, requested: str = "1", gateways: int = 1) -> str:
    return share_of([piece], requested=Decimal(requested), gateways=gateways).summary


def test_a_share_is_what_was_counted_from_the_first_look_to_the_last() -> None:
    pieces = added([counted(5, 95)], counted(19, 381, begin=NOW + timedelta(seconds=20), reloads=3))
    share = share_of(pieces, requested=Decimal(5), gateways=1)

    assert (share.state, share.summary, share.achieved) == (ShareState.OK, "", 4.8)
    assert (share.canary_requests, share.stable_requests, share.reloads) == (24, 476, 3)
    assert (NOW, NOW + timedelta(seconds=22)) == (share.since, share.measured_at)


def test_without_requests_nothing_is_achieved() -> None:
    share = share_of([counted(0, 0)], requested=Decimal(5), gateways=1)

    assert (share.state, share.achieved, share.summary) == (ShareState.UNKNOWN, None, "no requests yet")


@pytest.mark.parametrize(
    ("canary", "stable", "expected"),
    [
        (0, 200, ShareState.UNKNOWN),
        (0, 269, ShareState.UNKNOWN),
        (0, 270, ShareState.STARVED),
        (10, 990, ShareState.STARVED),
        (25, 975, ShareState.OK),
        (1000, 0, ShareState.OK),
    ],
)
def test_a_canary_is_starved_where_it_gets_less_than_half_and_that_is_no_chance(
    canary: int, stable: int, expected: ShareState
) -> None:
    assert expected is state(counted(canary, stable))


def test_where_requests_do_not_go_by_the_weight_alone_nobody_is_starved() -> None:
    assert ShareState.UNKNOWN is state(counted(0, 10_000), may_starve=False)
    assert ShareState.OK is state(counted(500, 9_500), may_starve=False)


def test_rebuilds_that_explain_it_are_counted_and_the_cure_is_named() -> None:
    said = words(counted(0, 2_000, reloads=20, seconds=60))

    assert "rebuilt 20 times in 1m" in said
    assert "strategy: hrw" in said


@pytest.mark.parametrize(("reloads", "times"), [(1, "once"), (18, "18 times")])
def test_where_rebuilds_do_not_explain_it_the_canary_is_to_be_looked_at(reloads: int, times: str) -> None:
    said = words(counted(0, 2_000, reloads=reloads))

    assert f"rebuilt {times} in 2s, which does not explain it" in said
    assert "hrw" not in said


def test_where_traefik_does_not_tell_its_rebuilds_they_may_be_it() -> None:
    assert "may be rebuilt" in words(counted(0, 2_000, reloads=None))
    assert (counted(0, 1, reloads=None) + counted(0, 1)).reloads is None


def test_what_is_older_than_minutes_is_let_go_where_the_rest_tells_enough() -> None:
    old, new = counted(0, 10_000), counted(50, 950, begin=NOW + timedelta(seconds=182))

    assert [new] == added([old], new)


def test_where_requests_are_few_an_hour_is_remembered_and_no_more() -> None:
    old = counted(0, 100)
    later = counted(0, 100, begin=NOW + timedelta(minutes=50))
    latest = counted(0, 100, begin=NOW + timedelta(minutes=70))

    assert [old, later] == added([old], later)
    assert [later, latest] == added([old, later], latest)


@given(st.lists(st.integers(0, 50), max_size=300))
def test_the_memory_is_bounded_however_often_one_looks(requests: list[int]) -> None:
    pieces: Sequence[Requests] = []
    for number, count in enumerate(requests):
        pieces = added(pieces, counted(0, count, begin=NOW + timedelta(seconds=30 * number), seconds=30))

    assert len(pieces) <= 123


def test_quick_looks_are_added_up_and_none_is_lost() -> None:
    pieces: Sequence[Requests] = []
    for number in range(50):
        pieces = added(pieces, counted(1, 19, begin=NOW + timedelta(seconds=2 * number)))

    assert len(pieces) <= 8
    assert sum(piece.total for piece in pieces) == 1_000


@pytest.mark.parametrize(
    ("hits", "trials", "chance", "exact"),
    [(0, 100, 0.05, 0.00592), (1, 100, 0.05, 0.03708), (10, 1_000, 0.05, 9.5e-13), (30, 1_000, 0.05, 0.00127)],
)
def test_the_bound_is_above_the_chance_and_not_far_from_it(
    hits: int, trials: int, chance: float, exact: float
) -> None:
    bound = chance_of_so_few(hits, trials, chance)

    assert exact * 0.99 <= bound <= exact * 30


def test_as_many_as_expected_or_more_are_no_surprise() -> None:
    assert 1 == chance_of_so_few(5, 100, 0.05) == chance_of_so_few(100, 100, 0.05)
