"""How likely a sum of random gains has reached a bound by some time. Pure arithmetic for forecasts."""

from collections.abc import Callable
from math import erfc, exp, lgamma, log, pi, sqrt

# Beyond this a normal tail is below what a float holds, and its asymptote is exact enough.
_FAR = -30.0
_LONGEST_SECONDS = 30 * 86_400.0
_HALVINGS = 40


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


def poisson_at_least(count: int, mean: float) -> float:
    """Return the probability that a Poisson variable is at least `count`."""
    return 1 - poisson_at_most(count - 1, mean)


def poisson_at_most(count: int, mean: float) -> float:
    """Return the probability that a Poisson variable is at most `count`."""
    if count < 0:
        return 0.0
    if mean <= 0:
        return 1.0
    if mean > 1_000:
        return exp(_log_normal((count + 0.5 - mean) / sqrt(mean)))
    return min(1.0, sum(exp(n * log(mean) - mean - lgamma(n + 1)) for n in range(count + 1)))


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
