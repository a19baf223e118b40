"""Many measurements in few figures, and as a picture made of text."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

_BARS = 14
_BAR_LENGTH = 50


@dataclass(frozen=True)
class Distribution:
    """The figures of a sample, in the unit of the sample."""

    count: int
    min: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Take the figures of a sample of at least one value."""
        ordered = sorted(values)
        percentiles = (percentile(ordered, share) for share in (0, 50, 90, 95, 99, 100))
        return cls(len(ordered), *percentiles)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Give the value below which `share` per cent of the ordered values lie, between two of them in proportion."""
    position = (len(ordered) - 1) * share / 100
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def histogram(values: Sequence[float]) -> Iterator[str]:
    """Draw a bar for each range of values; what lies far above the rest shares the last one."""
    figures = Distribution.of(values)
    width = _round_width((figures.p99 - figures.min) / _BARS)
    first = math.floor(figures.min / width)
    last = max(first, math.floor(figures.p99 / width))
    counts = Counter(min(math.floor(value / width), last + 1) for value in values)
    tallest = max(counts.values())
    for index in range(first, max(counts) + 1):
        bar = "#" * math.ceil(_BAR_LENGTH * counts[index] / tallest)
        end = f"{(index + 1) * width:g}" if index <= last else "…"
        yield f"{index * width:>7g} – {end:<7} {counts[index]:>5}  {bar}".rstrip()


def _round_width(smallest: float) -> float:
    """Give the first of … 0.1, 0.2, 0.5, 1, 2, 5 … that is not smaller."""
    power = 10.0 ** math.floor(math.log10(max(smallest, 1e-3)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= smallest)
