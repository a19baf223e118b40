"""Probabilities that a forecast is made of, against exact or simulated values."""

from math import isclose
from random import Random

import pytest

from provider.domain.analysis.first_passage import (
    median_seconds,
    poisson_at_least,
    poisson_at_most,
    poisson_highest,
    reached,
)


@pytest.mark.parametrize(
    ("mean", "variance", "bound", "expected"),
    [(0, 1, 0, 1.0), (5, 0, 4, 1.0), (3, 0, 4, 0.0), (0, 1, 1.0, 0.3173), (100, 1, 10, 1.0), (-100, 1, 10, 0.0)],
)
def test_a_motion_has_reached_a_bound(mean: float, variance: float, bound: float, expected: float) -> None:
    assert pytest.approx(reached(mean, variance, bound), abs=1e-4) == expected


def test_a_rising_motion_reaches_a_bound_as_often_as_simulated() -> None:
    random, steps, runs = Random(1), 400, 1_500  # noqa: S311 simulated
    hits = 0
    for _ in range(runs):
        value = 0.0
        for _ in range(steps):
            value += random.gauss(3 / steps, (4 / steps) ** 0.5)
            if value >= 3:
                hits += 1
                break

    assert hits / runs == pytest.approx(reached(3, 4, 3), abs=0.06)


def test_poisson_probabilities() -> None:
    assert poisson_at_least(0, 3) == 1.0
    assert poisson_at_most(-1, 3) == 0.0
    assert poisson_at_most(0, 0) == 1.0
    assert pytest.approx(poisson_at_most(3, 3), abs=1e-4) == 0.6472
    assert pytest.approx(poisson_at_most(5_000, 5_000), abs=0.01) == 0.5
    assert isclose(poisson_at_least(1, 0.5), 1 - 0.60653066, abs_tol=1e-6)


@pytest.mark.parametrize("mean", [0.01, 1.5, 30, 480])
@pytest.mark.parametrize("exceeded", [0.5, 0.01, 1e-6])
def test_the_highest_number_is_the_smallest_that_is_exceeded_so_rarely(mean: float, exceeded: float) -> None:
    highest = poisson_highest(mean, exceeded=exceeded)

    assert poisson_at_least(highest + 1, mean) <= exceeded
    assert highest == 0 or poisson_at_least(highest, mean) > exceeded


def test_the_normal_distribution_continues_the_exact_one() -> None:
    assert abs(poisson_highest(501, exceeded=0.001) - poisson_highest(499, exceeded=0.001)) <= 4
    assert poisson_at_most(520, 501) == pytest.approx(poisson_at_most(518, 499), abs=0.01)


def test_the_median_is_where_one_half_is_reached() -> None:
    assert pytest.approx(median_seconds(lambda seconds: seconds / 240), rel=0.001) == 120
    assert median_seconds(lambda _: 0.4) is None
    assert pytest.approx(median_seconds(lambda _: 1.0), abs=0.001) == 0
