"""How likely a sum of random gains has reached a bound by some time. Pure arithmetic for forecasts."""

from collections.abc import Callable, Iterator
from itertools import count
from math import ceil, erfc, exp, log, pi, sqrt
from statistics import NormalDist

# Beyond this a normal tail is below what a float holds, and its asymptote is exact enough.
_FAR = -30.0
_LONGEST_SECONDS = 30 * 86_400.0
# To about a four-thousandth.
_HALVINGS = 12
# From this mean on, a Poisson variable is taken for a normal one.
_NORMAL_FROM = 500.0
_NORMAL = NormalDist()


def reached(mean: float, variance: float, bound: float) -> float:
    """Return the probability that a Brownian motion has reached `bound` (inverse Gaussian law).

    `mean` and `variance` are those of its value at the end; on the way both grow evenly.
    """
    if bound <= 0:
        return 1.0
    if variance <= 0:
        return 1.0 if mean >= bound else 0.0
    deviation = sqrt(variance)
    direct = exp(_log_normal((mean - bound) / deviation))
    reflected = 2 * mean * bound / variance + _log_normal((-mean - bound) / deviation)
    return min(1.0, direct + exp(min(0.0, reflected)))


def poisson_at_least(least: int, mean: float) -> float:
    """Return the probability that a Poisson variable is at least `least`."""
    return 1 - poisson_at_most(least - 1, mean)


def poisson_at_most(most: int, mean: float) -> float:
    """Return the probability that a Poisson variable is at most `most`."""
    if most < 0:
        return 0.0
    if mean <= 0:
        return 1.0
    if mean > _NORMAL_FROM:
        return exp(_log_normal((most + 0.5 - mean) / sqrt(mean)))
    return next(total for number, total in enumerate(_poisson_totals(mean)) if number == most or total >= 1.0)


def poisson_highest(mean: float, *, exceeded: float) -> int:
    """Return the smallest number that a Poisson variable exceeds with a probability of at most `exceeded`."""
    if mean > _NORMAL_FROM:
        return max(0, ceil(mean + _NORMAL.inv_cdf(1 - exceeded) * sqrt(mean) - 0.5))
    return next(number for number, total in enumerate(_poisson_totals(mean)) if 1 - total <= exceeded)


def _poisson_totals(mean: float) -> Iterator[float]:
    """Yield the probabilities of at most 0, 1, 2, …; 1.0 where nothing more is to come."""
    term, total = exp(-mean), 0.0
    for number in count(1):
        total += term
        # Behind the mean the terms shrink: the rest is less than a float can tell from 1.
        yield 1.0 if number > mean and term < 1e-17 else min(1.0, total)
        term *= mean / number


def median_seconds(probability: Callable[[float], float], *, longest: float = _LONGEST_SECONDS) -> float | None:
    """Return when a probability that rises with the seconds reaches one half; None if not in thirty days."""
    if probability(longest) < 0.5:
        return None
    low, high = 0.0, 1.0
    while probability(high) < 0.5:
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if probability(middle) < 0.5 else (low, middle)
    return high


def _log_normal(z: float) -> float:
    """Return the log of the standard normal distribution function."""
    if z < _FAR:
        return -z * z / 2 - log(-z * sqrt(2 * pi))
    return log(erfc(-z / sqrt(2)) / 2)
