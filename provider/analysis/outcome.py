"""What a judgement can come to."""

from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    """What is known of a canary after a look."""

    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    """Not known yet: too few data, or none."""
    ERROR = "Error"
    """There was nothing to look at: the source could not be asked."""


class ReasonCode(StrEnum):
    """Why a canary is not known to be good; the code that logic branches on."""

    WARMING_UP = "warming-up"
    UNKNOWN_RESULTS = "unknown-results"
    """Traefik does not count whether the canary's responses were successes."""
    CLIENT_ERRORS = "client-errors"
    """The canary has more 4xx responses than stable."""


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Give what several judgements come to together: success only if all of them are."""
    order = (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE)
    there = set(outcomes)
    return next((outcome for outcome in order if outcome in there), Outcome.SUCCESSFUL)
