"""The upper confidence bound of the canary's own rate."""

from functools import partial
from math import isclose, lgamma, log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.domain.analysis import Trials
from provider.domain.analysis.bound import upper_bound

bound = partial(upper_bound, beta=0.05, dispersion=1, tolerated=0.01)


@pytest.mark.parametrize("trials", [Trials(0, 0), Trials(7, 7)])
def test_nothing_good_seen_bounds_nothing(trials: Trials) -> None:
    assert bound(trials) == 1


def test_some_four_hundred_requests_without_an_error_are_surely_below_one_per_cent() -> None:
    assert bound(Trials(409, 0)) > 0.01
    assert bound(Trials(410, 0)) < 0.01


@pytest.mark.parametrize(("total", "bad"), [(100, 0), (100, 7), (10_000, 13), (1_000_000, 4_711)])
def test_the_bound_is_where_the_mixture_reaches_one_over_beta(total: int, bad: int) -> None:
    def log_beta(a: float, b: float) -> float:
        return lgamma(a) + lgamma(b) - lgamma(a + b)

    rate = bound(Trials(total, bad))
    mixture = log_beta(0.5 + bad, 49.5 + total - bad) - log_beta(0.5, 49.5)

    assert rate > bad / total
    assert isclose(log(20), mixture - bad * log(rate) - (total - bad) * log(1 - rate), abs_tol=1e-3)


@given(st.integers(1, 10_000), st.data())
def test_the_bound_is_above_what_was_seen_and_rises_with_it(total: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, total - 1))

    assert bad / total < bound(Trials(total, bad)) <= bound(Trials(total, bad + 1)) <= 1


@given(st.integers(1, 10_000), st.integers(0, 100), st.floats(1, 50))
def test_dispersion_loosens_it(total: int, bad: int, dispersion: float) -> None:
    trials = Trials(total + bad, bad)

    assert bound(trials) <= bound(trials, dispersion=dispersion) + 1e-9


def test_it_is_wrong_at_any_look_of_a_run_at_most_as_often_as_it_says() -> None:
    random = Random(5)  # noqa: S311 nothing is secret
    wrong = sum(_is_ever_below_the_true_rate(random) for _ in range(200))

    assert wrong <= 10


def _is_ever_below_the_true_rate(random: Random) -> bool:
    """Look after every tenth of a thousand requests of which 1% go badly."""
    bad = 0
    for total in range(10, 1_001, 10):
        bad += sum(random.random() < 0.01 for _ in range(10))
        if bad < total * 0.01 and bound(Trials(total, bad)) < 0.01:
            return True
    return False
