"""What a rollout does about requests that fail, hang or come in crowds: retries, timeouts, a breaker, a limit.

The fields that are Traefik's are named as there (`pkg/config/dynamic/middlewares.go`).
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool

from provider.documents import Document
from provider.documents.fields import Duration, WholeNumber
from provider.documents.quoting import quoted

_STATUSES = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
# Traefik's expressions are typed: a ratio must have a point, milliseconds must have none, or the service is disabled.
_CONDITION = re.compile(
    r"""(?x)
    (?: (?: NetworkErrorRatio\(\) | ResponseCodeRatio\( (?P<codes> [0-9]{1,3} (?: ,\ ?[0-9]{1,3} ){3} ) \) )
        \ ?>=?\ ? (?P<ratio> [01]\.[0-9]{1,6} )
    | LatencyAtQuantileMS\( [0-9]{1,2}\.[0-9]{1,6} \)
        \ ?>=?\ ? (?P<milliseconds> [0-9]{1,9} )
    )"""
)
_JOINED = re.compile(r" *(?:&&|\|\|) *")


def expression_problem(text: str) -> str | None:
    """Say what is wrong with a circuit breaker's expression, if anything is.

    A part of what Traefik takes: comparisons joined by && and ||, each of them true only when things go badly.
    """
    return next((problem for part in _JOINED.split(text) if (problem := _condition_problem(part))), None)


def _condition_problem(text: str) -> str | None:
    match = _CONDITION.fullmatch(text)
    if not match:
        return (
            f"must be such as ResponseCodeRatio(500, 600, 0, 600) > 0.25, NetworkErrorRatio() > 0.1 or "
            f"LatencyAtQuantileMS(95.0) > 500, joined by && or ||, not {quoted(text)}"
        )
    if match["codes"]:
        low, high, *among = map(int, match["codes"].split(","))
        if not 400 <= low < high <= 600:
            return "must count errors: the first two codes go from 400 to 600, such as 500, 600"
        if among[0] > low or among[1] < high:
            return "must count among codes that hold these errors: the last two codes are such as 0, 600"
    if not 0 < float(match["ratio"] or 1) <= 1 or not int(match["milliseconds"] or 1):
        return "must compare with a ratio above 0.0 and up to 1.0, or with milliseconds above 0"
    return None


def _expression(text: str) -> str:
    if problem := expression_problem(text):
        raise ValueError(problem)
    return text


def _statuses(text: str) -> str:
    match = _STATUSES.fullmatch(text)
    if not match or int(match[1]) > int(match[2] or match[1]):
        raise ValueError(f"must be a status or a range of them, such as 503 or 500-599, not {quoted(text)}")
    return text


class Retry(Document):
    """A request that failed is sent again: one that reached nobody, and one that got such an answer."""

    attempts: WholeNumber = Field(ge=2, le=10)
    """How often a request is sent in all; 3 are two retries."""
    status: tuple[Annotated[str, AfterValidator(_statuses)], ...] | None = Field(
        default=None,
        min_length=1,
        max_length=32,
    )
    """Answers after which it is sent again. Left out: only a request that reached nobody is."""
    initial_interval: Duration | None = None
    """The pause before the first retry, which grows from try to try; none if left out."""
    timeout: Duration | None = None
    """After so long nothing is sent again."""
    retry_non_idempotent_method: StrictBool | None = None
    """POST, PATCH and LOCK too are sent again after such an answer."""


class Timeouts(Document):
    """How long Traefik waits for a server; it answers 504 then."""

    connect: Duration | None = None
    """Until a connection is there; 30s if left out."""
    response_header: Duration | None = None
    """Until the answer's header is there; as long as it takes if left out."""


class CircuitBreaker(Document):
    """A side that answers badly is left alone for a while. Each side has a breaker of its own."""

    expression: Annotated[str, AfterValidator(_expression)] = Field(
        max_length=512, examples=["ResponseCodeRatio(500, 600, 0, 600) > 0.25"]
    )
    """When it opens, in Traefik's words."""
    check_period: Duration | None = None
    """How often that is looked at; every 100ms if left out."""
    fallback_duration: Duration | None = None
    """How long nothing is let through; 10s if left out."""
    recovery_duration: Duration | None = None
    """How long it takes to let all through again; 10s if left out."""
    response_code: WholeNumber | None = Field(default=None, ge=400, le=599)
    """What is answered while it is open; 503 if left out."""


class InFlight(Document):
    """How many requests may be under way at once; one more is answered 429."""

    amount: WholeNumber = Field(ge=1, le=1_000_000)
    """How many."""
    per: Literal["host", "client"] = "host"
    """Counted for the host that is asked, or for each client."""


class Resilience(Document):
    """What is done about requests that fail, hang or come in crowds."""

    retry: Retry | None = None
    """Send a request again that failed."""
    timeouts: Timeouts | None = None
    """Wait for a server for so long only."""
    circuit_breaker: CircuitBreaker | None = None
    """Leave a side alone that answers badly."""
    in_flight: InFlight | None = None
    """Refuse what is too much at once."""
