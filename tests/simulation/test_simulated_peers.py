"""The judges that this project's is compared with: each by values that can be checked by hand."""

from collections.abc import Sequence
from math import inf, isclose, log

import pytest

from provider.analysis import Counts, Trials, Window
from simulation.methods import Method
from simulation.peers import (
    FailureLimit,
    GroupSequential,
    MannWhitney,
    MixtureSprt,
    least_shift,
    msprt,
    obrien_fleming,
    z_score,
)
from simulation.traffic import MINUTES, WINDOW_SECONDS, Look

WINDOWS = MINUTES * 60 // WINDOW_SECONDS


def played(method: Method, canary: Sequence[int], *, stable_errors: int = 1, requests: int = 100) -> int | None:
    """Return the window, counted from 1, with which a method rolls back; `canary` are the errors in each window."""
    for number, errors in enumerate(canary, start=1):
        window = Window(stable=Counts(requests, stable_errors), canary=Counts(requests, errors))
        if method.rolls_back(Look(window, minutes=number * WINDOW_SECONDS / 60)):
            return number
    return None


def test_the_difference_of_two_rates_has_a_pooled_error() -> None:
    difference, error = z_score(Trials(1_000, 11), Trials(2_000, 10))

    assert isclose(0.006, difference)
    assert isclose(1.8582, difference / error, abs_tol=1e-3)
    assert (0.0, 0.0) == z_score(Trials(10, 0), Trials(10, 0)) == z_score(Trials(0, 0), Trials(10, 1))


def test_a_mixture_ratio_grows_with_the_difference_and_falls_below_one_for_a_better_canary() -> None:
    ratios = [msprt(Trials(10_000, bad), Trials(10_000, 100), tau=0.01) for bad in (50, 100, 150, 200)]

    assert sorted(ratios) == ratios
    assert ratios[0] < 0 < log(20) < ratios[3]
    assert 0 == msprt(Trials(10, 0), Trials(10, 0), tau=0.01)


def test_a_shift_is_bounded_by_ranks() -> None:
    apart = [float(number) for number in range(10)]

    assert 100 - 9 < least_shift([100 + one for one in apart], apart, z=2.326) < 100
    assert least_shift(apart, apart, z=2.326) < 0
    assert -inf == least_shift([1.0], [0.0], z=2.326)


def test_the_bounds_of_a_group_sequential_test_fall_with_the_looks() -> None:
    bounds = [obrien_fleming(look, looks=6, constant=1.765) for look in range(1, 7)]

    assert sorted(bounds, reverse=True) == bounds
    assert isclose(1.765, bounds[-1])
    assert isclose(1.765 * 6**0.5, bounds[0])


@pytest.mark.parametrize("method", [FailureLimit, MannWhitney, MixtureSprt, GroupSequential])
def test_an_equal_canary_is_kept_and_a_bad_one_is_rolled_back(method: type[Method]) -> None:
    assert played(method(), [1] * WINDOWS) is None
    assert played(method(), [20] * WINDOWS) is not None


def test_four_bad_minutes_are_too_many_for_a_failure_limit_and_no_data_are_none() -> None:
    assert 16 == played(FailureLimit(), [6] * WINDOWS)
    assert played(FailureLimit(), [5] * WINDOWS) is None
    assert played(FailureLimit(), [0] * WINDOWS, requests=1, stable_errors=0) is None
    assert not FailureLimit().rolls_back(Look(Window(), minutes=1))


def test_ranks_are_compared_every_ten_minutes() -> None:
    assert 40 == played(MannWhitney(), [3] * WINDOWS)


def test_a_group_sequential_test_looks_six_times_only() -> None:
    number = played(GroupSequential(), [20] * WINDOWS)

    assert number is not None
    assert number == -(-WINDOWS // 6)
