"""`GET /traefik/config`: a WSGI application of its own, as it is called most and must not fail with the rest.

Only 200 carries a configuration; anything else makes Traefik keep what it has (pkg/provider/http/http.go). So an
answer is either a body that is known to be right, or an error.
"""

import re
import threading
import time
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs
from wsgiref.types import WSGIApplication

from provider.domain.auth import Caller, Permission
from provider.domain.fields.types import NAME_PATTERN
from provider.domain.gateways import DEFAULT_GATEWAY
from provider.observability import metrics, tracing
from provider.replica import Body, Feed
from provider.web.poll.poll_tracker import SightingBook
from provider.web.rate_limits import Guesses, Rate, TooFastError, TooManyGuessesError
from provider.web.security_headers import SECURITY

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATH = "/traefik/config"
# Traefik cannot cancel a fetch: one held longer makes its shutdown panic.
LONGEST_HOLD_SECONDS = 8
# Of a worker. Beyond it a poll is answered at once, which costs more but takes nothing from any Traefik.
MOST_HELD = 15_000
# Anybody may poll under any name, unless polls need a token: metrics tell so many apart.
_MOST_GATEWAYS = 500
# Whatever is answered here is for a machine: a browser makes nothing of it.
_SECURITY = (
    *SECURITY.items(),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),
)
# Each body that Traefik takes rebuilds all of its routing, and begins every weighted schedule anew.
GATHER_SECONDS = 0.05
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,4})\"?\s*(?:$|[,;])", re.IGNORECASE)
_NAME = re.compile(NAME_PATTERN)
_RETRY = ("Retry-After", "1")


@dataclass(frozen=True)
class _RefusalError(Exception):
    status: str
    words: str
    headers: tuple[tuple[str, str], ...] = ()


_NOTHING_KNOWN = _RefusalError(
    "503 Service Unavailable", "no configuration is known yet; keep what you have", (_RETRY,)
)


@dataclass(frozen=True)
class _Poll:
    gateway: str
    long_poll_seconds: int
    wants_yaml: bool
    is_authenticated: bool


@dataclass(frozen=True)
class _Served:
    """What a connection got last, and when (`time.monotonic`) that was another body than before.

    `closing` forgets the connection's sighting when the connection is gone.
    """

    gateway: str
    digest: str
    revision: int
    changed_at: float
    closing: "weakref.finalize[..., object]"


class Polling:
    """Answers polls at once, or holds them until what the connection got last is no longer right.

    A change after a quiet time goes out at once. Those that follow within `gather_seconds` of it are gathered, and
    go out together: a burst costs Traefik few rebuilds.
    """

    def __init__(
        self,
        feed: Feed,
        book: SightingBook,
        *,
        needs_token: bool,
        guesses: Guesses | None = None,
        rate: Rate | None = None,
        gather_seconds: float = GATHER_SECONDS,
        most_held: int = MOST_HELD,
    ) -> None:
        self._feed = feed
        self._book = book
        self._needs_token = needs_token
        self._guesses = guesses
        self._rate = rate
        self._most_held = most_held
        self._gather_seconds = gather_seconds
        # Traefik sends no If-None-Match, so what it has is remembered with its connection. WSGI never tells that a
        # connection is gone; its socket object being collected does.
        self._served: weakref.WeakKeyDictionary[object, _Served] = weakref.WeakKeyDictionary()
        self._held = 0
        self._count = threading.Lock()
        self._gateways = metrics.Bounded(_MOST_GATEWAYS)

    @property
    def held(self) -> int:
        """How many polls are held right now."""
        return self._held

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one poll."""
        try:
            poll = self._accepted(environ)
            body = self._body(poll, environ)
        except _RefusalError as refusal:
            outcome = "unavailable" if refusal.status.startswith("503") else "refused"
            metrics.POLLS.labels("", "false", outcome).inc()
            return _refuse(refusal, start_response)
        content = body.as_yaml if poll.wants_yaml else body.as_json
        headers = [
            ("Content-Type", "application/yaml" if poll.wants_yaml else "application/json"),
            ("Content-Length", str(len(content))),
            *_SECURITY,
        ]
        if poll.long_poll_seconds:
            headers.append(("Preference-Applied", f"wait={poll.long_poll_seconds}"))
        start_response("200 OK", headers)
        return [content]

    def _accepted(self, environ: "WSGIEnvironment") -> _Poll:
        if environ["REQUEST_METHOD"] != "GET":
            raise _RefusalError("405 Method Not Allowed", "only GET is answered here", (("Allow", "GET"),))
        caller = self._permitted(environ.get("HTTP_AUTHORIZATION", ""), environ.get("REMOTE_ADDR", ""))
        # By the address that Traefik polls, or by a header that its configuration sets.
        named = parse_qs(environ.get("QUERY_STRING", "")).get("gateway", [])
        gateway = [environ.get("HTTP_X_CANARY_GATEWAY") or DEFAULT_GATEWAY, *named][-1]
        if not _NAME.fullmatch(gateway):
            raise _RefusalError("400 Bad Request", "gateway must be 1 to 63 lowercase letters, digits and hyphens")
        if caller and caller.gateway not in {None, gateway}:
            raise _RefusalError("403 Forbidden", f"this token polls as the gateway {caller.gateway} only")
        wanted = _WAIT.search(environ.get("HTTP_PREFER", ""))
        return _Poll(
            gateway=gateway,
            long_poll_seconds=min(int(wanted[1]), LONGEST_HOLD_SECONDS) if wanted else 0,
            wants_yaml="yaml" in environ.get("HTTP_ACCEPT", ""),
            is_authenticated=caller is not None,
        )

    def _permitted(self, authorization: str, address: str) -> Caller | None:
        """Return who polls; None is somebody without a token, where none is needed."""
        if not authorization:
            self._count_anonymous(address)
            if not self._needs_token:
                return None
        caller = self._caller(_secret_of(authorization), address)
        if caller is None and not self._feed.is_loaded:
            raise _NOTHING_KNOWN
        if caller is None:
            challenge = (("WWW-Authenticate", "Bearer"),)
            raise _RefusalError("401 Unauthorized", "a token of the role gateway is needed", challenge)
        if not caller.may(Permission.POLL):
            raise _RefusalError("403 Forbidden", f"the role {caller.role} may not poll; gateway may")
        return caller

    def _count_anonymous(self, address: str) -> None:
        try:
            if self._rate:
                self._rate.of_poll(address)
        except TooFastError as error:
            raise _RefusalError("429 Too Many Requests", str(error), (_RETRY,)) from error

    def _caller(self, secret: str, address: str) -> Caller | None:
        find = self._feed.caller
        # What nobody can look up yet is no wrong guess.
        if not self._guesses or not secret or not self._feed.is_loaded:
            return find(secret)
        try:
            return self._guesses.caller(secret, address, known=find, find=find)
        except TooManyGuessesError as error:
            raise _RefusalError("429 Too Many Requests", str(error), (("Retry-After", "60"),)) from error

    def _body(self, poll: _Poll, environ: "WSGIEnvironment") -> Body:
        connection = environ.get("gunicorn.socket")
        address = f"{environ.get('REMOTE_ADDR', '')}:{environ.get('REMOTE_PORT', '')}"
        if connection is not None and connection in self._served:
            self._book.note_taken(poll.gateway, address)
        began = time.monotonic()
        body = self._held_body(poll, connection)
        held_seconds = time.monotonic() - began
        if body is None:
            raise _NOTHING_KNOWN
        before = self._served.get(connection) if connection is not None else None
        is_same = before is not None and (before.gateway, before.digest) == (poll.gateway, body.digest)
        if connection is not None:
            changed_at = before.changed_at if before and is_same else time.monotonic()
            closing = self._closing(connection, before, poll.gateway, address)
            revision = self._feed.revision
            self._served[connection] = _Served(poll.gateway, body.digest, revision, changed_at, closing)
        self._book.note(
            poll.gateway,
            address,
            digest=body.digest,
            revision=self._feed.revision,
            long_poll_seconds=poll.long_poll_seconds,
            taken=before.digest if before and before.gateway == poll.gateway else "",
            revision_taken=before.revision if before and before.gateway == poll.gateway else 0,
            is_authenticated=poll.is_authenticated,
        )
        self._count_poll(poll, body, before, is_same=is_same, held_seconds=held_seconds)
        return body

    def _closing(
        self, connection: object, before: _Served | None, gateway: str, address: str
    ) -> "weakref.finalize[..., object]":
        """Forget at its end what a connection polls as; it has one name at a time, so another one replaces it now."""
        if before and before.gateway == gateway:
            return before.closing
        if before:
            before.closing()
        closing = weakref.finalize(connection, self._book.forget, gateway, address)
        closing.atexit = False
        return closing

    def _count_poll(
        self, poll: _Poll, body: Body, before: _Served | None, *, is_same: bool, held_seconds: float
    ) -> None:
        outcome = "same" if is_same else "new"
        gateway, held = self._gateways(poll.gateway), "true" if poll.long_poll_seconds else "false"
        metrics.POLLS.labels(gateway, held, outcome).inc()
        if poll.long_poll_seconds:
            metrics.POLL_HOLD_SECONDS.labels(outcome).observe(held_seconds)
        # Who comes anew may have missed a change for as long as it likes.
        if before and before.gateway == poll.gateway and not is_same and body.cause:
            metrics.PROPAGATION_SECONDS.labels("served").observe(max(0.0, time.time() - body.cause.at.timestamp()))
            tracing.arrived("traefik served", body.cause.origin, body.cause.at, gateway=poll.gateway)

    def _held_body(self, poll: _Poll, connection: object) -> Body | None:
        if not poll.long_poll_seconds or self._held >= self._most_held:
            return self._feed.body(poll.gateway)
        known = self._served.get(connection) if connection is not None else None
        with self._count:
            self._held += 1
        metrics.POLLS_HELD.inc()
        try:
            if known is None or known.gateway != poll.gateway:
                return self._feed.wait_for_body(poll.gateway, other_than=None, seconds=poll.long_poll_seconds)
            self._feed.wait_for_body(poll.gateway, other_than=known.digest, seconds=poll.long_poll_seconds)
            self._gather(known)
            return self._feed.body(poll.gateway)
        finally:
            metrics.POLLS_HELD.dec()
            with self._count:
                self._held -= 1

    def _gather(self, known: _Served) -> None:
        """Let the changes come that follow the last one closely; not at all where that was a while ago."""
        left = known.changed_at + self._gather_seconds - time.monotonic()
        if left > 0:
            self._feed.wait_for_close(left)


def _secret_of(authorization: str) -> str:
    scheme, _, secret = authorization.partition(" ")
    return (secret if scheme.lower() == "bearer" else authorization).strip()


def mounted(polling: Polling, application: WSGIApplication) -> WSGIApplication:
    """Put the polled path in front of another application, which never sees it."""

    def dispatch(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        handler = polling if environ.get("PATH_INFO") == PATH else application
        return handler(environ, start_response)

    return dispatch


def _refuse(refusal: _RefusalError, start_response: "StartResponse") -> Iterable[bytes]:
    content = refusal.words.encode()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(content))), *_SECURITY, *refusal.headers]
    start_response(refusal.status, headers)
    return [content]
