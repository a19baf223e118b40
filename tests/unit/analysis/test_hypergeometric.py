"""The non-central hypergeometric law against exact arithmetic."""

from fractions import Fraction
from math import comb, exp, fsum, inf, isclose, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider.domain.analysis.hypergeometric import Margins

ODDS = (Fraction(1, 3), Fraction(1), Fraction(11, 10), Fraction(2), Fraction(20))


def exact(margins: Margins, canary_bad: int, odds: Fraction) -> Fraction:
    """Give h(x; ψ) straight from its definition."""

    def weight(j: int) -> Fraction:
        return comb(margins.canary, j) * comb(margins.stable, margins.bad - j) * odds**j

    return weight(canary_bad) / sum(weight(j) for j in range(margins.bad + 1))


@st.composite
def margins_(draw: st.DrawFn, most: int = 40) -> Margins:
    canary, stable = draw(st.integers(0, most)), draw(st.integers(0, most))
    return Margins(canary=canary, stable=stable, bad=draw(st.integers(0, canary + stable)))


def test_a_value_computed_by_hand() -> None:
    # Two bad among 1 + 3: the canary has one of them with C(1,1) C(3,1) ψ against C(3,2): 3ψ / (3ψ + 3).
    margins = Margins(canary=1, stable=3, bad=2)

    assert isclose(2 / 3, exp(margins.log_probability(1, odds=2)))
    assert isclose((2 / 3) / (1 / 2), exp(margins.log_ratio(1, odds=2)))
    assert isclose((1 / 3) / (1 / 2), exp(margins.log_ratio(0, odds=2)))


@settings(deadline=None)
@given(margins_(), st.sampled_from(ODDS))
def test_the_probabilities_are_those_of_exact_arithmetic(margins: Margins, odds: Fraction) -> None:
    for canary_bad in margins.support:
        probability = exact(margins, canary_bad, odds)

        assert isclose(log(probability), margins.log_probability(canary_bad, odds=float(odds)), abs_tol=1e-11)


@settings(deadline=None)
@given(margins_(), st.sampled_from(ODDS))
def test_the_ratios_are_those_of_exact_arithmetic(margins: Margins, odds: Fraction) -> None:
    for canary_bad in margins.support:
        ratio = exact(margins, canary_bad, odds) / exact(margins, canary_bad, Fraction(1))

        assert isclose(log(ratio), margins.log_ratio(canary_bad, odds=float(odds)), abs_tol=1e-11)


@settings(deadline=None)
@given(margins_(most=1_000), st.sampled_from([float(odds) for odds in ODDS]))
def test_the_probabilities_sum_to_one(margins: Margins, odds: float) -> None:
    total = fsum(exp(margins.log_probability(canary_bad, odds=odds)) for canary_bad in margins.support)

    assert isclose(1, total, rel_tol=1e-9)


@settings(deadline=None)
@given(margins_(), st.sampled_from([1.1, 2.0, 20.0]))
def test_the_more_of_the_bad_answers_are_the_canarys_the_higher_the_ratio(margins: Margins, odds: float) -> None:
    ratios = [margins.log_ratio(canary_bad, odds=odds) for canary_bad in margins.support]

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
    assert margins.log_ratio(only, odds=20) == 0
    assert isclose(0, margins.log_probability(only, odds=20), abs_tol=1e-9)


@pytest.mark.parametrize("canary_bad", [-1, 3])
def test_what_cannot_be_has_no_probability(canary_bad: int) -> None:
    assert -inf == Margins(canary=2, stable=9, bad=5).log_probability(canary_bad, odds=2)


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

        assert isclose(limit, margins.log_ratio(canary_bad, odds=odds), abs_tol=1e-3)


def test_far_into_the_tail_nothing_overflows() -> None:
    margins = Margins(canary=500_000, stable=500_000, bad=5_000)

    for canary_bad in (0, 5_000):
        assert -20_000 < margins.log_ratio(canary_bad, odds=20) < 20_000
        assert -20_000 < margins.log_probability(canary_bad, odds=20) < 0
