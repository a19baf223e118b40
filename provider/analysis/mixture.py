"""Evidence for several alternatives at once, each from several times at which it may have begun to hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, fsum, log, log1p
from typing import Self

from provider.analysis.values import Value


def log_mean(logs: Sequence[float]) -> float:
    """Return the log of the mean of values that are given by their logs."""
    largest = max(logs)
    return largest + log(fsum(exp(value - largest) for value in logs) / len(logs))


def log_sum(one: float, other: float) -> float:
    """Return the log of the sum of two values that are given by their logs."""
    larger, smaller = max(one, other), min(one, other)
    return larger + log1p(exp(smaller - larger))


@dataclass(frozen=True)
class Mixture(Value):
    """An e-process as a mixture over start times and over alternatives; natural logs, 0 without data.

    A canary may break at any time, and what was good before must not weigh against that. So the evidence is a mixture
    over the periods in which it may have broken. The first start has the weight `first`; those up to period j have
    all but 2 (1 − first) / (j + 2) together. Starts that have not come yet count 1 each. The weights sum to 1, so the
    mixture is an e-process, and α holds for the whole attempt (the idea of e-detectors: Shin, Ramdas and Rinaldo,
    2022).

    `sums` holds, for each alternative, the log of the weighted sum, over the starts so far, of the products of the
    factors since that start. It is empty without data. `period` is that of the latest start.
    """

    first: float = 0.5
    sums: tuple[float, ...] = ()
    period: int = 0

    @property
    def value(self) -> float:
        """Return the log of the e-value."""
        return log_sum(log_mean(self.sums), log(self._rest(self.period))) if self.sums else 0.0

    def updated(self, gains: Sequence[float], *, period: int = 0) -> Self:
        """Add the logs of a window's factors, one for each alternative; the window lies in `period`."""
        begun = self if self.sums and period <= self.period else self._begun(len(gains), period)
        sums = tuple([before + gain for before, gain in zip(begun.sums, gains, strict=True)])
        return type(self)(self.first, sums, begun.period)

    def _begun(self, alternatives: int, period: int) -> Self:
        """Add the starts of the periods since the latest one."""
        sums = self.sums or (log(self.first),) * alternatives
        if period <= self.period:
            return replace(self, sums=sums)
        weight = log(self._rest(self.period) - self._rest(period))
        return replace(self, sums=tuple(log_sum(before, weight) for before in sums), period=period)

    def _rest(self, period: int) -> float:
        """Return the weight of all starts after a period."""
        return 2 * (1 - self.first) / (period + 2)
