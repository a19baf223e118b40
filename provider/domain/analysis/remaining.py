"""How long an inconclusive verdict is expected to stay so, if the traffic and the rates stay as they are."""

from math import log
from typing import Final

from provider.domain.analysis.forecast import Forecast, Stretch, most_tolerable
from provider.domain.analysis.outcome import Outcome
from provider.domain.analysis.verdict import MetricVerdict, Verdict

_DAY: Final = 86_400.0
_LONGEST: Final = 30 * _DAY


def seconds_until_known(verdict: Verdict, forecast: Forecast, share: float) -> float | None:
    """Return when the verdict is expected to be success or failure; None if not within thirty days, or if it is.

    `share` is the canary's part of the requests, from 0 to 1.
    """
    if verdict.outcome is not Outcome.INCONCLUSIVE or verdict.canary_requests == 0:
        return None
    undecided = [one for one in verdict.metrics if one.outcome is Outcome.INCONCLUSIVE]
    if not undecided:
        return None
    good = max(_until_good(one, verdict.canary_requests, forecast, share) for one in undecided)
    failed = min(_until_failed(one, forecast, share) for one in undecided)
    found = min(good, failed)
    return found if found <= _LONGEST else None


def roughly(seconds: float) -> str:
    """Say how long something takes with one number: about 40 minutes."""
    for unit, length in (("day", _DAY), ("hour", 3_600), ("minute", 60)):
        if seconds >= 1.5 * length:
            return f"about {round(seconds / length)} {unit}s"
    return "about a minute" if seconds >= 45 else "less than a minute"


def _until_good(metric: MetricVerdict, requests: int, forecast: Forecast, share: float) -> float:
    settings = forecast.settings
    gain = _per_second(metric, forecast, share, ((settings.margin, 1.0),))
    left = log(metric.not_worse_threshold) - log(metric.not_worse_e_value)
    by_comparison = left / gain if gain > 0 else 2 * _LONGEST
    return min(by_comparison, _until_tolerable(metric, requests, forecast, share))


def _until_tolerable(metric: MetricVerdict, requests: int, forecast: Forecast, share: float) -> float:
    rate, settings = metric.canary_rate or 0.0, forecast.settings
    canary = forecast.rates.requests * share
    if canary <= 0 or rate >= settings.tolerated_rate:
        return 2 * _LONGEST
    wanted, most = requests, requests + round(canary * _LONGEST)
    while wanted <= most:
        if round(rate * wanted) <= most_tolerable(wanted, settings):
            return max(0.0, (wanted - requests) / canary)
        wanted = round(wanted * 1.05) + 1
    return 2 * _LONGEST


def _until_failed(metric: MetricVerdict, forecast: Forecast, share: float) -> float:
    gain = _per_second(metric, forecast, share, forecast.alternatives)
    left = log(metric.worse_threshold) - log(metric.worse_e_value)
    return max(0.0, left) / gain if gain > 0 else 2 * _LONGEST


def _per_second(
    metric: MetricVerdict, forecast: Forecast, share: float, pairs: tuple[tuple[float, float], ...]
) -> float:
    """Return how much the log of an e-value rises in a second, for the best of the alternatives."""
    gains = forecast.gains(
        Stretch(share, _DAY), bad=metric.canary_rate or 0.0, stable_bad=metric.stable_rate or 0.0, pairs=pairs
    )
    return max(mean for mean, _ in gains) / _DAY
