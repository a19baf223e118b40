"""All that the windows so far say about a canary: a small value that goes from look to look, and to JSON and back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from provider.analysis.bound import upper_bound
from provider.analysis.comparison import Comparison
from provider.analysis.counts import Counts, Trials, Window
from provider.analysis.exceedance import Exceedance
from provider.analysis.limits import limited_trials
from provider.analysis.mixture import log_mean
from provider.analysis.settings import Analysis, ClientErrors
from provider.analysis.values import Value


@dataclass(frozen=True)
class Edge(Value):
    """The comparison of the answers that took longer than `seconds`, an edge of the histograms' buckets."""

    seconds: float
    comparison: Comparison = field(default_factory=Comparison)

    def updated(
        self, window: Window, settings: Analysis, *, stable_so_far: Counts | None = None, period: int = 0
    ) -> Self:
        """Add a window; one whose histograms do not have this edge changes nothing."""
        canary = window.canary.latency.above(self.seconds)
        stable = window.stable.latency.above(self.seconds)
        if window.stable.requests == 0:
            stable = Trials(0, 0)
        if canary is None or stable is None:
            return self
        so_far = stable_so_far.latency.above(self.seconds) if stable_so_far else None
        comparison = self.comparison.updated(
            canary=canary,
            stable=stable,
            margin=settings.margin,
            dispersion=settings.dispersion,
            worse_than=settings.worse_than_odds,
            period=period,
            reference=_reference(so_far, settings) if stable.total == 0 else None,
        )
        return type(self)(self.seconds, comparison)


@dataclass(frozen=True)
class Evidence(Value):
    """The evidence of a canary; `Evidence()` is that of no data.

    `slow` has one comparison for each bucket edge at or above `latency.above`. They are those of the first window in
    which the canary answered, and stay: a mean whose parts come and go would be no e-process. `limits` is the
    evidence against each plain limit, by its name.
    Evidence that was gathered under one document of settings is not to be continued under another.
    """

    errors: Comparison = field(default_factory=Comparison)
    slow: tuple[Edge, ...] = ()
    client_errors: Comparison = field(default_factory=Comparison)
    limits: dict[str, Exceedance] = field(default_factory=dict)

    def updated(
        self, window: Window, settings: Analysis, *, stable_so_far: Counts | None = None, period: int = 0
    ) -> Self:
        """Add a window to it, for the metrics that the settings have judged.

        `stable_so_far` are stable's counts of the attempt before this window: a window without requests to stable is
        compared with their upper bound. Without them such a window adds nothing. `Comparison` explains `period`.
        """
        compared = partial(_compared, window=window, settings=settings, stable_so_far=stable_so_far, period=period)
        is_ignored = settings.client_errors is ClientErrors.IGNORE
        return type(self)(
            errors=compared(self.errors, trials=_failing) if "errors" in settings.metrics else self.errors,
            slow=self._slow(window, settings, stable_so_far, period) if "latency" in settings.metrics else self.slow,
            client_errors=self.client_errors if is_ignored else compared(self.client_errors, trials=_refusing),
            limits={**self.limits, **self._limits(window, settings, period)},
        )

    @property
    def slower(self) -> float:
        """Give log E_F of the latency: the mean over the edges, an e-process however they depend on each other."""
        return log_mean([edge.comparison.worse for edge in self.slow]) if self.slow else 0.0

    @property
    def not_slower(self) -> float:
        """Give log E_P of the latency: that of the first edge, from which on answers are called slow."""
        return self.slow[0].comparison.not_worse if self.slow else 0.0

    def _limits(self, window: Window, settings: Analysis, period: int) -> dict[str, Exceedance]:
        return {
            one.name: self.limits.get(one.name, Exceedance()).updated(
                one.trials, rate=one.rate, dispersion=settings.dispersion, period=period
            )
            for one in limited_trials(window.canary, settings)
        }

    def _slow(
        self, window: Window, settings: Analysis, stable_so_far: Counts | None, period: int
    ) -> tuple[Edge, ...]:
        edges = self.slow or _edges_above(settings.latency.above.total_seconds(), window)
        return tuple(edge.updated(window, settings, stable_so_far=stable_so_far, period=period) for edge in edges)


def _failing(side: Counts) -> Trials:
    return side.failing


def _refusing(side: Counts) -> Trials:
    return side.refusing


def _compared(
    comparison: Comparison,
    *,
    window: Window,
    settings: Analysis,
    stable_so_far: Counts | None,
    period: int,
    trials: Callable[[Counts], Trials],
) -> Comparison:
    is_alone = window.stable.requests == 0
    return comparison.updated(
        canary=trials(window.canary),
        stable=trials(window.stable),
        margin=settings.margin,
        dispersion=settings.dispersion,
        worse_than=settings.worse_than_odds,
        period=period,
        reference=_reference(trials(stable_so_far) if stable_so_far else None, settings) if is_alone else None,
    )


def _reference(stable: Trials | None, settings: Analysis) -> float | None:
    """Return the rate above which a canary without a stable beside it is worse than stable was; None if unknown."""
    if stable is None or stable.total == 0:
        return None
    bound = upper_bound(stable, beta=settings.beta, dispersion=settings.dispersion, tolerated=settings.tolerated_rate)
    return max(settings.tolerated_rate, bound)


def _edges_above(seconds: float, window: Window) -> tuple[Edge, ...]:
    canary, stable = window.canary.latency.edges, window.stable.latency.edges
    return tuple(Edge(edge) for edge in canary if edge >= seconds and (edge in stable or not stable))
