"""The one table from errors to `application/problem+json`."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from provider.documents import InvalidDocumentError, Mistake, NotJsonError
from provider.limits import TooFastError, TooManyGuessesError, TooManyHeldError, WorkerFullError
from provider.operations import (
    CanaryUnavailableError,
    ContentionError,
    ExistsError,
    NotFoundError,
    NotInTimeError,
    OtherAttemptError,
    OtherSourceError,
    OutOfReachError,
    SameRequestsError,
    ShrinkError,
    SignInError,
    StaleVersionError,
    StoreWentBackError,
    TooManyAttemptsError,
    TooManyError,
    UnreadableDocumentError,
)
from provider.rollouts import IllegalMoveError, StableChangedError, StableLagsError, TriesUsedUpError
from provider.routing import UnfitFragmentError, UnsupportedFeatureError
from provider.store import RequestReusedError, StoreUnavailableError
from provider.tracing import request_id

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"


class UnauthenticatedError(Exception):
    """No token, or none that is known."""


class ForbiddenError(Exception):
    """A token whose role does not permit it."""


class BadRequestError(Exception):
    """A header that cannot be understood."""


class WrongContentTypeError(Exception):
    """A body that is not said to be JSON."""


class InvalidQueryError(Exception):
    """A query that says something it must not."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(f"{mistake.pointer[1:]}: {mistake.detail}" for mistake in mistakes))


@dataclass(frozen=True)
class Kind:
    """How one kind of error is answered."""

    status: int
    type: str
    title: str
    headers: Mapping[str, str] | None = None


KINDS: Mapping[type[Exception], Kind] = {
    BadRequestError: Kind(400, "bad-request", "The request cannot be understood"),
    InvalidQueryError: Kind(400, "invalid-query", "A query parameter is not valid"),
    NotJsonError: Kind(400, "not-json", "The body is not JSON"),
    UnauthenticatedError: Kind(401, "unauthenticated", "A token is needed", {"WWW-Authenticate": "Bearer"}),
    ForbiddenError: Kind(403, "forbidden", "The token's role does not permit this"),
    SignInError: Kind(403, "sign-in", "This signs nobody in"),
    NotFoundError: Kind(404, "not-found", "There is no such thing"),
    ExistsError: Kind(409, "exists", "It is there already"),
    IllegalMoveError: Kind(409, "illegal-move", "The rollout's phase does not allow this"),
    OtherAttemptError: Kind(409, "other-attempt", "Another attempt is current"),
    OtherSourceError: Kind(409, "other-source", "The servers of this side do not register"),
    OutOfReachError: Kind(409, "out-of-reach", "This is not reached by waiting"),
    UnreadableDocumentError: Kind(409, "unreadable-document", "The stored document is damaged"),
    ShrinkError: Kind(409, "shrink", "A gateway would be left with little or nothing"),
    StableChangedError: Kind(409, "stable-changed", "The spec names another stable version"),
    StableLagsError: Kind(409, "stable-lags", "The spec lags behind a promotion"),
    CanaryUnavailableError: Kind(409, "canary-unavailable", "Nothing proves that the version can take traffic"),
    TriesUsedUpError: Kind(409, "tries-used-up", "The canary has had all its tries"),
    SameRequestsError: Kind(409, "same-requests", "Another rollout matches the same requests"),
    TooManyError: Kind(409, "too-many", "There are as many as there may be"),
    ContentionError: Kind(409, "contention", "Others kept changing it"),
    StaleVersionError: Kind(412, "stale-version", "It has changed since you read it"),
    WrongContentTypeError: Kind(415, "wrong-content-type", "The body must be JSON"),
    InvalidDocumentError: Kind(422, "invalid-document", "The body is not valid"),
    UnsupportedFeatureError: Kind(422, "unsupported-by-traefik", "A gateway runs a Traefik that is too old for this"),
    UnfitFragmentError: Kind(422, "unfit", "Traefik would not take this"),
    RequestReusedError: Kind(422, "idempotency-key-reused", "The Idempotency-Key was used for another request"),
    TooFastError: Kind(429, "too-fast", "So many calls a second are not taken", {"Retry-After": "1"}),
    TooManyGuessesError: Kind(429, "too-many-guesses", "Too many wrong tokens", {"Retry-After": "60"}),
    TooManyHeldError: Kind(429, "too-many-held", "So many calls are not held at once", {"Retry-After": "5"}),
    WorkerFullError: Kind(503, "worker-full", "No more calls are held here", {"Retry-After": "5"}),
    TooManyAttemptsError: Kind(429, "too-many-attempts", "Too many attempts", {"Retry-After": "60"}),
    StoreUnavailableError: Kind(503, "store-unavailable", "Redis cannot be reached", {"Retry-After": "1"}),
    StoreWentBackError: Kind(503, "store-went-back", "Redis does not hold what is served", {"Retry-After": "30"}),
    NotInTimeError: Kind(504, "not-in-time", "It was not so in time"),
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
    return _respond(kind, str(error) or kind.title, mistakes)


def _answer_http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    kind = Kind(status, status.phrase.lower().replace(" ", "-"), status.phrase)
    response = _respond(kind, _PLAIN_WORDS.get(status, error.description or status.description))
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


_PLAIN_WORDS = {
    404: "there is nothing at this path; /docs lists what there is",
    413: "the body is larger than 1 MiB",
}


def _answer_unknown(error: Exception) -> Response:
    # The words of an unforeseen error may hold anything: they are for the log only.
    log.error("request.failed", exc_info=error)
    return _respond(
        Kind(500, "internal", "Something unforeseen went wrong"),
        f"the provider's log has the details, under the request id {request_id()}",
    )


def _respond(kind: Kind, detail: str, mistakes: tuple[Mistake, ...] = ()) -> Response:
    problem: dict[str, object] = {
        "type": f"urn:traefik-canary:{kind.type}",
        "title": kind.title,
        "status": int(kind.status),
        "detail": detail,
    }
    if mistakes:
        problem["errors"] = [{"pointer": mistake.pointer, "detail": mistake.detail} for mistake in mistakes]
    text = json.dumps(problem, ensure_ascii=False)
    response = Response(text, status=kind.status, content_type=CONTENT_TYPE)
    response.headers.update(kind.headers or {})
    return response
