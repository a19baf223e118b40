"""All that the windows so far say about a canary: a small value that goes from look to look, and to JSON and back."""

from collections.abc import Callable
from dataclasses import dataclass, field
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

    def updated(
        self, window: Window, settings: Analysis, context: Context | None = None, *, is_of_step: bool = False
    ) -> Self:
        """Add a window to it, for the metrics that the settings have judged.

        The evidence of a step decides only whether a canary is known to be good: the slow edge is enough for that.
        """
        context = context or Context()
        is_ignored = is_of_step or settings.client_errors is ClientErrors.IGNORE
        edges = self.slow
        if not edges and "latency" in settings.metrics:
            edges = edges_of(window, settings.latency, only_slow=is_of_step)

        def compared(comparison: Comparison, trials: Callable[[Counts], Trials]) -> Comparison:
            so_far = trials(context.stable_so_far) if context.stable_so_far else None
            canary, stable = trials(window.canary), trials(window.reference)
            return context.compared(comparison, settings, canary=canary, stable=stable, stable_so_far=so_far)

        return type(self)(
            errors=compared(self.errors, _failing) if "errors" in settings.metrics else self.errors,
            slow=tuple([edge.updated(window, settings, context) for edge in edges]),
            client_errors=self.client_errors if is_ignored else compared(self.client_errors, _refusing),
            limits={**self.limits, **self._limits(window, settings, context)}
            if settings.limits.count
            else self.limits,
            baseline=self.baseline
            if is_of_step
            else compared_with_stable(self.baseline, window, settings, context.period, context.unit),
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
