"""Plain limits beside the comparison: what people expect of a canary whatever stable does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import exp, inf, isinf, log

from provider.domain.analysis.counts import Counts, Histogram, Trials
from provider.domain.analysis.exceedance import Exceedance
from provider.domain.analysis.number_format import LARGEST_LOG, e_value, per_cent, seconds
from provider.domain.analysis.outcome import Outcome, ReasonCode
from provider.domain.analysis.settings import Analysis
from provider.domain.analysis.values import Value


@dataclass(frozen=True)
class LimitVerdict(Value):
    """Verdict on one limit. `name` is the field; values are in percent or seconds, null if unknown.

    `worse` is the e-value of the claim that the canary violates the limit, `failed_at` the value at which it is
    accepted.
    """

    name: str
    outcome: Outcome
    value: float | None
    limit: float
    reason: str
    e_value: float = 1.0
    threshold: float = 1.0
    reason_code: ReasonCode | None = None


@dataclass(frozen=True)
class LimitedTrials:
    """The responses that a limit counts, and the share of them, from 0 to 1, that it allows to be bad."""

    name: str
    rate: float
    trials: Trials


def limited_trials(canary: Counts, settings: Analysis) -> Iterator[LimitedTrials]:
    """Yield what each limit counts of a window.

    A response is slow for a latency limit if it took longer than the first bucket edge that is no lower: that it took
    longer than the limit is then certain. Above the last edge nothing is known.
    """
    success_rate = settings.limits.success_rate
    if success_rate is not None:
        yield LimitedTrials("successRate", (100 - success_rate) / 100, canary.failing)
    for percentile, limit in settings.limits.latencies().items():
        edge = next((edge for edge in canary.latency.edges if edge >= limit.total_seconds()), None)
        trials = None if edge is None else canary.latency.above(edge)
        if trials is not None:
            yield LimitedTrials(f"latencyP{percentile}", (100 - percentile) / 100, trials)


def check_limits(
    canary: Counts, settings: Analysis, evidence: Mapping[str, Exceedance] | None = None
) -> tuple[LimitVerdict, ...]:
    """Hold the canary's responses so far against every limit that is set.

    A limit fails when its evidence says so, and is kept when the observed value keeps it, from `minRequests` on. In
    between it is inconclusive.
    """
    return tuple(
        _judged(observed, (evidence or {}).get(observed.name), settings) for observed in _all(canary, settings)
    )


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


@dataclass(frozen=True)
class _Observed:
    """What was observed beside a limit. `is_kept` is None where it cannot be told, and `words` say why."""

    name: str
    value: float | None
    limit: float
    is_kept: bool | None
    words: str
    reason_code: ReasonCode | None = None


def _judged(observed: _Observed, evidence: Exceedance | None, settings: Analysis) -> LimitVerdict:
    failed_at, worse = settings.failed_at, evidence.worse if evidence else 0.0
    outcome, reason = Outcome.INCONCLUSIVE, observed.words
    if worse >= log(failed_at):
        outcome, reason = Outcome.FAILED, f"{reason}, e-value {e_value(worse)} of {failed_at:g}"
    elif observed.is_kept:
        outcome = Outcome.SUCCESSFUL
    elif observed.is_kept is False:
        reason = f"{reason}, undecided: e-value {e_value(worse)} of {failed_at:g}"
    return LimitVerdict(
        name=observed.name,
        outcome=outcome,
        value=observed.value,
        limit=observed.limit,
        reason=reason,
        e_value=exp(min(worse, LARGEST_LOG)),
        threshold=failed_at,
        reason_code=observed.reason_code if outcome is Outcome.INCONCLUSIVE else None,
    )


def _all(canary: Counts, settings: Analysis) -> Iterator[_Observed]:
    if settings.limits.success_rate is not None:
        yield _success_rate(canary, at_least=settings.limits.success_rate, enough=settings.min_requests)
    for percentile, limit in settings.limits.latencies().items():
        yield _latency(canary.latency, percentile, limit=limit.total_seconds(), enough=settings.min_requests)


def _success_rate(canary: Counts, *, at_least: float, enough: int) -> _Observed:
    name = "successRate"
    if canary.requests == 0:
        return _Observed(name, None, at_least, None, f"success rate: 0 of {enough} requests")
    # One division only, so that 99 of 100 is 99% and not a little less.
    value = 100 * (canary.requests - canary.errors) / canary.requests
    words = f"success rate {per_cent(value / 100)}, required at least {per_cent(at_least / 100)}"
    if canary.requests < enough:
        return _Observed(name, None, at_least, None, f"{words}: {canary.requests} of {enough} requests")
    return _Observed(name, value, at_least, value >= at_least, words)


def _latency(histogram: Histogram, percentile: int, *, limit: float, enough: int) -> _Observed:
    name = f"latencyP{percentile}"
    value = quantile(histogram, percentile / 100)
    if value is None:
        return _Observed(name, None, limit, None, f"p{percentile}: 0 of {enough} requests")
    first, last, wanted = histogram.edges[0], histogram.edges[-1], f"required at most {seconds(limit)}"
    if limit < first and value <= first:
        words = below_first_edge(name, limit=limit, first=first)
        return _Observed(name, None, limit, None, words, ReasonCode.LIMIT_BELOW_BUCKETS)
    if isinf(value):
        is_kept = False if limit <= last else None
        words = f"p{percentile} above {seconds(last)}, the last bucket's edge; {wanted}"
        return _Observed(name, None, limit, is_kept if histogram.total >= enough else None, words)
    words = f"p{percentile} {seconds(value)}, {wanted}"
    if histogram.total < enough:
        return _Observed(name, None, limit, None, f"{words}: {histogram.total} of {enough} requests")
    return _Observed(name, value, limit, value <= limit, words)


def below_first_edge(name: str, *, limit: float, first: float) -> str:
    """Say that a limit cannot be judged: no bucket distinguishes durations below the first edge."""
    return (
        f"limits.{name} of {seconds(limit)} cannot be judged: the first bucket of Traefik's metrics ends at "
        f"{seconds(first)}; raise the limit to at least {seconds(first)}, or add lower metrics.prometheus.buckets to "
        "Traefik"
    )
