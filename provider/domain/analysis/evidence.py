"""All that the windows so far say about a canary: a small value that JSON can hold."""

from dataclasses import dataclass, field, replace
from typing import Self

from provider.domain.analysis.baseline import compared_with_stable
from provider.domain.analysis.comparison import Comparison
from provider.domain.analysis.context import Context
from provider.domain.analysis.counts import Counts, Trials, Window
from provider.domain.analysis.edges import Edge, edges_of
from provider.domain.analysis.exceedance import Exceedance
from provider.domain.analysis.limits import limited_trials
from provider.domain.analysis.settings import Analysis, ClientErrors
from provider.domain.analysis.values import Value


@dataclass(frozen=True)
class NotWorse(Value):
    """The evidence of a good canary at a moment: log E_P of the errors, and of each edge of the durations."""

    errors: float = 0.0
    slow: tuple[float, ...] = ()


@dataclass(frozen=True)
class Evidence(Value):
    """The evidence of a canary; `Evidence()` is that of no data.

    `slow` has one comparison for each bucket edge. They are those of the first window in which the canary answered,
    and stay: a mean whose parts come and go would be no e-process. `limits` is the evidence against each plain limit,
    by its name. `baseline` is the evidence that the baseline is much worse than stable.
    Evidence that was gathered under one document of settings is not to be continued under another.
    """

    errors: Comparison = field(default_factory=Comparison)
    slow: tuple[Edge, ...] = ()
    client_errors: Comparison = field(default_factory=Comparison)
    limits: dict[str, Exceedance] = field(default_factory=dict)
    baseline: Comparison = field(default_factory=Comparison)

    def updated(self, window: Window, settings: Analysis, context: Context | None = None) -> Self:
        """Add a window to it, for the metrics that the settings have judged."""
        context = context or Context()
        edges = self.slow
        if not edges and "latency" in settings.metrics:
            edges = edges_of(window, settings.latency)
        borne = settings.worse_than_odds
        errors, client_errors, limits = self.errors, self.client_errors, self.limits
        if "errors" in settings.metrics:
            errors = context.compared(errors, window, settings, _failing, worse_than=borne)
        if settings.client_errors is not ClientErrors.IGNORE:
            client_errors = context.compared(client_errors, window, settings, _refusing, worse_than=borne)
        if settings.limits.count:
            limits = {**limits, **self._limits(window, settings, context)}
        return type(self)(
            errors=errors,
            slow=tuple([edge.updated(window, settings, context) for edge in edges]),
            client_errors=client_errors,
            limits=limits,
            baseline=compared_with_stable(self.baseline, window, settings, context.period, context.unit),
        )

    @property
    def not_worse(self) -> NotWorse:
        """Return the evidence of a good canary so far."""
        return NotWorse(self.errors.not_worse, tuple([edge.comparison.not_worse for edge in self.slow]))

    def since(self, before: NotWorse) -> Self:
        """Return it with only that evidence of a good canary which was added since a moment.

        That of a bad canary stays: it counts for the whole attempt.
        """
        slow = before.slow or (0.0,) * len(self.slow)
        return replace(
            self,
            errors=self.errors.since(before.errors),
            slow=tuple([edge.since(not_worse) for edge, not_worse in zip(self.slow, slow, strict=True)]),
        )

    def _limits(self, window: Window, settings: Analysis, context: Context) -> dict[str, Exceedance]:
        return {
            one.name: self.limits.get(one.name, Exceedance()).updated(
                one.trials,
                rate=one.rate,
                dispersion=settings.dispersion,
                period=context.period,
                unit=context.unit,
            )
            for one in limited_trials(window.canary, settings)
        }


def _failing(side: Counts) -> Trials:
    return side.failing


def _refusing(side: Counts) -> Trials:
    return side.refusing
