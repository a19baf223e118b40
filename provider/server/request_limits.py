"""What a worker refuses before an application sees it: requests that are too large, malformed or too slow."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from wsgiref.types import WSGIApplication

import gevent
from gunicorn.http import errors
from werkzeug.exceptions import RequestTimeout

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LINE_BYTES, HEADERS, HEADER_BYTES = 4_094, 100, 8_190
BODY_SECONDS = 30.0


@dataclass(frozen=True)
class Refusal:
    """A response of the worker's own."""

    status: HTTPStatus
    kind: str
    detail: str

    @property
    def body(self) -> bytes:
        """Return the problem (RFC 9457)."""
        problem = {
            "type": f"urn:traefik-canary:{self.kind}",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
        }
        return json.dumps(problem).encode()

    @property
    def message(self) -> bytes:
        """Return the whole response as it is sent; the rest of the request is never read, so the connection ends."""
        lines = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            "Content-Type: application/problem+json",
            f"Content-Length: {len(self.body)}",
            "Cache-Control: no-store",
            "Connection: close",
        )
        return "\r\n".join([*lines, "", ""]).encode() + self.body


_MALFORMED = Refusal(HTTPStatus.BAD_REQUEST, "bad-request", "the request is not well-formed HTTP")
_REFUSALS: Mapping[type[Exception], Refusal] = {
    errors.LimitRequestLine: Refusal(
        HTTPStatus.REQUEST_URI_TOO_LONG,
        "uri-too-long",
        f"the request line, with path and query, has more than {LINE_BYTES:,} bytes",
    ),
    errors.LimitRequestHeaders: Refusal(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "headers-too-large",
        f"the request has more than {HEADERS} headers, or one of more than {HEADER_BYTES:,} bytes",
    ),
    errors.InvalidRequestLine: _MALFORMED,
    errors.InvalidRequestMethod: _MALFORMED,
    errors.InvalidHTTPVersion: _MALFORMED,
    errors.InvalidHeader: _MALFORMED,
    errors.InvalidHeaderName: _MALFORMED,
}


def refusal_of(error: BaseException) -> Refusal | None:
    """Return how a request that gunicorn cannot parse is refused; None where gunicorn responds by itself."""
    return next((refusal for kind, refusal in _REFUSALS.items() if isinstance(error, kind)), None)


def with_body_deadline(application: WSGIApplication, *, seconds: float = BODY_SECONDS) -> WSGIApplication:
    """End the wait for a body that arrives too slowly: reading it then raises werkzeug's RequestTimeout.

    It is read when the application does, so that a request without a good token costs no memory.
    """

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ["wsgi.input"] = _TimedBody(environ["wsgi.input"], seconds)
        return application(environ, start_response)

    return serve


class _TimedBody:
    """A body that must be read before a deadline."""

    def __init__(self, stream: Any, seconds: float) -> None:
        self._stream = stream
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def read(self, *arguments: int) -> bytes:
        """Read bytes as the body itself does."""
        return self._within(self._stream.read, *arguments)

    def readline(self, *arguments: int) -> bytes:
        """Read a line as the body itself does."""
        return self._within(self._stream.readline, *arguments)

    def __iter__(self) -> Iterator[bytes]:
        """Yield lines as the body itself does."""
        return iter(self.readline, b"")

    def _within(self, read: Callable[..., bytes], *arguments: int) -> bytes:
        late = RequestTimeout(f"the body did not arrive within {self._seconds:g} seconds")
        with gevent.Timeout(max(0.0, self._end - time.monotonic()), late):
            return read(*arguments)
