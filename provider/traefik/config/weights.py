"""A per cent as the weights that Traefik counts with."""

from decimal import Decimal
from math import gcd


def smallest_weights(percent: Decimal) -> tuple[int, int]:
    """Give (stable, canary) as the smallest integers in the ratio of a canary's per cent.

    Traefik takes integers only, and its schedule is as long as their sum: 10 % is (9, 1), not (9000, 1000).
    """
    canary = int(percent * 100)
    stable = 10_000 - canary
    divisor = gcd(stable, canary)
    return stable // divisor, canary // divisor
