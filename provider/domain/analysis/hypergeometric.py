"""Fisher's non-central hypergeometric law: how the bad responses of a window fall on the two sides.

Of `bad` responses in all, given the requests of each side, the canary has x with the probability

    h(x; ψ) = w(x) ψ^x / Σ_j w(j) ψ^j    with    w(j) = C(canary, j) · C(stable, bad − j)

where ψ is the odds ratio: the canary's odds of a bad response over stable's. For small rates it is about their ratio.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import acos, exp, inf, lgamma, log, pi, sqrt

# Up to so many terms, a sum is a polynomial in ψ: its coefficients are computed once for all odds ratios.
_FEW_TERMS = 200
# The log of the largest power of ψ in such a sum, far below that of the largest float.
_LARGEST_POWER = 650.0
# The log of what may be left out of a sum, relative to it.
_NEGLIGIBLE = -19.0
# The variance of the law is approximated: so much of it is relied on.
_RELIED_ON = 0.8


@dataclass(frozen=True)
class Margins:
    """What is given of a window: the requests of each side, and the bad responses of both together."""

    canary: int
    stable: int
    bad: int

    def __post_init__(self) -> None:
        if self.canary < 0 or self.stable < 0 or not 0 <= self.bad <= self.canary + self.stable:
            raise ValueError(f"{self.bad} of {self.canary} + {self.stable} requests cannot be bad")

    @cached_property
    def support(self) -> range:
        """Return the numbers of bad responses that the canary can have."""
        return range(max(0, self.bad - self.stable), min(self.canary, self.bad) + 1)

    @property
    def is_informative(self) -> bool:
        """Tell whether the canary could have had another number of bad responses."""
        return min(self.bad, self.canary) > max(0, self.bad - self.stable)

    def log_ratios(self, canary_bad: int, odds: Sequence[float]) -> list[float]:
        """Return log h(x; ψ) / h(x; 1) for each odds ratio, to about 1e-8 where there are a million requests."""
        if not self.is_informative:
            return [0.0] * len(odds)
        terms = len(self.support)
        if terms <= _FEW_TERMS and terms * log(max(odds)) < _LARGEST_POWER:
            weights, first = self._weights, canary_bad - self.support.start
            even = log(sum(weights))
            return [first * log(ratio) - log(_polynomial(weights, ratio)) + even for ratio in odds]
        even = self._log_even_sum
        return [canary_bad * log(ratio) - self._log_sum(ratio) + even for ratio in odds]

    @cached_property
    def _weights(self) -> list[float]:
        """Return w(j) over the largest of them, from the last j to the first: nothing overflows."""
        peak = self._mode(1.0)
        below, above = [1.0], list[float]()
        for j in range(peak - 1, self.support.start - 1, -1):
            below.append(below[-1] / self._growth(j))
        weight = 1.0
        for j in range(peak, self.support.stop - 1):
            weight *= self._growth(j)
            above.append(weight)
        return [*reversed(above), *below]

    def _growth(self, j: int) -> float:
        """Return w(j + 1) / w(j)."""
        return (self.canary - j) * (self.bad - j) / ((j + 1) * (self.stable - self.bad + j + 1))

    def _log_sum(self, odds: float) -> float:
        """Return log Σ_j w(j) ψ^j from a few terms around the largest one.

        The law is that of a sum of independent trials, as the zeros of Σ_j w(j) z^j are real. If its variance is σ²,
        k times the sum over every k-th j therefore differs from the sum over all by less than k · exp(−σ² (1 − cos
        2π/k)), relatively. So the number of terms does not grow with that of the requests.
        """
        mode = self._mode(odds)
        stride = self._stride(mode)
        theta = log(odds)
        peak = self._log_weight(mode) + mode * theta
        total = 1.0
        for others in (range(mode + stride, self.support.stop, stride), range(mode - stride, -1, -stride)):
            for j in others:
                term = self._log_weight(j) + j * theta - peak
                if term < _NEGLIGIBLE:
                    break
                total += exp(term)
        return peak + log(stride * total)

    def _stride(self, mode: int) -> int:
        """Return the distance k of the terms that are summed."""
        parts = (mode, self.canary - mode, self.bad - mode, self.stable - self.bad + mode)
        variance = 1 / sum(1 / (part + 1) for part in parts)
        cosine = 1 + _NEGLIGIBLE / (_RELIED_ON * variance)
        return max(1, int(2 * pi / acos(cosine))) if cosine > -1 else 1

    def _mode(self, odds: float) -> int:
        """Return the j of the largest term: where it equals the one before it, the smaller root of a quadratic."""
        a = odds - 1
        b = odds * (self.canary + self.bad + 2) + self.stable - self.bad
        c = odds * (self.canary + 1) * (self.bad + 1)
        root = 2 * c / (b + sqrt(b * b - 4 * a * c))
        return min(max(int(root), self.support.start), self.support.stop - 1)

    def _log_weight(self, j: int) -> float:
        """Return log w(j), without what all of them have in common; −inf outside the support."""
        stable_good = self.stable - self.bad + j
        if stable_good < 0:
            return -inf
        return -(lgamma(j + 1) + lgamma(self.canary - j + 1) + lgamma(self.bad - j + 1) + lgamma(stable_good + 1))

    @property
    def _log_even_sum(self) -> float:
        """Return the log of the sum of the weights: Vandermonde's identity."""
        requests = self.canary + self.stable
        return (
            lgamma(requests + 1)
            - lgamma(self.bad + 1)
            - lgamma(requests - self.bad + 1)
            - lgamma(self.canary + 1)
            - lgamma(self.stable + 1)
        )


def _polynomial(coefficients: Sequence[float], x: float) -> float:
    """Return the value of a polynomial; its highest coefficient comes first."""
    value = 0.0
    for coefficient in coefficients:
        value = value * x + coefficient
    return value
