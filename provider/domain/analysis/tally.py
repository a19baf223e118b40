"""How many looks of a kind are borne."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from provider.domain.analysis.outcome import Outcome
from provider.domain.analysis.settings import Analysis
from provider.domain.analysis.values import Value


@dataclass(frozen=True)
class Tally(Value):
    """How many looks came to what, as Argo Rollouts counts measurements.

    `errors_since` is when the errors in a row began, and `error_at` when the latest of them was; None without a time.
    """

    failed: int = 0
    inconclusive: int = 0
    consecutive_errors: int = 0
    errors_since: datetime | None = None
    error_at: datetime | None = None

    def counted(self, outcome: Outcome, *, at: datetime | None = None) -> Self:
        """Add a look; any that is not an error ends a row of errors."""
        if outcome is Outcome.ERROR:
            since = self.errors_since or at
            return replace(
                self, consecutive_errors=self.consecutive_errors + 1, errors_since=since, error_at=at or since
            )
        return replace(
            self,
            failed=self.failed + (outcome is Outcome.FAILED),
            inconclusive=self.inconclusive + (outcome is Outcome.INCONCLUSIVE),
            consecutive_errors=0,
            errors_since=None,
            error_at=None,
        )

    def exceeded(self, settings: Analysis) -> Outcome | None:
        """Give the outcome of which there were more than the settings bear; None to go on."""
        if self.failed > settings.failure_limit:
            return Outcome.FAILED
        if self.consecutive_errors > settings.consecutive_error_limit and self._is_long(settings.error_limit):
            return Outcome.ERROR
        limit = settings.inconclusive_limit
        if limit is not None and self.inconclusive > limit:
            return Outcome.INCONCLUSIVE
        return None

    def _is_long(self, limit: timedelta) -> bool:
        if self.errors_since is None or self.error_at is None:
            return True
        return self.error_at - self.errors_since >= limit
