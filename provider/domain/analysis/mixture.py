"""Evidence for several alternatives at once, each from several times at which it may have begun to hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, fsum, log, log1p
from typing import Self

from provider.domain.analysis.values import Value


def log_mean(logs: Sequence[float]) -> float:
    """Return the log of the mean of values that are given by their logs."""
    largest = max(logs)
    return largest + log(fsum(exp(value - largest) for value in logs) / len(logs))


def log_sum(one: float, other: float) -> float:
    """Return the log of the sum of two values that are given by their logs."""
    larger, smaller = max(one, other), min(one, other)
    return larger + log1p(exp(smaller - larger))


# The weight of the first start: most canaries that are bad are so from the start.
_FIRST = 0.9
# Of the evidence, a quarter must remain without the time that says most.
OMITTED = log(4)


@dataclass(frozen=True)
class Mixture(Value):
    """An e-process as a mixture over start times and over alternatives; natural logs, 0 without data.

    A canary may break at any time, and what was good before must not weigh against that. So the evidence is a mixture
    over the periods in which it may have broken. The first start has the weight 0.9; those up to period j have all
    but 0.2 / (j + 2) together. Starts that have not come yet count 1 each. The weights sum to 1, so the
    mixture is an e-process, and α holds for the whole attempt (the idea of e-detectors: Shin, Ramdas and Rinaldo,
    2022).

    `sums` holds, for each alternative, the log of the weighted sum, over the starts so far, of the products of the
    factors since that start. It is empty without data. `period` is that of the latest start.

    Errors come in bursts, so the evidence must not rest on a short time. Time is divided into units, `unit` is the
    latest one, and the e-value is at most four times the least that remains without any two units in a row. That only
    lowers it, so that it stays one. `without` is the least without two units that are over; `before` holds the sums
    before the unit ahead of the latest one, and before the latest one. Both are empty where no time is left out.
    """

    sums: tuple[float, ...] = ()
    period: int = 0
    unit: int = 0
    without: tuple[float, ...] = ()
    before: tuple[tuple[float, ...], ...] = ()

    @cached_property
    def value(self) -> float:
        """Return the log of the e-value, not above a multiple of what remains without the time that says most."""
        if not self.before:
            return self.with_all_units
        remaining = _least(self.sums, self.without, *self.before)
        return min(self.with_all_units, self._value_of(remaining) + OMITTED)

    @property
    def with_all_units(self) -> float:
        """Return the log of the e-value, also where it rests on a short time."""
        return self._value_of(self.sums)

    def updated(self, gains: Sequence[float], *, period: int = 0, unit: int | None = None) -> Self:
        """Add the logs of a window's factors, one for each alternative.

        The window lies in `period` and in `unit`; without a unit no time is left out.
        """
        begun = self if self.sums and period <= self.period else self._begun(len(gains), period)
        turned = begun._turned(unit)
        return type(self)(
            sums=_product(turned.sums, gains),
            period=turned.period,
            unit=turned.unit,
            without=_product(turned.without, gains) if turned.without else (),
            before=turned.before,
        )

    def _begun(self, alternatives: int, period: int) -> Self:
        """Add the starts of the periods since the latest one."""
        sums = self.sums or (log(_FIRST),) * alternatives
        if period <= self.period:
            return replace(self, sums=sums)
        weight = log(self._rest(self.period) - self._rest(period))

        def with_starts(logs: tuple[float, ...]) -> tuple[float, ...]:
            return tuple([log_sum(one, weight) for one in logs])

        return replace(
            self,
            sums=with_starts(sums),
            period=period,
            without=with_starts(self.without),
            before=tuple(map(with_starts, self.before)),
        )

    def _turned(self, unit: int | None) -> Self:
        """Begin a unit, if it is a new one."""
        if unit is None:
            return replace(self, unit=0, without=(), before=()) if self.before else self
        if not self.before:
            return replace(self, unit=unit, before=(self.sums, self.sums))
        if unit == self.unit:
            return self
        ahead, latest = self.before
        if unit == self.unit + 1:
            return replace(self, unit=unit, without=_least(self.without, ahead), before=(latest, self.sums))
        return replace(self, unit=unit, without=_least(self.without, ahead, latest), before=(self.sums, self.sums))

    def _value_of(self, sums: Sequence[float]) -> float:
        return log_sum(log_mean(sums), log(self._rest(self.period))) if sums else 0.0

    def _rest(self, period: int) -> float:
        """Return the weight of all starts after a period."""
        return 2 * (1 - _FIRST) / (period + 2)


def _product(logs: Sequence[float], gains: Sequence[float]) -> tuple[float, ...]:
    return tuple([before + gain for before, gain in zip(logs, gains, strict=True)])


def _least(*logs: tuple[float, ...]) -> tuple[float, ...]:
    """Return the least of each; those that are empty do not count."""
    there = [one for one in logs if one]
    return tuple(map(min, *there)) if len(there) > 1 else there[0]
