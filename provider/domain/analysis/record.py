"""What is remembered of a canary under judgement from sample to sample: a value that a store keeps as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil, log
from typing import Any, Self

from provider.domain.analysis.baseline import BASELINE_CODES, Doubt, absence, inferiority, outage, unmatched
from provider.domain.analysis.context import Context
from provider.domain.analysis.counters import Counted
from provider.domain.analysis.counts import Window
from provider.domain.analysis.evidence import Evidence, NotWorse
from provider.domain.analysis.number_format import seconds
from provider.domain.analysis.outcome import Outcome, ReasonCode, worst
from provider.domain.analysis.replicas import several_traefiks
from provider.domain.analysis.ruin import Recent, remembered, ruin
from provider.domain.analysis.settings import Analysis
from provider.domain.analysis.snapshots import Snapshot, windows_between
from provider.domain.analysis.tally import Tally
from provider.domain.analysis.values import Value
from provider.domain.analysis.verdict import Verdict, judge
from provider.domain.analysis.warm_up import Exposure, WarmUp

_SAMPLES_KEPT = 20
# A window with fewer requests says little or nothing, so it stays open. Without stable's it cannot be compared.
CANARY_REQUESTS, STABLE_REQUESTS = 3, 1
# A canary that breaks is told from one that was bad from the start by when the evidence begins: every five minutes.
_PERIOD = timedelta(minutes=5)
# So many requests to the canary and none to stable: it gets all the traffic, and is judged by what stable was.
ALONE = 20


@dataclass(frozen=True)
class CheckResult(Value):
    """Latest result of a check."""

    name: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class Measurement:
    """One sample: the counters of each gateway and the results of the checks, or the reason why there are none.

    `missing` names the sources that could not be measured beside those that were. What was measured is judged, so
    that a bad canary fails. No canary is known to be good while one is missing. `is_partial` is true if some may
    still respond: then there is a whole measurement later.
    """

    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    checks: tuple[CheckResult, ...] = ()
    error: str = ""
    missing: tuple[str, ...] = ()
    is_partial: bool = False


@dataclass(frozen=True)
class SampleResult(Value):
    """One measurement of the canary: its outcome, with a reason, and the requests since the previous measurement."""

    at: datetime
    outcome: Outcome
    reason: str
    canary_requests: int = 0
    stable_requests: int = 0
    reason_code: ReasonCode | None = None
    baseline_requests: int | None = None

    @property
    def requests(self) -> int:
        """Return the requests of all sides."""
        return self.canary_requests + self.stable_requests + (self.baseline_requests or 0)


@dataclass(frozen=True)
class Sums(Value):
    """Evidence and counts of the canary's whole attempt."""

    evidence: Evidence = field(default_factory=Evidence)
    totals: Window = field(default_factory=Window)


@dataclass(frozen=True)
class InStep(Value):
    """Counts of the analysis step that runs, and the evidence of a good canary that there was before it."""

    totals: Window = field(default_factory=Window)
    before: NotWorse = field(default_factory=NotWorse)


@dataclass(frozen=True)
class Record(Value):
    """All that the samples so far came to.

    `attempt` and `step` name what it is about. Another attempt begins with nothing, and another step with the
    evidence against the canary only. `judged_from` is when the judging of the step begins, where a warm-up delays it.
    `client_errors_at` is when the canary was first known to have more client errors than stable. `unmatched` is how
    many requests the canary has had since its baseline had one.
    """

    attempt: str
    step: str = ""
    looked_at: datetime | None = None
    whole: Sums = field(default_factory=Sums)
    in_step: InStep = field(default_factory=InStep)
    tally: Tally = field(default_factory=Tally)
    checks: tuple[CheckResult, ...] = ()
    counters: dict[str, Counted] = field(default_factory=dict)
    samples: tuple[SampleResult, ...] = ()
    open_windows: dict[str, Window] = field(default_factory=dict)
    recent: tuple[Recent, ...] = ()
    missing: tuple[str, ...] = ()
    began_at: datetime | None = None
    warm_up: WarmUp | None = None
    judged_from: datetime | None = None
    client_errors_at: datetime | None = None
    unmatched: int = 0

    def about(self, attempt: str, step: str) -> Self:
        """Return the record to continue with for an attempt and its step."""
        if self.attempt != attempt:
            return type(self)(attempt, step)
        if self.step == step:
            return self
        return replace(
            self, step=step, in_step=InStep(before=self.whole.evidence.not_worse), checks=(), judged_from=None
        )

    def looked(
        self,
        measurement: Measurement,
        settings: Analysis,
        *,
        stable: str,
        canary: str,
        now: datetime,
        exposure: Exposure | None = None,
        baseline: str | None = None,
    ) -> Self:
        """Add a sample. A gateway that it misses keeps its counters: its next window includes the time since.

        `exposure` tells when the canary is cold; without it every sample is judged. `baseline` is the service of a
        baseline that is to get requests.
        """
        if measurement.error:
            return self._noted(SampleResult(now, Outcome.ERROR, measurement.error))
        known = self._known(measurement.snapshots, now=now)
        before = {gateway: counted.snapshot for gateway, counted in known.items()}
        replicas = sorted(
            name
            for name, snapshot in measurement.snapshots.items()
            if name in known and known[name].is_other_than(snapshot)
        )
        after = {name: snapshot for name, snapshot in measurement.snapshots.items() if name not in replicas}
        try:
            windows = windows_between(
                before, after, stable=stable, canary=canary, errors=settings.errors, baseline=baseline
            )
        except ValueError as error:
            return self._noted(SampleResult(now, Outcome.ERROR, f"inconsistent counts: {error}"))
        window = Window.sum(windows.values())
        seen = {name: Counted.of(snapshot, before=known.get(name), now=now) for name, snapshot in after.items()}
        begun = self._exposed(exposure, settings, now=now) if exposure else self
        added = replace(
            begun,
            **begun._pooled(windows, settings, now=now),
            began_at=self.began_at or now,
            looked_at=now,
            checks=measurement.checks,
            counters={**known, **seen},
            recent=remembered(self.recent, window, now=now),
            missing=(*measurement.missing, *(several_traefiks(name) for name in replicas)),
            unmatched=unmatched(self.unmatched, window),
        )
        return added._concluded(settings, window, now=now)

    def verdict(self, settings: Analysis) -> Verdict:
        """Judge the canary over its whole attempt."""
        return self._judged(self.whole.evidence, self.whole.totals, settings)

    def step_verdict(self, settings: Analysis) -> Verdict:
        """Judge the canary in the step that runs. It has failed there if it has failed in its attempt."""
        verdict = self._judged(self.whole.evidence.since(self.in_step.before), self.in_step.totals, settings)
        return self.verdict(settings) if verdict.outcome is Outcome.FAILED else verdict

    def finding(self, settings: Analysis) -> tuple[Outcome, str]:
        """Return what is known now, with the reason."""
        outcome, reason, _ = self._found(settings, self._verdict(settings))
        return outcome, reason

    def doubt(self, settings: Analysis) -> Doubt | None:
        """Return why the canary cannot be compared with its baseline; None if it can, or if there is none."""
        exposure = self.warm_up.exposure if self.warm_up else None
        return (
            (exposure and absence(self.unmatched, weight=exposure.weight, baseline=exposure.baseline))
            or outage(self.recent)
            or inferiority(self.whole.evidence.baseline, self.whole.totals, settings)
        )

    def client_errors(self, settings: Analysis) -> str:
        """Say that the canary has more client errors than stable; empty if that is not known."""
        return _more_client_errors(self.verdict(settings))

    def first_edge(self, *, since: datetime) -> float | None:
        """Return the highest first bucket edge, in seconds, of gateways sampled since a moment; None if unknown."""
        sampled = [one for one in self.counters.values() if one.sampled_at and one.sampled_at >= since]
        return max((edge for one in sampled if (edge := one.first_edge)), default=None)

    def warm_at(self, settings: Analysis) -> datetime | None:
        """Return when the warm-up is over, or was; None without one."""
        return self.warm_up.end(settings.warm_up) if self.warm_up else None

    def warming_up(self, settings: Analysis, *, now: datetime | None) -> str:
        """Say for how long the canary still warms up; empty if it does not."""
        end = self.warm_at(settings)
        if end is None or now is None or now >= end:
            return ""
        return f"warming up for {seconds(ceil((end - now).total_seconds()))} more"

    def _verdict(self, settings: Analysis) -> Verdict:
        return self.step_verdict(settings) if self.step else self.verdict(settings)

    def _concluded(self, settings: Analysis, window: Window, *, now: datetime) -> Self:
        """Note what the sample that was added came to."""
        verdict = self._verdict(settings)
        outcome, reason, code = self._found(settings, verdict)
        is_refused = bool(_more_client_errors(verdict))
        if code is ReasonCode.CLIENT_ERRORS:
            reason = f"{self.client_errors(settings)}; {reason}"
        compared = window.baseline.requests if window.baseline else None
        sample = SampleResult(now, outcome, reason, window.canary.requests, window.stable.requests, code, compared)
        refused_at = now if is_refused and self.client_errors_at is None else self.client_errors_at
        return self._noted(sample, client_errors_at=refused_at)

    def _found(self, settings: Analysis, verdict: Verdict) -> tuple[Outcome, str, ReasonCode | None]:
        """Return the outcome, its reason, and the reason's code."""
        words = self.warming_up(settings, now=self.looked_at)
        parts = [(Outcome.ERROR, missing) for missing in self.missing]
        if words and verdict.outcome is not Outcome.FAILED:
            parts.append((Outcome.INCONCLUSIVE, words))
        else:
            parts.append((verdict.outcome, verdict.reason))
            parts += [(check.outcome, f"{check.name}: {check.reason}") for check in self.checks]
        outcome = worst(part for part, _ in parts)
        reason = "; ".join(words for part, words in parts if part is outcome)
        if outcome in {Outcome.FAILED, Outcome.ERROR}:
            return outcome, reason, None
        if words:
            return outcome, reason, ReasonCode.WARMING_UP
        is_refused = verdict.reason_code not in BASELINE_CODES and _more_client_errors(verdict)
        return outcome, reason, ReasonCode.CLIENT_ERRORS if is_refused else verdict.reason_code

    def _judged(self, evidence: Evidence, totals: Window, settings: Analysis) -> Verdict:
        """Return a verdict: failure for a canary that is plainly down, or what the evidence comes to."""
        verdict = judge(evidence, totals, settings, doubt=self.doubt(settings))
        is_evident = evidence.errors.evidence.with_all_units >= log(settings.failed_at)
        ruined = ruin(self.recent, is_evident=is_evident)
        return replace(verdict, outcome=Outcome.FAILED, reason=ruined, reason_code=None) if ruined else verdict

    def _exposed(self, exposure: Exposure, settings: Analysis, *, now: datetime) -> Self:
        """Begin a warm-up where the canary is cold; a new weight closes all windows."""
        warm_up = WarmUp.after(self.warm_up, exposure, now=now)
        is_weight_new = self.warm_up is not None and self.warm_up.exposure.weight != exposure.weight
        begun = self._closed(settings, now=now) if is_weight_new else self
        end = warm_up.end(settings.warm_up)
        is_delayed = end is not None and now < end and self.in_step.totals == Window()
        judged_from = end if is_delayed else self.judged_from
        if warm_up is self.warm_up and judged_from == self.judged_from:
            return begun
        return replace(begun, warm_up=warm_up, judged_from=judged_from)

    def _closed(self, settings: Analysis, *, now: datetime) -> Self:
        """Judge the windows that are still open."""
        evidence, context = self.whole.evidence, self._context(settings, now=now)
        for window in self.open_windows.values():
            evidence = evidence.updated(window, settings, context)
        return replace(self, whole=Sums(evidence, self.whole.totals), open_windows={})

    def _context(self, settings: Analysis, *, now: datetime) -> Context:
        age = max(timedelta(), now - (self.began_at or now))
        unit = 2 * age // settings.sustained if settings.sustained else None
        return Context(self.whole.totals.reference, period=age // _PERIOD, unit=unit)

    def _known(self, snapshots: Mapping[str, Snapshot], *, now: datetime) -> dict[str, Counted]:
        """Return the counters to go on from, without those of a Traefik that another one has replaced."""
        return {
            gateway: counted
            for gateway, counted in self.counters.items()
            if not (gateway in snapshots and counted.is_other_than(snapshots[gateway]) and counted.is_gone(now=now))
        }

    def _pooled(self, windows: Mapping[str, Window], settings: Analysis, *, now: datetime) -> Mapping[str, Any]:
        """Add a window of each gateway, judge those that are closed, and return what has changed.

        Gateways may differ in their errors and in the share that the canary gets of each. The sum of their counts
        could show a difference between the sides where there is none (Simpson's paradox); the product of their
        evidence does not. Which windows are closed depends on the numbers of requests alone, so that each stays
        valid given its margins.
        """
        judged = {name: window for name, window in windows.items() if self._is_judged(name, settings)}
        if not judged:
            return {}
        evidence, still_open = self.whole.evidence, dict(self.open_windows)
        context = self._context(settings, now=now)
        for gateway, window in judged.items():
            pooled = still_open.pop(gateway) + window if gateway in still_open else window
            if _is_closed(pooled):
                evidence = evidence.updated(pooled, settings, context)
            elif pooled != Window():
                still_open[gateway] = pooled
        counted = Window.sum(judged.values())
        return {
            "whole": Sums(evidence, self.whole.totals + counted),
            "in_step": InStep(self.in_step.totals + counted, self.in_step.before),
            "open_windows": still_open,
        }

    def _is_judged(self, gateway: str, settings: Analysis) -> bool:
        """Tell whether the window since the last sample of a gateway holds no response of a warm-up."""
        known = self.counters.get(gateway)
        return self.warm_up is None or self.warm_up.is_judged(known.sampled_at if known else None, settings.warm_up)

    def _noted(self, look: SampleResult, **changes: Any) -> Self:
        samples = (look, *self.samples)[:_SAMPLES_KEPT]
        tally = self.tally.counted(look.outcome, at=look.at)
        return replace(self, looked_at=look.at, tally=tally, samples=samples, **changes)


def _is_closed(window: Window) -> bool:
    canary, stable = window.canary.requests, window.reference.requests
    return (canary >= CANARY_REQUESTS and stable >= STABLE_REQUESTS) or (canary >= ALONE and stable == 0)


def _more_client_errors(verdict: Verdict) -> str:
    """Return the reason why the canary is known to have more client errors than stable; empty if it is not."""
    known = verdict.client_errors
    return known.reason if known and known.outcome is Outcome.FAILED else ""
