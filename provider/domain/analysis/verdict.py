"""The verdict on a canary: what its evidence and its counts come to, in numbers and in words."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import exp, log
from typing import Literal, Self

from provider.domain.analysis.baseline import Doubt, silence
from provider.domain.analysis.bound import upper_bound
from provider.domain.analysis.counts import Counts, Trials, Window
from provider.domain.analysis.edges import Edge, slow_edge, slower, unknown_edges
from provider.domain.analysis.evidence import Evidence
from provider.domain.analysis.limits import LimitVerdict, check_limits
from provider.domain.analysis.number_format import LARGEST_LOG, e_value, per_cent, seconds
from provider.domain.analysis.outcome import Outcome, ReasonCode, worst
from provider.domain.analysis.settings import Analysis, ClientErrors, Metric
from provider.domain.analysis.values import Value

Judged = Metric | Literal["clientErrors"]
_NAMES: dict[Judged, str] = {"errors": "errors", "latency": "slow responses", "clientErrors": "client errors"}


_CURE = (
    "Traefik reads a gRPC status only from headers and from announced trailers; "
    "have the server announce Grpc-Status and Grpc-Message, or add a check"
)


@dataclass(frozen=True)
class MetricVerdict(Value):
    """Verdict on one metric. Rates are between 0 and 1, or null without requests.

    `stable_rate` is the rate of the side that the canary is compared with: the baseline where there is one.
    `worse` is the e-value of the claim that the canary is worse than stable, `failed_at` the value at which that
    claim is accepted. `not_worse` and `passed_at` are the same for the claim that the canary is not worse than the
    margin. `at_most` is the upper confidence bound of the canary's own rate. `doubt` is the reason why the canary
    cannot be known to be good, if there is one.
    """

    metric: Judged
    outcome: Outcome
    reason: str
    canary_rate: float | None
    stable_rate: float | None
    worse_e_value: float
    worse_threshold: float
    not_worse_e_value: float
    not_worse_threshold: float
    canary_rate_upper_bound: float
    caveat: str = ""


@dataclass(frozen=True)
class Verdict(Value):
    """Verdict on a canary, with a reason; `metrics` and `limits` contain the individual verdicts.

    `client_errors` is part of the outcome only if `clientErrors` is `abort`.
    """

    outcome: Outcome
    reason: str
    canary_requests: int
    metrics: tuple[MetricVerdict, ...] = ()
    limits: tuple[LimitVerdict, ...] = ()
    client_errors: MetricVerdict | None = None
    reason_code: ReasonCode | None = None

    def at_end(self, settings: Analysis, *, attempt: Self | None = None) -> Self:
        """Give what this verdict comes to when its time is over.

        A canary that did not fail goes on then, if it had enough requests for a failure to show, if it was observed
        to keep its limits, and if its observed rates are no worse than what is tolerated, or than `margin` times
        stable's. `attempt` is the verdict on the whole attempt: its rate of stable counts where stable got no
        requests meanwhile.
        """
        wanted = settings.min_requests
        if self.outcome is not Outcome.INCONCLUSIVE:
            return self
        if self.canary_requests < wanted:
            return replace(self, reason=f"too few requests: {self.canary_requests} of {wanted}")
        if self.reason_code is not None:
            return self
        stable = {one.metric: one.stable_rate for one in attempt.metrics} if attempt else {}
        doubtful = [
            words
            for one in self.metrics
            if (words := _doubt(one, stable.get(one.metric), self.canary_requests, settings))
        ]
        doubtful += [limit.reason for limit in self.limits if limit.outcome is not Outcome.SUCCESSFUL]
        if doubtful:
            return replace(self, reason="; ".join(doubtful))
        return replace(self, outcome=Outcome.SUCCESSFUL, reason=f"no failure before the deadline: {self.reason}")


def _doubt(metric: MetricVerdict, stable_of_attempt: float | None, requests: int, settings: Analysis) -> str:
    """Say why a metric needs a person to go on; empty if it does not."""
    if metric.caveat:
        return metric.caveat
    canary = metric.canary_rate
    # A single bad response exceeds every rate where requests are few, and says nothing.
    if canary is None or round(canary * requests) <= 1:
        return ""
    stable = metric.stable_rate if metric.stable_rate is not None else stable_of_attempt
    allowed = max(settings.tolerated_rate, settings.margin * (stable or 0.0))
    if canary <= allowed:
        return ""
    rate = f"canary {_NAMES[metric.metric]} {per_cent(canary)}"
    return f"not shown to be good: {rate} exceed the {per_cent(allowed)} allowed without a verdict"


def judge(evidence: Evidence, totals: Window, settings: Analysis, *, doubt: Doubt | None = None) -> Verdict:
    """Judge a canary by its evidence and by the sum of the same windows.

    One comparison or limit that failed fails the canary; success takes all of them. Without data it is inconclusive,
    and so it is with a `doubt` about its baseline.
    """
    metrics = tuple(_judged(case, settings) for case in _cases(evidence, totals, settings))
    limits = check_limits(totals.canary, settings, evidence.limits)
    client_errors = _client_errors(evidence, totals, settings)
    parts: list[MetricVerdict | LimitVerdict] = [*metrics, *limits]
    if client_errors and client_errors.outcome is Outcome.FAILED and settings.client_errors is ClientErrors.ABORT:
        parts.append(client_errors)
    outcome, requests = worst(part.outcome for part in parts), totals.canary.requests
    if outcome is Outcome.FAILED:
        reason = "; ".join(part.reason for part in parts if part.outcome is outcome)
        return Verdict(outcome, reason, requests, metrics, limits, client_errors)
    if requests == 0:
        words = "no requests to the canary yet"
        return Verdict(Outcome.INCONCLUSIVE, words, requests, metrics, limits, client_errors)
    doubt = doubt or silence(totals)
    if doubt:
        code = doubt.reason_code
        return Verdict(Outcome.INCONCLUSIVE, doubt.reason, requests, metrics, limits, client_errors, code)
    unknown = _unknown_results(totals.canary, settings)
    if unknown:
        code = ReasonCode.UNKNOWN_RESULTS
        return Verdict(Outcome.INCONCLUSIVE, unknown, requests, metrics, limits, client_errors, code)
    reason = "; ".join(part.reason for part in parts if part.outcome is outcome)
    limit_code = next((limit.reason_code for limit in limits if limit.reason_code), None)
    return Verdict(outcome, reason, requests, metrics, limits, client_errors, limit_code)


def _unknown_results(canary: Counts, settings: Analysis) -> str:
    """Say that Traefik does not count the results of the canary's responses; empty if it does, or if none matter.

    A check judges what Traefik cannot.
    """
    is_wanted = "errors" in settings.metrics or settings.limits.success_rate is not None
    share = canary.unknown / canary.requests
    if not is_wanted or settings.checks or share <= settings.tolerated_rate:
        return ""
    return f"the results of {per_cent(share)} of the canary's responses are unknown: {_CURE}"


def _client_errors(evidence: Evidence, totals: Window, settings: Analysis) -> MetricVerdict | None:
    if settings.client_errors is ClientErrors.IGNORE:
        return None
    canary, stable, compared = totals.canary.refusing, totals.reference.refusing, evidence.client_errors
    bad = _NAMES["clientErrors"]
    case = _Case("clientErrors", compared.worse, compared.not_worse, canary, stable, bad, (canary, stable))
    return _judged(case, settings)


@dataclass(frozen=True)
class _Case:
    """What one metric is judged by; `worse` and `not_worse` are natural logs of e-values.

    `evident` are the trials that say most against the canary, and `bad` what is bad about them. `doubt` says why the
    canary cannot be known to be good.
    """

    metric: Judged
    worse: float
    not_worse: float
    canary: Trials
    stable: Trials
    bad: str
    evident: tuple[Trials, Trials]
    doubt: str = ""

    @property
    def rates(self) -> str:
        """Say the canary's rate and stable's, as far as they are known."""
        return _rates(_NAMES[self.metric], self.canary, self.stable)

    @property
    def evident_rates(self) -> str:
        """Say the rates that say most against the canary."""
        return _rates(self.bad, *self.evident)


def _rates(bad: str, canary: Trials, stable: Trials) -> str:
    words = f"canary {bad} {per_cent(canary.rate or 0.0)}"
    return words if stable.rate is None else f"{words} against {per_cent(stable.rate)}"


def _cases(evidence: Evidence, totals: Window, settings: Analysis) -> Iterator[_Case]:
    for metric in settings.metrics:
        yield _errors(evidence, totals) if metric == "errors" else _latency(evidence, totals, settings)


def _errors(evidence: Evidence, totals: Window) -> _Case:
    canary, stable, errors = totals.canary.failing, totals.reference.failing, evidence.errors
    return _Case("errors", errors.worse, errors.not_worse, canary, stable, _NAMES["errors"], (canary, stable))


def _latency(evidence: Evidence, totals: Window, settings: Analysis) -> _Case:
    slow, (worse, telling) = slow_edge(evidence.slow, settings), slower(evidence.slow, settings)
    canary, stable = _above(totals, slow)
    return _Case(
        metric="latency",
        worse=worse,
        not_worse=slow.comparison.not_worse if slow else 0.0,
        canary=canary,
        stable=stable,
        bad=f"responses above {seconds(telling.seconds)}" if telling and telling != slow else _NAMES["latency"],
        evident=_above(totals, telling),
        doubt=_unknown_edges(totals, settings),
    )


def _above(totals: Window, edge: Edge | None) -> tuple[Trials, Trials]:
    canary = totals.canary.latency.above(edge.seconds) if edge else None
    stable = totals.reference.latency.above(edge.seconds) if edge else None
    return canary or Trials(0, 0), stable or Trials(0, 0)


def _unknown_edges(totals: Window, settings: Analysis) -> str:
    there = totals.canary.latency.edges
    unknown = unknown_edges(there, settings.latency) if there else []
    if not unknown:
        return ""
    named, known = ", ".join(map(seconds, unknown)), ", ".join(map(seconds, there))
    return (
        f"latency.edges has {named}, where Traefik has no bucket edge; choose from {known}, or add it to "
        "metrics.prometheus.buckets in Traefik"
    )


def _judged(case: _Case, settings: Analysis) -> MetricVerdict:
    # Client errors that only pause have an α of their own: nothing is rolled back by mistake.
    is_apart = case.metric == "clientErrors" and settings.client_errors is ClientErrors.PAUSE
    failed_at, passed_at = 1 / settings.alpha if is_apart else settings.failed_at, 1 / settings.beta
    at_most = upper_bound(
        case.canary, beta=settings.beta, dispersion=settings.dispersion, tolerated=settings.tolerated_rate
    )
    outcome, reason = _finding(case, settings, failed_at=failed_at, passed_at=passed_at, at_most=at_most)
    return MetricVerdict(
        metric=case.metric,
        outcome=outcome,
        reason=reason,
        canary_rate=case.canary.rate,
        stable_rate=case.stable.rate,
        worse_e_value=exp(min(case.worse, LARGEST_LOG)),
        worse_threshold=failed_at,
        not_worse_e_value=exp(min(case.not_worse, LARGEST_LOG)),
        not_worse_threshold=passed_at,
        canary_rate_upper_bound=at_most,
        caveat=case.doubt,
    )


def _finding(
    case: _Case, settings: Analysis, *, failed_at: float, passed_at: float, at_most: float
) -> tuple[Outcome, str]:
    worse = f"e-value {e_value(case.worse)} of {failed_at:g}"
    not_worse = f"e-value {e_value(case.not_worse)} of {passed_at:g}"
    # Failure first: a canary that was good for hours and breaks now has evidence of both.
    if case.worse >= log(failed_at):
        return Outcome.FAILED, f"{case.evident_rates}, {worse}"
    if case.doubt:
        return Outcome.INCONCLUSIVE, case.doubt
    if case.canary.total == 0:
        return Outcome.INCONCLUSIVE, f"no data on the canary's {_NAMES[case.metric]}"
    if case.not_worse >= log(passed_at):
        return Outcome.SUCCESSFUL, f"{case.rates}, less than {settings.margin:g} times as bad, {not_worse}"
    if at_most < settings.tolerated_rate:
        return Outcome.SUCCESSFUL, f"{case.rates}, below the tolerated {per_cent(settings.tolerated_rate)}"
    return Outcome.INCONCLUSIVE, f"{case.rates}, undecided: {worse} for worse, {not_worse} for not worse"
