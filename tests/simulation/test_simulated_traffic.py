"""The simulation's draws: what they are said to be, on average."""

from math import isclose, sqrt
from random import Random
from statistics import fmean, variance

import pytest

from simulation.traffic import MEAN_ERRORS, MINUTES, Cell, binomial, looks, poisson

DRAWS = 20_000


@pytest.mark.parametrize("mean", [0.75, 37.5, 712.5])
def test_as_many_requests_come_as_are_expected_and_they_vary_as_chance_does(mean: float) -> None:
    random = Random(1)  # noqa: S311 nothing is secret
    drawn = [poisson(mean, random) for _ in range(DRAWS)]

    assert isclose(mean, fmean(drawn), abs_tol=4 * sqrt(mean / DRAWS))
    assert isclose(mean, variance(drawn), rel_tol=0.06)


@pytest.mark.parametrize(("trials", "probability"), [(0, 0.5), (3, 0.0), (15, 0.005), (375, 0.09)])
def test_as_many_go_badly_as_are_expected_and_they_vary_as_chance_does(trials: int, probability: float) -> None:
    random = Random(2)  # noqa: S311 nothing is secret
    drawn = [binomial(trials, probability, random) for _ in range(DRAWS)]
    spread = trials * probability * (1 - probability)

    assert isclose(trials * probability, fmean(drawn), abs_tol=4 * sqrt(spread / DRAWS))
    assert isclose(spread, variance(drawn), rel_tol=0.06, abs_tol=1e-9)
    assert all(0 <= bad <= trials for bad in drawn)


@pytest.mark.parametrize("burst", [1, 5])
def test_a_ramp_has_the_rate_the_weights_and_the_errors_that_it_should(burst: int) -> None:
    windows = [look.window for run in range(8) for look in looks(Cell(50, 2, burst), Random(run))]  # noqa: S311
    canary = sum(window.canary.requests for window in windows)
    stable = sum(window.stable.requests for window in windows)

    assert isclose(50, (canary + stable) / (8 * MINUTES * 60), rel_tol=0.01)
    assert isclose(0.275, canary / (canary + stable), rel_tol=0.01)
    assert isclose(2 * MEAN_ERRORS, sum(window.canary.errors for window in windows) / canary, rel_tol=0.1)
    assert isclose(MEAN_ERRORS, sum(window.stable.errors for window in windows) / stable, rel_tol=0.1)
    assert all(window.canary.errors % burst in {0, window.canary.requests % burst} for window in windows)
