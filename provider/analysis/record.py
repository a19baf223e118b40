"""What is remembered of a canary under judgement, from look to look: a value that a store keeps as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from provider.analysis.counts import Window
from provider.analysis.evidence import Evidence
from provider.analysis.outcome import Outcome, worst
from provider.analysis.settings import Analysis
from provider.analysis.snapshots import Series, Snapshot, window_between
from provider.analysis.tally import Tally
from provider.analysis.values import Value
from provider.analysis.verdict import Verdict, judge

_LOOKS_KEPT = 20


@dataclass(frozen=True)
class CheckResult(Value):
    """What one check answered last."""

    name: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class Measurement:
    """What was seen at one look: the counters of each gateway, and what the checks answered; or why nothing was."""

    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    checks: tuple[CheckResult, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Look(Value):
    """One look at the canary: what it came to, in words too, and the requests since the look before."""

    at: datetime
    outcome: Outcome
    reason: str
    canary_requests: int = 0
    stable_requests: int = 0


@dataclass(frozen=True)
class Sums(Value):
    """The evidence and the counts of a time: of the canary's whole attempt, or of the analysis step that runs."""

    evidence: Evidence = field(default_factory=Evidence)
    totals: Window = field(default_factory=Window)

    def updated(self, window: Window, settings: Analysis) -> Self:
        """Add a window."""
        return type(self)(self.evidence.updated(window, settings), self.totals + window)

    def judged(self, settings: Analysis) -> Verdict:
        """Say what they come to."""
        return judge(self.evidence, self.totals, settings)


@dataclass(frozen=True)
class Counted(Value):
    """A gateway's counters at the last look, as JSON can hold them: (status, method, protocol, edge, count)."""

    services: dict[str, tuple[tuple[str, str, str, float | None, float], ...]] = field(default_factory=dict)
    started: float | None = None

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self:
        """Keep a snapshot. JSON knows no infinity: the bucket of everything is told by a negative edge."""
        services = {
            name: tuple(
                (one.status, one.method, one.protocol, _kept(one.edge), count) for one, count in series.items()
            )
            for name, series in snapshot.services.items()
        }
        return cls(services, snapshot.started)

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

    def about(self, attempt: str, step: str) -> Self:
        """Give the record to go on with for an attempt and its step."""
        if self.attempt != attempt:
            return type(self)(attempt, step)
        return self if self.step == step else replace(self, step=step, in_step=Sums(), checks=())

    def looked(
        self, measurement: Measurement, settings: Analysis, *, stable: str, canary: str, now: datetime
    ) -> Self:
        """Add a look. What it did not see keeps its counters: the next window reaches back over it."""
        if measurement.error:
            return self._noted(Look(now, Outcome.ERROR, measurement.error))
        before = {gateway: counted.snapshot() for gateway, counted in self.counters.items()}
        after = measurement.snapshots
        try:
            window = window_between(before, after, stable=stable, canary=canary, errors=settings.errors)
        except ValueError as error:
            return self._noted(Look(now, Outcome.ERROR, f"what was counted contradicts itself: {error}"))
        seen = {gateway: Counted.of(snapshot) for gateway, snapshot in after.items()}
        added = replace(
            self,
            whole=self.whole.updated(window, settings),
            in_step=self.in_step.updated(window, settings),
            checks=measurement.checks,
            counters={**self.counters, **seen},
        )
        outcome, reason = added.finding(settings)
        return added._noted(Look(now, outcome, reason, window.canary.requests, window.stable.requests))

    def finding(self, settings: Analysis) -> tuple[Outcome, str]:
        """Say what is known now: a canary that failed in all its time has failed, whatever this step says."""
        whole, in_step = self.whole.judged(settings), self.in_step.judged(settings)
        verdict = whole if whole.outcome is Outcome.FAILED or not self.step else in_step
        parts = [(verdict.outcome, verdict.reason)]
        parts += [(check.outcome, f"{check.name}: {check.reason}") for check in self.checks]
        outcome = worst(part for part, _ in parts)
        return outcome, "; ".join(words for part, words in parts if part is outcome)

    def _noted(self, look: Look) -> Self:
        looks = (look, *self.looks)[:_LOOKS_KEPT]
        return replace(self, looked_at=look.at, tally=self.tally.counted(look.outcome), looks=looks)


def _kept(edge: float | None) -> float | None:
    return -1.0 if edge == float("inf") else edge


def _given(edge: float | None) -> float | None:
    return float("inf") if edge == -1.0 else edge
