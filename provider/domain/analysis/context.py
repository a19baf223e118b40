"""What a window is judged with beside its own counts."""

from dataclasses import dataclass

from provider.domain.analysis.comparison import ODDS, Comparison
from provider.domain.analysis.counts import Counts, Trials
from provider.domain.analysis.reference import reference_rate
from provider.domain.analysis.settings import Analysis


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
        settings: Analysis,
        *,
        canary: Trials,
        stable: Trials,
        stable_so_far: Trials | None,
        odds: tuple[float, ...] = ODDS,
    ) -> Comparison:
        """Return a comparison with the trials of a window added; `stable_so_far` are those of the same kind."""
        return comparison.updated(
            canary=canary,
            stable=stable,
            margin=settings.margin,
            dispersion=settings.dispersion,
            worse_than=settings.worse_than_odds,
            period=self.period,
            unit=self.unit,
            reference=reference_rate(stable_so_far, settings) if stable.total == 0 else None,
            odds=odds,
        )
