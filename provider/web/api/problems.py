"""The mapping of errors to `application/problem+json`."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from provider.domain.fields import InvalidDocumentError, Mistake, NotJsonError, write
from provider.domain.rollouts import IllegalMoveError, StableChangedError, StableLagsError, TriesUsedUpError
from provider.observability.tracing import request_id
from provider.services import (
    CanaryUnavailableError,
    ContentionError,
    ExistsError,
    NotFoundError,
    NotInTimeError,
    OtherAttemptError,
    OtherSourceError,
    OutOfReachError,
    Report,
    SameRequestsError,
    ShrinkError,
    SignInError,
    StaleVersionError,
    StoreWentBackError,
    TooManyAttemptsError,
    TooManyError,
    UnreadableDocumentError,
)
from provider.store import RequestReusedError, StoreUnavailableError
from provider.traefik.config import UnfitFragmentError, UnsupportedFeatureError
from provider.web.api.schemas import report_answer
from provider.web.rate_limits import TooFastError, TooManyGuessesError, TooManyHeldError, WorkerFullError

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"


class UnauthenticatedError(Exception):
    """The request has no token, or an unknown one."""


class ForbiddenError(Exception):
    """The token's role does not permit the request."""


class BadRequestError(Exception):
    """A header or name of the request is invalid."""


class WrongContentTypeError(Exception):
    """The content type of the body is not JSON."""


class InvalidQueryError(Exception):
    """A query parameter is invalid."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(f"{mistake.pointer[1:]}: {mistake.detail}" for mistake in mistakes))


@dataclass(frozen=True)
class Kind:
    """Problem type, title and headers of one kind of error."""

    status: int
    type: str
    title: str
    headers: Mapping[str, str] | None = None


KINDS: Mapping[type[Exception], Kind] = {
    BadRequestError: Kind(400, "bad-request", "Bad request"),
    InvalidQueryError: Kind(400, "invalid-query", "Invalid query parameter"),
    NotJsonError: Kind(400, "invalid-json", "Invalid JSON"),
    UnauthenticatedError: Kind(401, "unauthenticated", "Authentication required", {"WWW-Authenticate": "Bearer"}),
    ForbiddenError: Kind(403, "forbidden", "Permission denied"),
    SignInError: Kind(403, "sign-in-failed", "Sign-in failed"),
    NotFoundError: Kind(404, "not-found", "Not found"),
    ExistsError: Kind(409, "already-exists", "Already exists"),
    IllegalMoveError: Kind(409, "action-not-allowed", "Action not allowed in this phase"),
    OtherAttemptError: Kind(409, "attempt-mismatch", "Another attempt is current"),
    OtherSourceError: Kind(409, "registration-not-enabled", "Side does not use registration"),
    OutOfReachError: Kind(409, "state-unreachable", "State cannot be reached by waiting"),
    UnreadableDocumentError: Kind(409, "corrupt-document", "Stored document is corrupt"),
    ShrinkError: Kind(409, "shrink-not-allowed", "Change would remove most rollouts from a gateway"),
    StableChangedError: Kind(409, "stable-changed", "Stable version would change"),
    StableLagsError: Kind(409, "spec-outdated", "Spec is older than a promotion"),
    CanaryUnavailableError: Kind(409, "canary-unavailable", "Version not confirmed to be available"),
    TriesUsedUpError: Kind(409, "attempts-exhausted", "Maximum number of tries reached"),
    SameRequestsError: Kind(409, "overlapping-rules", "Overlapping rules"),
    TooManyError: Kind(409, "limit-reached", "Limit reached"),
    ContentionError: Kind(409, "conflict", "Conflict"),
    StaleVersionError: Kind(412, "version-conflict", "Version conflict"),
    WrongContentTypeError: Kind(415, "unsupported-media-type", "Unsupported media type"),
    InvalidDocumentError: Kind(422, "validation-failed", "Validation failed"),
    UnsupportedFeatureError: Kind(422, "unsupported-by-traefik", "Not supported by the gateway's Traefik version"),
    UnfitFragmentError: Kind(422, "invalid-configuration", "Configuration not valid for Traefik"),
    RequestReusedError: Kind(422, "idempotency-key-reused", "Idempotency key already used for another request"),
    TooFastError: Kind(429, "rate-limit-exceeded", "Rate limit exceeded", {"Retry-After": "1"}),
    TooManyGuessesError: Kind(
        429, "authentication-throttled", "Too many failed authentication attempts", {"Retry-After": "60"}
    ),
    TooManyHeldError: Kind(429, "too-many-open-requests", "Too many open requests", {"Retry-After": "5"}),
    WorkerFullError: Kind(503, "worker-overloaded", "Too many open requests on this worker", {"Retry-After": "5"}),
    TooManyAttemptsError: Kind(429, "too-many-sign-in-attempts", "Too many sign-in attempts", {"Retry-After": "60"}),
    StoreUnavailableError: Kind(503, "store-unavailable", "Store unavailable", {"Retry-After": "1"}),
    StoreWentBackError: Kind(503, "store-regressed", "Store and served configuration differ", {"Retry-After": "30"}),
    NotInTimeError: Kind(504, "timeout", "Timed out"),
}


def answer_problems(app: Flask) -> None:
    """Have an application answer every error by the table."""
    for error in KINDS:
        app.register_error_handler(error, _answer_known)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unknown)


def _answer_known(error: Exception) -> Response:
    kind = KINDS[type(error)]
    mistakes: tuple[Mistake, ...] = getattr(error, "mistakes", ())
    reports = error.reports if isinstance(error, NotInTimeError) else ()
    return _respond(kind, str(error) or kind.title, mistakes, reports)


def _answer_http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    kind = Kind(status, status.phrase.lower().replace(" ", "-"), status.phrase)
    response = _respond(kind, _PLAIN_WORDS.get(status, error.description or status.description))
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


_PLAIN_WORDS = {
    404: "no endpoint at this path; see /docs for the list",
    413: "the body is larger than 1 MiB",
}


def _answer_unknown(error: Exception) -> Response:
    # The words of an unforeseen error may hold anything: they are for the log only.
    log.error("request.failed", exc_info=error)
    return _respond(
        Kind(500, "internal-error", "Internal server error"),
        f"the provider's log has the details, under request ID {request_id()}",
    )


def _respond(kind: Kind, detail: str, mistakes: tuple[Mistake, ...] = (), reports: Sequence[Report] = ()) -> Response:
    problem: dict[str, object] = {
        "type": f"urn:traefik-canary:{kind.type}",
        "title": kind.title,
        "status": int(kind.status),
        "detail": detail,
    }
    if mistakes:
        problem["errors"] = [{"pointer": mistake.pointer, "detail": mistake.detail} for mistake in mistakes]
    if reports:
        problem["gateways"] = [write(report_answer(report)) for report in reports]
    text = json.dumps(problem, ensure_ascii=False)
    response = Response(text, status=kind.status, content_type=CONTENT_TYPE)
    response.headers.update(kind.headers or {})
    return response
