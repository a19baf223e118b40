"""The simulation's random numbers have the mean and the variance that they should."""

from math import isclose, sqrt
from random import Random
from statistics import fmean, variance

import pytest

from tools.simulation.draws import binomial, poisson

DRAWS = 20_000


@pytest.mark.parametrize("mean", [0.75, 37.5, 712.5])
def test_a_poisson_number_has_its_mean_and_variance(mean: float) -> None:
    random = Random(1)  # noqa: S311
    drawn = [poisson(mean, random) for _ in range(DRAWS)]

    assert isclose(fmean(drawn), mean, abs_tol=4 * sqrt(mean / DRAWS))
    assert isclose(variance(drawn), mean, rel_tol=0.06)


@pytest.mark.parametrize(
    ("trials", "probability"), [(0, 0.5), (3, 0.0), (3, 1.0), (15, 0.005), (375, 0.09), (9_000, 0.3)]
)
def test_a_binomial_number_has_its_mean_and_variance(trials: int, probability: float) -> None:
    random = Random(2)  # noqa: S311
    drawn = [binomial(trials, probability, random) for _ in range(DRAWS)]
    spread = trials * probability * (1 - probability)

    assert isclose(fmean(drawn), trials * probability, abs_tol=4 * sqrt(spread / DRAWS))
    assert isclose(variance(drawn), spread, rel_tol=0.06, abs_tol=1e-9)
    assert all(0 <= bad <= trials for bad in drawn)


def test_nothing_is_drawn_where_nothing_is_expected() -> None:
    assert poisson(0, Random(3)) == 0  # noqa: S311
