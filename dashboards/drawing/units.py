"""Numbers with their units, as Grafana writes them (packages/grafana-data/src/valueFormats)."""

import math
from collections.abc import Sequence

# From how many seconds on, what one is, and its name.
_DURATIONS: Sequence[tuple[float, float, str]] = (
    (86_400, 86_400, "days"),
    (3_600, 3_600, "hours"),
    (60, 60, "mins"),
    (1, 1, "s"),
    (1e-3, 1e-3, "ms"),
    (0, 1e-6, "µs"),
)
_SUFFIXES = {"none": "", "short": "", "percent": "%", "reqps": " req/s", "ops": " ops/s"}


def written(value: float, unit: str, decimals: int | None = None) -> str:
    """Write a value in a unit by Grafana's name of it; KeyError where the unit is not known here."""
    if unit == "s" and value:
        _, one, name = next(it for it in _DURATIONS if abs(value) >= it[0])
        name = name.removesuffix("s") if value == one > 1 else name
        return f"{_fixed(value / one, decimals)} {name}"
    suffix = " s" if unit == "s" else _SUFFIXES[unit]
    return f"{_fixed(value, decimals)}{suffix}"


def tick(value: float, unit: str) -> str:
    """Write what stands at an axis: no more digits than it takes."""
    number, separator, name = written(value, unit).partition(" ")
    ending = "%" if number.endswith("%") else ""
    number = number.removesuffix("%")
    return (f"{float(number):g}" if "." in number else number) + ending + separator + name


def _fixed(value: float, decimals: int | None) -> str:
    return f"{value:.{_decimals(value) if decimals is None else decimals}f}"


def _decimals(value: float) -> int:
    """Choose as many as give three digits, and none for whole numbers."""
    return 0 if value == round(value) else max(0, 2 - math.floor(math.log10(abs(value))))
