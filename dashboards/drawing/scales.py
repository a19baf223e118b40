"""From values to pixels: axes that are linear, logarithmic, or of time, and where their ticks stand."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

# Of an axis whose values are all 0.
_FLAT = 100.0
_TICK_PIXELS, _TIME_TICK_PIXELS = 36, 90
_TIME_STEPS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400)


class Scale(Protocol):
    """An axis: how far along it a value is, from 0 to 1, and which values have a tick."""

    def at(self, value: float) -> float:
        """Give how far along a value is."""

    def ticks(self, pixels: float) -> Sequence[float]:
        """Give the values that have a tick, on an axis of so many pixels."""


@dataclass(frozen=True)
class Linear:
    """As far apart as the values are."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Give how far along a value is."""
        return (value - self.low) / (self.high - self.low)

    def ticks(self, pixels: float) -> Sequence[float]:
        """Give round numbers."""
        step = _round_step((self.high - self.low) * _TICK_PIXELS / pixels)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) for number in range(first, last + 1)]


@dataclass(frozen=True)
class Logarithmic:
    """As far apart as the values are times each other: whole powers of ten."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Give how far along a value is; what is not above 0 is at the bottom."""
        return math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)

    def ticks(self, pixels: float) -> Sequence[float]:
        """Give powers of ten, not too close to each other."""
        powers = list(_powers(self.low, self.high))
        each = max(1, math.ceil(len(powers) * _TICK_PIXELS / 2 / pixels))
        return powers[::each]


def time_ticks(start: float, end: float, pixels: float) -> Sequence[tuple[float, str]]:
    """Give the moments that have a tick, with the time of the day in UTC."""
    wanted = (end - start) * _TIME_TICK_PIXELS / pixels
    step = next((step for step in _TIME_STEPS if step >= wanted), _TIME_STEPS[-1])
    form = "%H:%M:%S" if step < 60 else "%H:%M"
    moments = range(math.ceil(start / step) * step, math.floor(end) + 1, step)
    return [(moment, datetime.fromtimestamp(moment, tz=UTC).strftime(form)) for moment in moments]


def linear(
    values: Sequence[float], *, low: float | None = None, high: float | None = None, soft_high: float | None = None
) -> Linear:
    """Choose an axis as Grafana does: a tenth more than there is on both sides, and 0 where it is near.

    `low` and `high` are where it begins and ends whatever the values are, `soft_high` where it ends at least.
    """
    least, most = min(values, default=0.0), max(values, default=0.0)
    pad = (most - least or abs(most)) / 10
    begins = least - pad
    bottom = low if low is not None else 0.0 if least >= 0 >= begins else begins
    top = high if high is not None else max(most + pad, most if soft_high is None else soft_high)
    return Linear(bottom, top) if bottom < top else Linear(0, _FLAT)


def logarithmic(values: Sequence[float]) -> Logarithmic:
    """Choose an axis of whole powers of ten."""
    positive = [value for value in values if value > 0] or [1.0]
    low = 10.0 ** math.floor(math.log10(min(positive)) + 1e-9)
    high = 10.0 ** math.ceil(math.log10(max(positive)) - 1e-9)
    return Logarithmic(low, high if high > low else 10 * low)


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * (1 - 1e-9))


def _powers(low: float, high: float) -> Iterator[float]:
    power = low
    while power <= high * (1 + 1e-9):
        yield power
        power *= 10
