"""Percentages as the integer weights of Traefik."""

from decimal import Decimal
from math import gcd


def smallest_weights(*shares: Decimal) -> tuple[int, ...]:
    """Return the smallest integers in the ratio of some percentages.

    Traefik takes integers only, and its schedule is as long as their sum: 10% is (9, 1), not (9000, 1000).
    """
    hundredths = [int(share * 100) for share in shares]
    divisor = gcd(*hundredths)
    return tuple(one // divisor for one in hundredths)
