"""What a judgement can come to, and how many of a kind are borne."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from provider.analysis.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    # The settings have checks, which have outcomes.
    from provider.analysis.settings import Analysis


class Outcome(StrEnum):
    """What is known of a canary after a look."""

    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    """Not known yet: too few data, or none."""
    ERROR = "Error"
    """There was nothing to look at: the source could not be asked."""


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Give what several judgements come to together: success only if all of them are."""
    order = (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE)
    there = set(outcomes)
    return next((outcome for outcome in order if outcome in there), Outcome.SUCCESSFUL)


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
