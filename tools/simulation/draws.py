"""Random numbers of the simulated traffic."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from math import exp, lgamma, log, sqrt
from random import Random

# Above it, a Poisson number is drawn from the normal distribution, which no longer differs visibly.
_LARGE = 700


def poisson(mean: float, random: Random) -> int:
    """Draw a number of requests where `mean` are expected."""
    if mean <= 0:
        return 0
    if mean > _LARGE:
        return max(0, round(random.gauss(mean, sqrt(mean))))
    return bisect_left(_poisson_table(round(mean, 6)), random.random())


def binomial(trials: int, probability: float, random: Random) -> int:
    """Draw how many of some trials are bad."""
    if trials <= 0 or probability <= 0:
        return 0
    if probability >= 1:
        return trials
    if trials * probability > _LARGE / 10:
        spread = sqrt(trials * probability * (1 - probability))
        return min(trials, max(0, round(random.gauss(trials * probability, spread))))
    # By inversion: exact, and fast where few are bad.
    odds, left = probability / (1 - probability), random.random()
    term = (1 - probability) ** trials
    for bad in range(trials):
        if left < term:
            return bad
        left -= term
        term *= odds * (trials - bad) / (bad + 1)
    return trials


@lru_cache(maxsize=4096)
def _poisson_table(mean: float) -> Sequence[float]:
    """Return the cumulated probabilities of 0, 1, 2, …, up to where a float cannot tell the rest from 1."""
    table, total = [], 0.0
    for count in range(int(mean + 12 * sqrt(mean) + 30)):
        total += exp(count * log(mean) - mean - lgamma(count + 1))
        table.append(total)
    return table
