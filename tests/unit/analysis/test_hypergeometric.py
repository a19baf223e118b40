"""The non-central hypergeometric law against exact arithmetic."""

from fractions import Fraction
from math import comb, exp, isclose, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider.domain.analysis.hypergeometric import Margins

ODDS = (Fraction(1, 3), Fraction(1), Fraction(11, 10), Fraction(2), Fraction(20))


def exact(margins: Margins, canary_bad: int, odds: Fraction) -> Fraction:
    """Return h(x; ψ) straight from its definition."""

    def weight(j: int) -> Fraction:
        return comb(margins.canary, j) * comb(margins.stable, margins.bad - j) * odds**j

    return weight(canary_bad) / sum(weight(j) for j in margins.support)


def log_ratio(margins: Margins, canary_bad: int, odds: float) -> float:
    return margins.log_ratios(canary_bad, [odds])[0]


@st.composite
def margins_(draw: st.DrawFn, most: int = 40) -> Margins:
    canary, stable = draw(st.integers(0, most)), draw(st.integers(0, most))
    return Margins(canary=canary, stable=stable, bad=draw(st.integers(0, canary + stable)))


def test_a_value_computed_by_hand() -> None:
    # Two bad among 1 + 3: the canary has one of them with C(1,1) C(3,1) ψ against C(3,2): 3ψ / (3ψ + 3).
    margins = Margins(canary=1, stable=3, bad=2)

    assert isclose(exp(log_ratio(margins, 1, 2)), (2 / 3) / (1 / 2))
    assert isclose(exp(log_ratio(margins, 0, 2)), (1 / 3) / (1 / 2))


@settings(deadline=None)
@given(margins_(), st.sampled_from(ODDS))
def test_the_ratios_are_those_of_exact_arithmetic(margins: Margins, odds: Fraction) -> None:
    for canary_bad in margins.support:
        ratio = exact(margins, canary_bad, odds) / exact(margins, canary_bad, Fraction(1))

        assert isclose(log_ratio(margins, canary_bad, float(odds)), log(ratio), abs_tol=1e-11)


# The first has as many terms as are summed one by one; of the others, every k-th term is summed.
LARGE = [
    Margins(canary=300, stable=900, bad=199),
    Margins(canary=300, stable=900, bad=200),
    Margins(canary=500, stable=400, bad=450),
    Margins(canary=20, stable=3_000, bad=1_500),
    Margins(canary=1_250, stable=3_750, bad=2_500),
    Margins(canary=1_250, stable=3_750, bad=4_990),
    Margins(canary=60_000, stable=40_000, bad=300),
]


@pytest.mark.parametrize("margins", LARGE, ids=str)
def test_many_requests_are_judged_as_by_exact_arithmetic(margins: Margins) -> None:
    odds = [Fraction(1, 3), Fraction(11, 10), Fraction(3, 2), Fraction(25), Fraction(100)]
    exact_sums = {ratio: _exact_sum(margins, ratio) for ratio in (Fraction(1), *odds)}
    for canary_bad in (margins.support[0], margins.support[len(margins.support) // 3], margins.support[-1]):
        logs = margins.log_ratios(canary_bad, [float(ratio) for ratio in odds])
        for ratio, found in zip(odds, logs, strict=True):
            wanted = canary_bad * log(ratio) + _log(exact_sums[Fraction(1)]) - _log(exact_sums[ratio])

            assert isclose(found, wanted, abs_tol=1e-8, rel_tol=1e-11)


def _exact_sum(margins: Margins, odds: Fraction) -> Fraction:
    support = margins.support
    weight = comb(margins.canary, support[0]) * comb(margins.stable, margins.bad - support[0])
    power = odds.numerator ** support[0] * odds.denominator ** (support[-1] - support[0])
    whole = 0
    for j in support:
        whole += weight * power
        weight = (
            weight * (margins.canary - j) * (margins.bad - j) // ((j + 1) * (margins.stable - margins.bad + j + 1))
        )
        power = power * odds.numerator // odds.denominator
    return Fraction(whole, odds.denominator ** support[-1])


def _log(value: Fraction) -> float:
    return log(value.numerator) - log(value.denominator)


@settings(deadline=None)
@given(margins_(), st.sampled_from([1.1, 2.0, 20.0]))
def test_the_more_of_the_bad_answers_are_the_canarys_the_higher_the_ratio(margins: Margins, odds: float) -> None:
    ratios = [log_ratio(margins, canary_bad, odds) for canary_bad in margins.support]

    assert sorted(ratios) == ratios


@pytest.mark.parametrize(
    "margins",
    [
        Margins(canary=0, stable=50, bad=3),
        Margins(canary=50, stable=0, bad=3),
        Margins(canary=50, stable=50, bad=0),
        Margins(canary=50, stable=50, bad=100),
        Margins(canary=0, stable=0, bad=0),
    ],
    ids=str,
)
def test_where_only_one_outcome_is_possible_nothing_is_learnt(margins: Margins) -> None:
    (only,) = margins.support

    assert not margins.is_informative
    assert log_ratio(margins, only, 20) == 0


@pytest.mark.parametrize(("canary", "stable", "bad"), [(-1, 1, 0), (1, -1, 0), (1, 1, 3), (1, 1, -1)])
def test_margins_that_cannot_be_are_refused(canary: int, stable: int, bad: int) -> None:
    with pytest.raises(ValueError, match="cannot be bad"):
        Margins(canary=canary, stable=stable, bad=bad)


@pytest.mark.parametrize("odds", [1.1, 2.0, 20.0])
def test_a_million_requests_are_judged_as_exactly_as_their_limit(odds: float) -> None:
    # With that many requests the bad answers fall one by one: binomial, which has a closed form.
    margins = Margins(canary=100_000, stable=900_000, bad=20)
    share = 0.1
    for canary_bad in (0, 2, 20):
        limit = canary_bad * log(odds) - 20 * log(1 + share * (odds - 1))

        assert isclose(log_ratio(margins, canary_bad, odds), limit, abs_tol=1e-3)


def test_far_into_the_tail_nothing_overflows() -> None:
    margins = Margins(canary=500_000, stable=500_000, bad=5_000)

    for canary_bad in (0, 5_000):
        assert all(-20_000 < ratio < 20_000 for ratio in margins.log_ratios(canary_bad, [1.25, 2, 20]))


def test_large_odds_ratios_overflow_nothing() -> None:
    margins = Margins(canary=500, stable=500, bad=150)

    assert all(-1_000 < ratio < 1_200 for ratio in margins.log_ratios(150, [2, 2_000]))
