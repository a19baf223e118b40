"""The two e-processes of a comparison: no evidence from nothing, and on average none where there is none."""

from itertools import product
from math import comb, exp, fsum, isclose, log
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider.domain.analysis import Trials
from provider.domain.analysis.comparison import ODDS, Comparison, one_sample_gains
from provider.domain.analysis.mixture import Mixture, log_mean
from tools.simulation.draws import binomial, poisson

SHAPES = [(1, 1), (1, 9), (3, 5), (6, 2)]


def compared(canary: Trials, stable: Trials, *, margin: float = 2, dispersion: float = 1) -> Comparison:
    return Comparison().updated(canary=canary, stable=stable, margin=margin, dispersion=dispersion)


def mean_over_outcomes(
    canary: int, stable: int, *, rates: tuple[float, float], worse: bool, dispersion: float
) -> float:
    """Give the mean of an e-value over everything that so many requests with these rates can come to."""

    def binomial(requests: int, bad: int, rate: float) -> float:
        return comb(requests, bad) * rate**bad * (1 - rate) ** (requests - bad)

    outcomes = product(range(canary + 1), range(stable + 1))
    return fsum(
        binomial(canary, c, rates[0])
        * binomial(stable, s, rates[1])
        * exp(e_value(compared(Trials(canary, c), Trials(stable, s), dispersion=dispersion), worse=worse))
        for c, s in outcomes
    )


def e_value(comparison: Comparison, *, worse: bool) -> float:
    return comparison.worse if worse else comparison.not_worse


def test_the_odds_ratios_go_from_a_fifth_worse_to_twenty_times() -> None:
    assert isclose(1.2, ODDS[0])
    assert isclose(20, ODDS[-1])
    assert isclose(ODDS[1] / ODDS[0], ODDS[-1] / ODDS[-2])


def test_no_data_are_no_evidence() -> None:
    assert Comparison().worse == 0
    assert Comparison().not_worse == 0


@pytest.mark.parametrize(
    ("canary", "stable"), [((0, 0), (9, 2)), ((9, 2), (0, 0)), ((9, 0), (9, 0)), ((9, 9), (9, 9))], ids=str
)
def test_windows_that_tell_nothing_change_nothing(canary: tuple[int, int], stable: tuple[int, int]) -> None:
    assert Comparison() == compared(Trials(*canary), Trials(*stable))


def test_a_value_computed_by_hand() -> None:
    # The only error of 10 + 90 requests is the canary's: h(1; ψ) / h(1; 1) = ψ / (1 + 0.1 (ψ - 1)).
    comparison = compared(Trials(10, 1), Trials(90, 0))

    since_the_start = fsum(odds / (0.9 + 0.1 * odds) for odds in ODDS) / len(ODDS)
    assert isclose(comparison.worse, log(0.9 * since_the_start + 0.1))
    assert isclose(-log(2 / 1.1), comparison.not_worse)


def test_windows_multiply() -> None:
    once = compared(Trials(10, 1), Trials(90, 0))
    twice = once.updated(canary=Trials(10, 1), stable=Trials(90, 0), margin=2, dispersion=1)

    assert isclose(2 * once.not_worse, twice.not_worse)
    assert all(
        isclose(two, 2 * one - log(0.9)) for one, two in zip(once.evidence.sums, twice.evidence.sums, strict=True)
    )
    # A mixture is no product: it leans to the odds ratios that were right so far.
    assert 2 * once.worse < twice.worse


def test_starts_in_later_periods_have_the_rest_of_the_weight() -> None:
    def bad(before: Comparison, *, period: int) -> Comparison:
        return before.updated(canary=Trials(10, 1), stable=Trials(90, 0), margin=2, dispersion=1, period=period)

    gain = fsum(odds / (0.9 + 0.1 * odds) for odds in ODDS) / len(ODDS)

    late = bad(Comparison(), period=8)

    assert late.evidence.period == 8
    # By then, all but a fiftieth of the weight has begun, and has seen just this window.
    assert isclose(late.worse, log(0.98 * gain + 0.02))


def test_evidence_from_before_it_broke_does_not_weigh_against_a_failure() -> None:
    good, bad = (Trials(10_000, 50), Trials(10_000, 50)), (Trials(1_000, 60), Trials(1_000, 5))
    comparison = Comparison()
    for period in range(100):
        comparison = comparison.updated(
            canary=good[0], stable=good[1], margin=2, dispersion=1, worse_than=1.25, period=period
        )
    assert comparison.worse < 0
    broken = comparison.updated(canary=bad[0], stable=bad[1], margin=2, dispersion=1, worse_than=1.25, period=101)

    assert broken.worse > log(1 / 0.05)


@pytest.mark.parametrize("dispersion", [1, 3])
@pytest.mark.parametrize("rate", [0.01, 0.3, 0.9])
@pytest.mark.parametrize(("canary", "stable"), SHAPES)
def test_a_canary_that_is_no_worse_gathers_no_evidence_on_average(
    canary: int, stable: int, rate: float, dispersion: float
) -> None:
    mean = mean_over_outcomes(canary, stable, rates=(rate, rate), worse=True, dispersion=dispersion)

    assert mean <= 1 + 1e-12
    if dispersion == 1:
        assert isclose(1, mean)


@pytest.mark.parametrize(("canary", "stable"), SHAPES)
def test_a_canary_that_is_better_gathers_even_less(canary: int, stable: int) -> None:
    assert mean_over_outcomes(canary, stable, rates=(0.1, 0.3), worse=True, dispersion=1) < 1


@pytest.mark.parametrize("dispersion", [1, 3])
@pytest.mark.parametrize("rate", [0.01, 0.3, 0.9])
@pytest.mark.parametrize(("canary", "stable"), SHAPES)
def test_a_canary_at_the_margin_gathers_no_evidence_of_being_good_on_average(
    canary: int, stable: int, rate: float, dispersion: float
) -> None:
    odds = 2 * rate / (1 - rate)
    mean = mean_over_outcomes(canary, stable, rates=(odds / (1 + odds), rate), worse=False, dispersion=dispersion)

    assert mean <= 1 + 1e-12
    if dispersion == 1:
        assert isclose(1, mean)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_the_more_errors_are_the_canarys_the_worse_it_is(canary: int, stable: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(1, min(canary, stable)))
    comparisons = [compared(Trials(canary, x), Trials(stable, bad - x)) for x in range(bad + 1)]
    worse = [comparison.worse for comparison in comparisons]
    not_worse = [comparison.not_worse for comparison in comparisons]

    assert sorted(worse) == worse
    assert sorted(not_worse, reverse=True) == not_worse


@given(st.floats(1, 50), st.integers(0, 20), st.integers(0, 20))
def test_dispersion_makes_every_piece_of_evidence_that_much_smaller(dispersion: float, x: int, y: int) -> None:
    plain = compared(Trials(100, x), Trials(100, y))
    deflated = compared(Trials(100, x), Trials(100, y), dispersion=dispersion)

    assert isclose(plain.not_worse / dispersion, deflated.not_worse, abs_tol=1e-12)
    assert deflated.worse <= plain.worse / dispersion + 1e-12


@pytest.mark.parametrize(("times_as_bad", "least", "most"), [(1.2, 0, 1), (2, 10, 10)])
def test_a_small_difference_is_not_rolled_back_and_twice_as_bad_is(
    times_as_bad: float, least: int, most: int
) -> None:
    failed = 0
    for seed in range(10):
        draw, comparison = Random(seed), Comparison()  # noqa: S311 simulated traffic, no secret
        for window in range(240):  # an hour at 50 requests a second
            canary, stable = poisson(187.5, draw), poisson(562.5, draw)
            comparison = comparison.updated(
                canary=Trials(canary, binomial(canary, 0.01 * times_as_bad, draw)),
                stable=Trials(stable, binomial(stable, 0.01, draw)),
                margin=2,
                dispersion=1,
                worse_than=1.25,
                period=window // 20,
            )
            if comparison.worse >= log(2 / 0.05):
                failed += 1
                break

    assert least <= failed <= most


def test_errors_that_come_five_at_a_time_count_as_one_with_a_dispersion_of_five() -> None:
    bursts = compared(Trials(50_000, 50), Trials(450_000, 150), dispersion=5)
    single = compared(Trials(10_000, 10), Trials(90_000, 30))

    assert isclose(single.worse, bursts.worse, rel_tol=0.01)
    assert isclose(single.not_worse, bursts.not_worse, rel_tol=0.01)


def test_the_mean_of_logs_does_not_overflow() -> None:
    assert isclose(2_000 + log(0.5), log_mean([2_000, -2_000]))
    assert isclose(-2_000, log_mean([-2_000, -2_000]))


@pytest.mark.parametrize("true_rate", [0.1, 0.2, 0.3])
@pytest.mark.parametrize("requests", [1, 20])
def test_a_rate_up_to_the_one_that_is_tested_gathers_no_evidence_on_average(requests: int, true_rate: float) -> None:
    def mean(index: int) -> float:
        return fsum(
            comb(requests, bad)
            * true_rate**bad
            * (1 - true_rate) ** (requests - bad)
            * exp(one_sample_gains(Trials(requests, bad), 0.3)[index])
            for bad in range(requests + 1)
        )

    means = [mean(index) for index in range(len(ODDS))]

    assert max(means) <= 1 + 1e-12
    assert isclose(1, max(means)) == (true_rate == 0.3)


def test_evidence_for_other_odds_ratios_is_refused() -> None:
    with pytest.raises(ValueError, match="odds ratios, not 3"):
        Comparison(evidence=Mixture(sums=(0.0, 0.0, 0.0)))
