"""How many looks of a kind are borne."""

from dataclasses import dataclass, replace
from typing import Self

from provider.analysis.outcome import Outcome
from provider.analysis.settings import Analysis
from provider.analysis.values import Value


@dataclass(frozen=True)
class Tally(Value):
    """How many looks came to what, as Argo Rollouts counts measurements."""

    failed: int = 0
    inconclusive: int = 0
    consecutive_errors: int = 0

    def counted(self, outcome: Outcome) -> Self:
        """Add a look; any that is not an error ends a row of errors."""
        if outcome is Outcome.ERROR:
            return replace(self, consecutive_errors=self.consecutive_errors + 1)
        return replace(
            self,
            failed=self.failed + (outcome is Outcome.FAILED),
            inconclusive=self.inconclusive + (outcome is Outcome.INCONCLUSIVE),
            consecutive_errors=0,
        )

    def exceeded(self, settings: Analysis) -> Outcome | None:
        """Give the outcome of which there were more than the settings bear; None to go on."""
        if self.failed > settings.failure_limit:
            return Outcome.FAILED
        if self.consecutive_errors > settings.consecutive_error_limit:
            return Outcome.ERROR
        limit = settings.inconclusive_limit
        if limit is not None and self.inconclusive > limit:
            return Outcome.INCONCLUSIVE
        return None
