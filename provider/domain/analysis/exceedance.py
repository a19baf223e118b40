"""Whether the canary exceeds a fixed rate of bad responses, as an e-process: chance breaks no limit."""

from dataclasses import dataclass, field
from typing import Self

from provider.domain.analysis.comparison import one_sample_gains
from provider.domain.analysis.counts import Trials
from provider.domain.analysis.mixture import Mixture
from provider.domain.analysis.values import Value


@dataclass(frozen=True)
class Exceedance(Value):
    """The evidence against "the rate of bad responses is at most the one that the limit allows"."""

    evidence: Mixture = field(default_factory=Mixture)

    @property
    def worse(self) -> float:
        """Return the log of the e-value, 0 without data."""
        return self.evidence.value

    def updated(
        self, trials: Trials, *, rate: float, dispersion: float, period: int = 0, unit: int | None = None
    ) -> Self:
        """Add a window's responses; `rate`, from 0 to 1, is what the limit allows. See `Comparison` for the rest."""
        if trials.total == 0:
            return self
        gains = [gain / dispersion for gain in one_sample_gains(trials, rate)]
        return type(self)(self.evidence.updated(gains, period=period, unit=unit))
