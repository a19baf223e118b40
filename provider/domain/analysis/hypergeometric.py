"""Fisher's non-central hypergeometric law: how the bad answers of a window fall on the two sides.

Of `bad` answers in all, given the requests of each side, the canary has x with the probability

    h(x; ψ) = C(n_c, x) · C(n_b, bad − x) · ψ^x  /  Σ_j C(n_c, j) · C(n_b, bad − j) · ψ^j

where ψ is the odds ratio: the canary's odds of a bad answer over stable's. Small rates are in about that ratio too.
"""

from dataclasses import dataclass
from functools import cached_property
from math import inf, lgamma, log, sqrt

# A term this much smaller than the sum, and all beyond it, are below the precision of a float.
_NEGLIGIBLE = 1e-15
# In smaller windows most terms count for one odds ratio or another: what they share is computed once.
_MOST_RATIOS = 500


@dataclass(frozen=True)
class Margins:
    """What is given of a window: the requests of each side, and the bad answers of both together."""

    canary: int
    stable: int
    bad: int

    def __post_init__(self) -> None:
        if self.canary < 0 or self.stable < 0 or not 0 <= self.bad <= self.canary + self.stable:
            raise ValueError(f"{self.bad} of {self.canary} + {self.stable} requests cannot be bad")

    @cached_property
    def support(self) -> range:
        """Give the values that the canary's share of the bad answers can have."""
        return range(max(0, self.bad - self.stable), min(self.canary, self.bad) + 1)

    @property
    def is_informative(self) -> bool:
        """Tell whether the canary's share of the bad answers could have been any other."""
        return len(self.support) > 1

    def log_probability(self, canary_bad: int, *, odds: float) -> float:
        """Give log h(x; ψ): the log of the probability that the canary has so many of the bad answers."""
        if canary_bad not in self.support:
            return -inf
        return self._log_weight(canary_bad, odds) - self._log_sum(odds)

    def log_ratio(self, canary_bad: int, *, odds: float) -> float:
        """Give log h(x; ψ) / h(x; 1), to about 1e-8 where there are a million requests."""
        if not self.is_informative:
            return 0.0
        # With even odds the sum is that of the central law, which is known (Vandermonde's identity).
        even = _log_choose(self.canary + self.stable, self.bad)
        return canary_bad * log(odds) - self._log_sum(odds) + even

    def _log_sum(self, odds: float) -> float:
        """Give the log of the denominator, in a time that grows with the square root of the bad answers.

        The terms have one peak, which is known; from there they are followed by the ratio of neighbours, up and down,
        until they no longer count. Relative to the peak nothing overflows.
        """
        mode = self._mode(odds)
        return self._log_weight(mode, odds) + log(1 + self._above(mode, odds) + self._below(mode, odds))

    def _above(self, mode: int, odds: float) -> float:
        """Sum the terms above the peak, which is 1."""
        first = mode - self.support[0]
        term, total = 1.0, 0.0
        for ratio in self._ratios[first:] if self._ratios else map(self._ratio, range(mode, self.support[-1])):
            term *= odds * ratio
            total += term
            if term < _NEGLIGIBLE:
                break
        return total

    def _below(self, mode: int, odds: float) -> float:
        """Sum the terms below the peak, which is 1."""
        first = mode - self.support[0]
        below = map(self._ratio, range(mode - 1, self.support[0] - 1, -1))
        term, total = 1.0, 0.0
        for ratio in self._ratios[:first][::-1] if self._ratios else below:
            term /= odds * ratio
            total += term
            if term < _NEGLIGIBLE:
                break
        return total

    @cached_property
    def _ratios(self) -> list[float]:
        """Return the ratios of all neighbours, which every odds ratio shares; empty where there are too many."""
        return [self._ratio(j) for j in self.support[:-1]] if len(self.support) <= _MOST_RATIOS else []

    def _ratio(self, j: int) -> float:
        """Return the term of j + 1 over that of j, with even odds."""
        return (self.canary - j) * (self.bad - j) / ((j + 1) * (self.stable - self.bad + j + 1))

    def _mode(self, odds: float) -> int:
        """Find the peak, where a term equals the one before it: the smaller root of a quadratic equation."""
        a = odds - 1
        b = odds * (self.canary + self.bad + 2) + self.stable - self.bad
        c = odds * (self.canary + 1) * (self.bad + 1)
        root = 2 * c / (b + sqrt(b * b - 4 * a * c))
        return min(max(int(root), self.support[0]), self.support[-1])

    def _log_weight(self, canary_bad: int, odds: float) -> float:
        others = self.bad - canary_bad
        return _log_choose(self.canary, canary_bad) + _log_choose(self.stable, others) + canary_bad * log(odds)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
