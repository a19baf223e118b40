from decimal import Decimal
from fractions import Fraction
from math import gcd

import pytest
from hypothesis import given

from provider.traefik.config import smallest_weights
from tests.rollouts_strategy import WEIGHTS


@pytest.mark.parametrize(
    ("percent", "weights"),
    [
        ("0", (1, 0)),
        ("100", (0, 1)),
        ("50", (1, 1)),
        ("10", (9, 1)),
        ("5", (19, 1)),
        ("33.33", (6667, 3333)),
        ("0.01", (9999, 1)),
        ("99.99", (1, 9999)),
        ("12.5", (7, 1)),
        ("0.5", (199, 1)),
        ("60.00", (2, 3)),
    ],
)
def test_a_per_cent_is_the_smallest_whole_numbers_in_its_ratio(percent: str, weights: tuple[int, int]) -> None:
    assert smallest_weights(100 - Decimal(percent), Decimal(percent)) == weights


@given(WEIGHTS)
def test_the_ratio_is_exact_and_cannot_be_written_smaller(percent: Decimal) -> None:
    stable, canary = smallest_weights(100 - percent, percent)

    assert Fraction(percent) / 100 == Fraction(canary, stable + canary)
    assert gcd(stable, canary) == 1
