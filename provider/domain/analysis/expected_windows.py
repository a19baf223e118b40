"""The windows that a canary's traffic is expected to be judged by."""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, sqrt
from random import Random

from provider.domain.analysis.record import ALONE, CANARY_REQUESTS, STABLE_REQUESTS

# So many windows are drawn, always the same ones: enough for a forecast, and computed in milliseconds.
_DRAWN = 120
_NORMAL_FROM = 50.0


@dataclass(frozen=True)
class ExpectedWindows:
    """Windows drawn at random: the requests of canary and stable in each, and their mean length in seconds."""

    requests: tuple[tuple[int, int], ...]
    seconds: float


@lru_cache(maxsize=256)
def expected_windows(rate: float, share: float, interval: float) -> ExpectedWindows | None:
    """Draw windows of `rate` requests a second, of which the canary gets `share`, sampled every `interval` seconds.

    None where the canary gets no requests.
    """
    if rate * share <= 0:
        return None
    random = Random(1)  # noqa: S311 a forecast must be the same each time
    drawn = [_window(random, rate * share, rate * (1 - share), interval) for _ in range(_DRAWN)]
    return ExpectedWindows(
        requests=tuple((canary, stable) for canary, stable, _ in drawn),
        seconds=sum(seconds for _, _, seconds in drawn) / _DRAWN,
    )


def _window(random: Random, canary_rate: float, stable_rate: float, interval: float) -> tuple[int, int, float]:
    """Wait for the requests that close a window, and for the sample after them."""
    wanted = CANARY_REQUESTS if stable_rate > 0 else ALONE
    waited = random.gammavariate(wanted, 1 / canary_rate)
    if stable_rate > 0:
        waited = max(waited, random.gammavariate(STABLE_REQUESTS, 1 / stable_rate))
    seconds = interval * ceil(waited / interval)
    if canary_rate * interval >= 2 * wanted and stable_rate * interval >= 2:
        # Every sample closes a window: its requests are not bound to be the fewest.
        canary, stable = (_poisson(random, rate * interval) for rate in (canary_rate, stable_rate))
        return max(wanted, canary), stable, interval
    left = seconds - waited
    stable = _poisson(random, stable_rate * seconds)
    return wanted + _poisson(random, canary_rate * left), max(stable, STABLE_REQUESTS if stable_rate else 0), seconds


def _poisson(random: Random, mean: float) -> int:
    if mean > _NORMAL_FROM:
        return max(0, round(random.gauss(mean, sqrt(mean))))
    limit, count, product = exp(-mean), 0, random.random()
    while product > limit:
        count += 1
        product *= random.random()
    return count
