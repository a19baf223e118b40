"""Whether the baseline can be compared with: new instances of the old version, as cold and as loaded as the canary.

A baseline that is down makes every canary look good, and one on bad servers hides a bad canary. Stable, which gets
requests at every weight that has a baseline, shows both.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, log

from provider.domain.analysis.comparison import Comparison
from provider.domain.analysis.counts import Trials, Window
from provider.domain.analysis.number_format import e_value, per_cent
from provider.domain.analysis.outcome import ReasonCode
from provider.domain.analysis.ruin import Recent, is_down, summed
from provider.domain.analysis.settings import Analysis
from provider.domain.analysis.values import Value

# New instances may fail more often than stable: they are cold, and get other clients. But not so many times as often.
MOST_ODDS = 5.0
# Below it, a difference from stable is small for clients, however many times as often the baseline fails.
_LEAST_RATE = 0.01
BASELINE_CODES = frozenset({ReasonCode.BASELINE_UNAVAILABLE, ReasonCode.BASELINE_WORSE})
# That by chance none of so many requests goes to the baseline.
_CHANCE = 1e-6


@dataclass(frozen=True)
class Doubt(Value):
    """Why a canary cannot be known to be good by a comparison with its baseline."""

    reason_code: ReasonCode
    reason: str


def compared_with_stable(
    comparison: Comparison, window: Window, settings: Analysis, period: int, unit: int | None
) -> Comparison:
    """Add a window to the evidence that the baseline has more than MOST_ODDS times stable's odds of an error."""
    if window.baseline is None:
        return comparison
    return comparison.updated(
        canary=window.baseline.failing,
        stable=window.stable.failing,
        margin=MOST_ODDS * settings.margin,
        dispersion=settings.dispersion,
        worse_than=MOST_ODDS,
        period=period,
        unit=unit,
    )


def unmatched(before: int, window: Window) -> int:
    """Return how many requests the canary has had since the baseline had one, or was to get any."""
    return before + window.canary.requests if window.baseline and not window.baseline.requests else 0


def absence(requests: int, *, weight: float, baseline: float) -> Doubt | None:
    """Doubt a baseline that gets no requests, beside so many of the canary's, by what both are to get in percent."""
    if baseline <= 0 or weight <= 0 or requests < ceil(log(_CHANCE) / log(weight / (weight + baseline))):
        return None
    return _unavailable(f"it has received none of the last {requests} requests to it and the canary")


def outage(recent: Iterable[Recent]) -> Doubt | None:
    """Doubt a baseline that fails most of its requests within two minutes, while stable does not."""
    known = [(one.baseline, one.stable) for one in recent if one.baseline is not None]
    baseline, stable = (summed(side) for side in zip(*known, strict=True)) if known else (Trials(0, 0), Trials(0, 0))
    if not is_down(baseline, beside=stable):
        return None
    return _unavailable(f"{baseline.bad} of its last {baseline.total} requests failed")


def inferiority(comparison: Comparison, totals: Window, settings: Analysis) -> Doubt | None:
    """Doubt a baseline that is shown to fail several times as often as stable."""
    rate = (totals.baseline.failing.rate or 0.0) if totals.baseline else 0.0
    if rate < _LEAST_RATE or comparison.worse < -log(settings.alpha):
        return None
    rates = f"{per_cent(rate)} against {per_cent(totals.stable.failing.rate or 0.0)}"
    return Doubt(
        ReasonCode.BASELINE_WORSE,
        f"the baseline fails more than {MOST_ODDS:g} times as often as stable ({rates}, e-value "
        f"{e_value(comparison.worse)} of {1 / settings.alpha:g}): check its version and its servers",
    )


def silence(totals: Window) -> Doubt | None:
    """Doubt a baseline that has not been counted yet."""
    is_silent = totals.baseline is not None and not totals.baseline.requests
    return _unavailable("it has received no requests yet") if is_silent else None


def _unavailable(why: str) -> Doubt:
    return Doubt(ReasonCode.BASELINE_UNAVAILABLE, f"the baseline is unavailable: {why}")
