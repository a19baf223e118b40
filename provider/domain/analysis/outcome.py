"""What a judgement can come to."""

from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    """Outcome of a measurement of the canary."""

    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    """No verdict yet: too little data, or none."""
    ERROR = "Error"
    """The source did not respond, so there is no measurement."""


class ReasonCode(StrEnum):
    """Machine-readable reason why a canary is not shown to be good."""

    WARMING_UP = "warm-up"
    UNKNOWN_RESULTS = "unknown-results"
    """Traefik does not count whether the canary's responses were successes."""
    CLIENT_ERRORS = "client-errors"
    """The canary has more 4xx responses than stable."""
    LIMIT_BELOW_BUCKETS = "limit-below-buckets"
    """A latency limit is below the first bucket of Traefik's metrics, so that it cannot be judged."""
    BASELINE_UNAVAILABLE = "baseline-unavailable"
    """The baseline receives no requests, or fails most of them."""
    BASELINE_WORSE = "baseline-worse"
    """The baseline fails several times as often as stable, so that a comparison with it shows nothing."""


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Give what several judgements come to together: success only if all of them are."""
    order = (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE)
    there = set(outcomes)
    return next((outcome for outcome in order if outcome in there), Outcome.SUCCESSFUL)
