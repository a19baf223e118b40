"""What is remembered of a canary under judgement, from look to look: a value that a store keeps as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil, log
from typing import Self

from provider.domain.analysis.baseline import BASELINE_CODES, Doubt, absence, inferiority, outage, unmatched
from provider.domain.analysis.context import Context
from provider.domain.analysis.counts import Window
from provider.domain.analysis.evidence import Evidence
from provider.domain.analysis.number_format import seconds
from provider.domain.analysis.outcome import Outcome, ReasonCode, worst
from provider.domain.analysis.replicas import is_gone, is_replica, several_traefiks, with_start
from provider.domain.analysis.ruin import Recent, remembered, ruin
from provider.domain.analysis.settings import Analysis
from provider.domain.analysis.snapshots import Series, Snapshot, windows_between
from provider.domain.analysis.tally import Tally
from provider.domain.analysis.values import Value
from provider.domain.analysis.verdict import Verdict, judge
from provider.domain.analysis.warm_up import Exposure, WarmUp

_LOOKS_KEPT = 20
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
    """What was seen at one look: the counters of each gateway, and what the checks answered; or why nothing was.

    `missing` names the sources that could not be measured beside those that were: what was measured is judged, so
    that a bad canary fails; but no canary is known to be good while one is missing. `is_partial` is true if some may
    still respond: then there is a whole measurement later.
    """

    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    checks: tuple[CheckResult, ...] = ()
    error: str = ""
    missing: tuple[str, ...] = ()
    is_partial: bool = False


@dataclass(frozen=True)
class Look(Value):
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
    """The evidence and the counts of a time: of the canary's whole attempt, or of the analysis step that runs."""

    evidence: Evidence = field(default_factory=Evidence)
    totals: Window = field(default_factory=Window)

    def with_evidence(
        self, window: Window, settings: Analysis, context: Context | None = None, *, is_of_step: bool = False
    ) -> Self:
        """Judge a window that is closed."""
        return replace(self, evidence=self.evidence.updated(window, settings, context, is_of_step=is_of_step))

    def with_counts(self, window: Window) -> Self:
        """Add what was counted since the last sample to the totals."""
        return replace(self, totals=self.totals + window)

    def judged(self, settings: Analysis, *, doubt: Doubt | None = None) -> Verdict:
        """Say what they come to, with a doubt about the baseline if there is one."""
        return judge(self.evidence, self.totals, settings, doubt=doubt)


@dataclass(frozen=True)
class Counted(Value):
    """A gateway's counters at the last look, as JSON can hold them: (status, method, protocol, edge, count)."""

    services: dict[str, tuple[tuple[str, str, str, float | None, float], ...]] = field(default_factory=dict)
    started: float | None = None
    starts: tuple[float, ...] = ()
    sampled_at: datetime | None = None

    @classmethod
    def of(cls, snapshot: Snapshot, *, before: Self | None, now: datetime) -> Self:
        """Keep a snapshot. JSON knows no infinity: the bucket of everything is told by a negative edge."""
        services = {
            name: tuple(
                (one.status, one.method, one.protocol, _kept(one.edge), count) for one, count in series.items()
            )
            for name, series in snapshot.services.items()
        }
        starts = with_start(before.starts if before else (), snapshot.started)
        return cls(services, snapshot.started, starts, now)

    def snapshot(self) -> Snapshot:
        """Give it back."""
        services = {
            name: {
                Series(status, method, protocol, _given(edge)): count
                for status, method, protocol, edge, count in kept
            }
            for name, kept in self.services.items()
        }
        return Snapshot(services, self.started)


@dataclass(frozen=True)
class Record(Value):
    """All that the looks so far came to.

    `attempt` and `step` name what it is about; for another attempt, or step, what was gathered counts no more.
    `judged_from` is when the judging of the step begins, where a warm-up delays it; `client_errors_at` is when the
    canary was first known to have more client errors than stable. `unmatched` is how many requests the canary has had
    since its baseline had one.
    """

    attempt: str
    step: str = ""
    looked_at: datetime | None = None
    whole: Sums = field(default_factory=Sums)
    in_step: Sums = field(default_factory=Sums)
    tally: Tally = field(default_factory=Tally)
    checks: tuple[CheckResult, ...] = ()
    counters: dict[str, Counted] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()
    open_windows: dict[str, Window] = field(default_factory=dict)
    recent: tuple[Recent, ...] = ()
    missing: tuple[str, ...] = ()
    began_at: datetime | None = None
    warm_up: WarmUp | None = None
    judged_from: datetime | None = None
    client_errors_at: datetime | None = None
    unmatched: int = 0

    def about(self, attempt: str, step: str) -> Self:
        """Give the record to go on with for an attempt and its step."""
        if self.attempt != attempt:
            return type(self)(attempt, step)
        return self if self.step == step else replace(self, step=step, in_step=Sums(), checks=(), judged_from=None)

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
        """Add a look. What it did not see keeps its counters: the next window reaches back over it.

        `exposure` tells when the canary is cold; without it every sample is judged. `baseline` is the service of a
        baseline that is to get requests.
        """
        if measurement.error:
            return self._noted(Look(now, Outcome.ERROR, measurement.error))
        known = self._known(measurement.snapshots, now=now)
        before = {gateway: counted.snapshot() for gateway, counted in known.items()}
        replicas = sorted(
            name for name, snapshot in measurement.snapshots.items() if _is_replica(known.get(name), snapshot)
        )
        after = {name: snapshot for name, snapshot in measurement.snapshots.items() if name not in replicas}
        try:
            windows = windows_between(
                before, after, stable=stable, canary=canary, errors=settings.errors, baseline=baseline
            )
        except ValueError as error:
            return self._noted(Look(now, Outcome.ERROR, f"inconsistent counts: {error}"))
        window = sum(windows.values(), Window())
        seen = {name: Counted.of(snapshot, before=known.get(name), now=now) for name, snapshot in after.items()}
        begun = self._exposed(exposure, settings, now=now) if exposure else self
        added = replace(
            begun._pooled(windows, settings, now=now),
            began_at=self.began_at or now,
            looked_at=now,
            checks=measurement.checks,
            counters={**known, **seen},
            recent=remembered(self.recent, window, now=now),
            missing=(*measurement.missing, *(several_traefiks(name) for name in replicas)),
            unmatched=unmatched(self.unmatched, window),
        )
        if added.client_errors_at is None and added.client_errors(settings):
            added = replace(added, client_errors_at=now)
        outcome, reason = added.finding(settings)
        code = added._reason_code(outcome, settings)
        if code is ReasonCode.CLIENT_ERRORS:
            reason = f"{added.client_errors(settings)}; {reason}"
        compared = window.baseline.requests if window.baseline else None
        return added._noted(
            Look(now, outcome, reason, window.canary.requests, window.stable.requests, code, compared)
        )

    def finding(self, settings: Analysis) -> tuple[Outcome, str]:
        """Say what is known now: a canary that failed in all its time has failed, whatever this step says."""
        ruined = ruin(self.recent)
        if ruined:
            return Outcome.FAILED, ruined
        whole = self.verdict(settings)
        words = self.warming_up(settings, now=self.looked_at)
        if words and whole.outcome is not Outcome.FAILED:
            missing = "; ".join(self.missing)
            return (Outcome.ERROR, missing) if missing else (Outcome.INCONCLUSIVE, words)
        in_step = self.step_verdict(settings)
        verdict = whole if whole.outcome is Outcome.FAILED or not self.step else in_step
        # α is spent once an attempt: what a step alone says is no failure.
        is_of_step = verdict is in_step and verdict.outcome is Outcome.FAILED
        parts = [(Outcome.INCONCLUSIVE if is_of_step else verdict.outcome, verdict.reason)]
        parts += [(check.outcome, f"{check.name}: {check.reason}") for check in self.checks]
        parts += [(Outcome.ERROR, words) for words in self.missing]
        outcome = worst(part for part, _ in parts)
        return outcome, "; ".join(words for part, words in parts if part is outcome)

    def verdict(self, settings: Analysis) -> Verdict:
        """Judge the whole attempt."""
        return self.whole.judged(settings, doubt=self.doubt(settings))

    def step_verdict(self, settings: Analysis) -> Verdict:
        """Judge the analysis step that runs, or ran last."""
        return self.in_step.judged(settings, doubt=self.doubt(settings))

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
        if self.whole.evidence.client_errors.worse < -log(settings.alpha):
            return ""
        known = self.whole.judged(settings).client_errors
        return known.reason if known and known.outcome is Outcome.FAILED else ""

    def _reason_code(self, outcome: Outcome, settings: Analysis) -> ReasonCode | None:
        if outcome in {Outcome.FAILED, Outcome.ERROR}:
            return None
        if self.warming_up(settings, now=self.looked_at):
            return ReasonCode.WARMING_UP
        sums = self.in_step if self.step else self.whole
        is_special = sums.totals.canary.unknown or sums.totals.baseline is not None
        code = sums.judged(settings, doubt=self.doubt(settings)).reason_code if is_special else None
        return ReasonCode.CLIENT_ERRORS if code not in BASELINE_CODES and self.client_errors(settings) else code

    def warm_at(self, settings: Analysis) -> datetime | None:
        """Return when the warm-up is over, or was; None without one."""
        return self.warm_up.end(settings.warm_up) if self.warm_up else None

    def warming_up(self, settings: Analysis, *, now: datetime | None) -> str:
        """Say for how long the canary warms up yet; empty if it does not."""
        end = self.warm_at(settings)
        if end is None or now is None or now >= end:
            return ""
        return f"warming up for {seconds(ceil((end - now).total_seconds()))} more"

    def _exposed(self, exposure: Exposure, settings: Analysis, *, now: datetime) -> Self:
        """Begin a warm-up where the canary is cold; a new weight closes all windows."""
        warm_up = WarmUp.after(self.warm_up, exposure, now=now)
        is_weight_new = self.warm_up is not None and self.warm_up.exposure.weight != exposure.weight
        begun = replace(self._closed(settings, now=now) if is_weight_new else self, warm_up=warm_up)
        end = begun.warm_at(settings)
        is_delayed = end is not None and now < end and self.in_step.totals == Window()
        return replace(begun, judged_from=end) if is_delayed else begun

    def _closed(self, settings: Analysis, *, now: datetime) -> Self:
        """Judge the windows that are still open."""
        whole, in_step = self.whole, self.in_step
        for window in self.open_windows.values():
            whole, in_step = self._with_window(whole, in_step, window, settings, now=now)
        return replace(self, whole=whole, in_step=in_step, open_windows={})

    def _with_window(
        self, whole: Sums, in_step: Sums, window: Window, settings: Analysis, *, now: datetime
    ) -> tuple[Sums, Sums]:
        age = max(timedelta(), now - (self.began_at or now))
        unit = 2 * age // settings.sustained if settings.sustained else None
        context = Context(self.whole.totals.reference, period=age // _PERIOD, unit=unit)
        return (
            whole.with_evidence(window, settings, context),
            in_step.with_evidence(window, settings, is_of_step=True),
        )

    def _known(self, snapshots: Mapping[str, Snapshot], *, now: datetime) -> dict[str, Counted]:
        """Return the counters to go on from, without those of a Traefik that another one has replaced."""
        return {
            gateway: counted
            for gateway, counted in self.counters.items()
            if not (
                gateway in snapshots
                and _is_replica(counted, snapshots[gateway])
                and is_gone(sampled_at=counted.sampled_at, now=now)
            )
        }

    def _pooled(self, windows: Mapping[str, Window], settings: Analysis, *, now: datetime) -> Self:
        """Add a window of each gateway; judge those that are closed, gateway by gateway.

        Gateways may differ in their errors and in the share that the canary gets of each. The sum of their counts
        could show a difference between the sides where there is none (Simpson's paradox); the product of their
        evidence does not. Which windows are closed depends on the numbers of requests alone, so that each stays
        valid given its margins.
        """
        whole, in_step, still_open = self.whole, self.in_step, dict(self.open_windows)
        for gateway, window in windows.items():
            if not self._is_judged(gateway, settings):
                continue
            pooled = still_open.pop(gateway, Window()) + window
            if _is_closed(pooled):
                whole, in_step = self._with_window(whole, in_step, pooled, settings, now=now)
            elif pooled != Window():
                still_open[gateway] = pooled
            whole, in_step = whole.with_counts(window), in_step.with_counts(window)
        return replace(self, whole=whole, in_step=in_step, open_windows=still_open)

    def _is_judged(self, gateway: str, settings: Analysis) -> bool:
        """Tell whether the window since the last sample of a gateway holds no response of a warm-up."""
        known = self.counters.get(gateway)
        return self.warm_up is None or self.warm_up.is_judged(known.sampled_at if known else None, settings.warm_up)

    def _noted(self, look: Look) -> Self:
        looks = (look, *self.looks)[:_LOOKS_KEPT]
        return replace(self, looked_at=look.at, tally=self.tally.counted(look.outcome, at=look.at), looks=looks)


def _is_replica(known: Counted | None, snapshot: Snapshot) -> bool:
    return known is not None and is_replica(snapshot.started, before=known.starts, sampled_at=known.sampled_at)


def _is_closed(window: Window) -> bool:
    canary, stable = window.canary.requests, window.reference.requests
    return (canary >= CANARY_REQUESTS and stable >= STABLE_REQUESTS) or (canary >= ALONE and stable == 0)


def _kept(edge: float | None) -> float | None:
    return -1.0 if edge == float("inf") else edge


def _given(edge: float | None) -> float | None:
    return float("inf") if edge == -1.0 else edge
