"""The rate of callers that show no valid token, counted before any application does something for them."""

import json
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from wsgiref.types import WSGIApplication

from provider.services import Operations
from provider.store import StoreUnavailableError
from provider.web.pages.page import COOKIE
from provider.web.rate_limits import Rate, TooFastError
from provider.web.security_headers import SECURITY

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# They cost next to nothing, and who watches the provider must not take it for dead while somebody floods it.
_UNLIMITED = frozenset({"/livez", "/readyz"})
_PROBLEM = {
    "type": "urn:traefik-canary:rate-limit-exceeded",
    "title": "Rate limit exceeded",
    "status": 429,
}


def throttled(application: WSGIApplication, rate: Rate, operations: Operations) -> WSGIApplication:
    """Put the rate of addresses in front of an application.

    A request with a known token is limited by its token, in the API. So is one of a session, once its address makes
    too many.
    """

    def dispatch(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ.get("PATH_INFO") in _UNLIMITED or _has_token(environ, operations):
            return application(environ, start_response)
        try:
            rate.of_address(environ.get("REMOTE_ADDR", ""))
        except TooFastError as error:
            try:
                is_refused = not _is_visitor_within_rate(environ, rate, operations)
            except (TooFastError, StoreUnavailableError):
                is_refused = True
            if is_refused:
                return _refuse(str(error), start_response)
        return application(environ, start_response)

    return dispatch


def _has_token(environ: "WSGIEnvironment", operations: Operations) -> bool:
    scheme, _, secret = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return scheme.lower() == "bearer" and operations.feed.caller(secret.strip()) is not None


def _is_visitor_within_rate(environ: "WSGIEnvironment", rate: Rate, operations: Operations) -> bool:
    """Tell whether a session is valid, and count a call of its token. Raises TooFastError, StoreUnavailableError."""
    try:
        cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(COOKIE)
    except CookieError:
        return False
    visitor = operations.sessions.visitor(cookie.value) if cookie else None
    if visitor is None:
        return False
    rate.of_token(visitor.caller.name)
    return True


def _refuse(detail: str, start_response: "StartResponse") -> Iterable[bytes]:
    content = json.dumps({**_PROBLEM, "detail": detail}).encode()
    headers = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(content))),
        ("Retry-After", "1"),
        ("Cache-Control", "no-store"),
        *SECURITY.items(),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ]
    start_response("429 Too Many Requests", headers)
    return [content]
