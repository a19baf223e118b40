"""Retries, timeouts, circuit breaker and concurrency limit of a rollout.

Fields that pass through to Traefik have its names (`pkg/config/dynamic/middlewares.go`).
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool

from provider.domain.fields import Document
from provider.domain.fields.quotes import quoted
from provider.domain.fields.types import Duration, WholeNumber

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
            f"must be an expression such as ResponseCodeRatio(500, 600, 0, 600) > 0.25, NetworkErrorRatio() > 0.1 or "
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
    """Send failed requests again: those that reached no server, and those with a status listed in `status`."""

    attempts: WholeNumber = Field(ge=2, le=10)
    """Maximum number of attempts, including the first; `3` means up to two retries."""
    status: tuple[Annotated[str, AfterValidator(_statuses)], ...] | None = Field(
        default=None,
        min_length=1,
        max_length=32,
    )
    """Response statuses to retry, such as `503` or `500-599`. Default: retry only requests that reached no server."""
    initial_interval: Duration | None = None
    """Delay before the first retry; it grows with each attempt. Default: no delay."""
    timeout: Duration | None = None
    """No further attempts after this time. Default: no timeout."""
    retry_non_idempotent_method: StrictBool | None = None
    """Also retry `POST`, `PATCH` and `LOCK` requests on a status listed in `status`."""


class Timeouts(Document):
    """Timeouts of the connections to servers. Traefik responds with status 504 when one expires."""

    connect: Duration | None = None
    """Maximum time to establish a connection. Default: `30s`."""
    response_header: Duration | None = None
    """Maximum time to wait for the response headers. Default: no timeout."""


class CircuitBreaker(Document):
    """Stop sending requests to a failing side for a while. Each side has its own circuit breaker."""

    expression: Annotated[str, AfterValidator(_expression)] = Field(
        max_length=512, examples=["ResponseCodeRatio(500, 600, 0, 600) > 0.25"]
    )
    """Condition that opens the circuit breaker, in Traefik's expression syntax."""
    check_period: Duration | None = None
    """Time between two evaluations of the expression. Default: `100ms`."""
    fallback_duration: Duration | None = None
    """Time that the circuit breaker stays open. Default: `10s`."""
    recovery_duration: Duration | None = None
    """Time over which traffic gradually returns after `fallbackDuration`. Default: `10s`."""
    response_code: WholeNumber | None = Field(default=None, ge=400, le=599)
    """Status of the responses while the circuit breaker is open. Default: `503`."""


class InFlight(Document):
    """Maximum number of simultaneous requests. Traefik responds to further requests with status 429."""

    amount: WholeNumber = Field(ge=1, le=1_000_000)
    """Maximum number of simultaneous requests."""
    per: Literal["host", "client"] = "host"
    """Count requests per requested host or per client address."""


class Resilience(Document):
    """Retries, timeouts, circuit breaker and concurrency limit."""

    retry: Retry | None = None
    """Retry failed requests."""
    timeouts: Timeouts | None = None
    """Timeouts of the connections to servers."""
    circuit_breaker: CircuitBreaker | None = None
    """Stop sending requests to a failing side for a while."""
    in_flight: InFlight | None = None
    """Limit the number of simultaneous requests."""
