"""What a window is judged with beside its own counts."""

from collections.abc import Callable
from dataclasses import dataclass

from provider.domain.analysis.comparison import Comparison
from provider.domain.analysis.counts import Counts, Trials, Window
from provider.domain.analysis.reference import reference_rate
from provider.domain.analysis.settings import Analysis

_NO_TRIALS = Trials(0, 0)


@dataclass(frozen=True)
class Context:
    """Counts of the attempt before a window, and when the window was (`Mixture` explains period and unit).

    `stable_so_far` are those of the side that the canary is compared with. A window without trials of it is compared
    with the upper bound of the counts before it. Without them it adds nothing.
    """

    stable_so_far: Counts | None = None
    period: int = 0
    unit: int | None = None

    def compared(
        self,
        comparison: Comparison,
        window: Window,
        settings: Analysis,
        trials: Callable[[Counts], Trials | None],
        *,
        worse_than: float,
    ) -> Comparison:
        """Return a comparison with a window added; `trials` picks what is compared, None where it is not counted."""
        canary = trials(window.canary)
        stable = trials(window.reference) if window.reference.requests else _NO_TRIALS
        if canary is None or stable is None:
            return comparison
        before = trials(self.stable_so_far) if self.stable_so_far and not stable.total else None
        return comparison.updated(
            canary=canary,
            stable=stable,
            margin=settings.margin,
            dispersion=settings.dispersion,
            worse_than=worse_than,
            period=self.period,
            unit=self.unit,
            reference=reference_rate(before, settings),
        )
