"""Numbers in words, as short as a reason should have them."""

from math import exp, log

# E-values are given as numbers that JSON can hold: beyond this log they say nothing more.
LARGEST_LOG = 700.0
# Above this a number says no more than "very much", and far above it no float could hold it.
_MUCH = 1_000_000


def per_cent(share: float) -> str:
    """Write a share as a per cent with as many digits as tell something: 4.1%, 0.03%, 99.95%."""
    value = 100 * share
    if 10 <= value <= 90:
        return f"{value:.0f}%"
    digits = f"{value:.2g}" if value < 10 else f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{float(digits):.12f}".rstrip("0").rstrip(".") + "%"


def e_value(logarithm: float) -> str:
    """Write an e-value that is given by its natural log: 212, 3.4, 0.01."""
    if logarithm >= log(_MUCH):
        return "over a million"
    value = exp(logarithm)
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}" if value >= 0.01 else "below 0.01"


def seconds(value: float) -> str:
    """Write a duration: 230 ms, 1.2 s."""
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"
