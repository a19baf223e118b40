"""Plain limits beside the comparison: what people expect of a canary whatever stable does."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import inf, isinf

from provider.analysis.counts import Counts, Histogram
from provider.analysis.outcome import Outcome
from provider.analysis.settings import Analysis
from provider.analysis.values import Value
from provider.analysis.words import per_cent, seconds


@dataclass(frozen=True)
class LimitVerdict(Value):
    """A limit and how the canary keeps it. `name` is the field's; per cent, or seconds; None if unknown."""

    name: str
    outcome: Outcome
    value: float | None
    limit: float
    reason: str


def check_limits(canary: Counts, settings: Analysis) -> tuple[LimitVerdict, ...]:
    """Hold the canary's answers so far against every limit that is set; with too few, each is inconclusive."""
    return tuple(_verdicts(canary, settings))


def quantile(histogram: Histogram, share: float) -> float | None:
    """Give the duration in seconds within which a share of the answers came; None without any, inf above all edges.

    It is interpolated linearly within its bucket, as Prometheus' histogram_quantile does, so it is as exact as the
    bucket is narrow. Prometheus gives the last edge where we say inf: "5 s" would be a lower bound read as a value.
    """
    if histogram.total == 0:
        return None
    rank = share * histogram.total
    edge_below, count_below = 0.0, 0
    for edge, count in zip(histogram.edges, histogram.counts, strict=True):
        if count >= rank and count > count_below:
            return edge_below + (edge - edge_below) * (rank - count_below) / (count - count_below)
        edge_below, count_below = edge, count
    return inf


def _verdicts(canary: Counts, settings: Analysis) -> Iterator[LimitVerdict]:
    if settings.limits.success_rate is not None:
        yield _success_rate(canary, at_least=settings.limits.success_rate, enough=settings.min_requests)
    for percentile, limit in settings.limits.latencies().items():
        yield _latency(canary.latency, percentile, at_most=limit, enough=settings.min_requests)


def _success_rate(canary: Counts, *, at_least: float, enough: int) -> LimitVerdict:
    name = "successRate"
    if canary.requests < enough:
        reason = f"success rate: {canary.requests} of {enough} requests"
        return LimitVerdict(name, Outcome.INCONCLUSIVE, None, at_least, reason)
    # One division only, so that 99 of 100 is 99 % and not a little less.
    value = 100 * (canary.requests - canary.errors) / canary.requests
    outcome = Outcome.SUCCESSFUL if value >= at_least else Outcome.FAILED
    reason = f"success rate {per_cent(value / 100)}, at least {per_cent(at_least / 100)} wanted"
    return LimitVerdict(name, outcome, value, at_least, reason)


def _latency(histogram: Histogram, percentile: int, *, at_most: timedelta, enough: int) -> LimitVerdict:
    name, limit = f"latencyP{percentile}", at_most.total_seconds()
    if histogram.total < enough:
        reason = f"p{percentile}: {histogram.total} of {enough} requests"
        return LimitVerdict(name, Outcome.INCONCLUSIVE, None, limit, reason)
    value = quantile(histogram, percentile / 100)
    assert value is not None  # noqa: S101 enough is at least 1
    if isinf(value):
        return _beyond_all_edges(name, percentile, last=histogram.edges[-1], limit=limit)
    outcome = Outcome.SUCCESSFUL if value <= limit else Outcome.FAILED
    reason = f"p{percentile} {seconds(value)}, at most {seconds(limit)} wanted"
    return LimitVerdict(name, outcome, value, limit, reason)


def _beyond_all_edges(name: str, percentile: int, *, last: float, limit: float) -> LimitVerdict:
    """Judge a quantile of which no more is known than that it is above the last edge."""
    outcome = Outcome.FAILED if limit <= last else Outcome.INCONCLUSIVE
    reason = f"p{percentile} above {seconds(last)}, the last bucket's edge; at most {seconds(limit)} wanted"
    return LimitVerdict(name, outcome, None, limit, reason)
