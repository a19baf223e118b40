"""For which request something is done: an id that goes from a caller's header into log, history, events and webhooks.

With OpenTelemetry (`provider.observability.spans`) each request also creates spans: from the caller's span, named by
the header `traceparent` (W3C Trace Context), to the Traefik that was served the change. Otherwise they cost nothing.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from wsgiref.types import WSGIApplication

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

REQUEST_ID_HEADER = "X-Request-Id"
ROUTE = "canary.route"
"""Where an application leaves in `environ` which route has answered: paths are too many to name spans by."""
REQUEST_ID_PATTERN = r"[\w.:/+=@-]{1,128}"
_NANOSECONDS = 1_000_000_000
_request_id: ContextVar[str] = ContextVar("request_id", default="")
_tracer: "Tracer | None" = None


@dataclass(frozen=True)
class Origin:
    """Where a change comes from: the id of the request that made it, and its span as a `traceparent`."""

    request_id: str = ""
    traceparent: str = ""


NOWHERE = Origin()


def trace_by(tracer: "Tracer | None") -> None:
    """Tell what is done from now on as spans; None tells nothing."""
    global _tracer  # noqa: PLW0603 one of a process, as its loggers are
    _tracer = tracer


def request_id() -> str:
    """Give the id of the request that is being answered; empty where there is none."""
    return _request_id.get()


def origin() -> Origin:
    """Give what a change that is made now comes from."""
    return Origin(request_id(), _traceparent())


def identified(application: WSGIApplication) -> WSGIApplication:
    """Give every request of an application an id: the caller's, or a new one. The answer bears it."""

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        identity = given if re.fullmatch(REQUEST_ID_PATTERN, given, re.ASCII) else uuid4().hex
        answered: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *failure: Any) -> Callable[[bytes], object]:
            answered.append(status)
            return start_response(status, [*headers, (REQUEST_ID_HEADER, identity)], *failure)

        token = _request_id.set(identity)
        try:
            with _serving(environ, identity, answered):
                return application(environ, start)
        finally:
            _request_id.reset(token)

    return serve


@contextmanager
def beginning(name: str, **facts: str | float) -> Iterator[None]:
    """Tell a span that nobody else has caused."""
    if _tracer is None:
        yield
        return
    with _tracer.start_as_current_span(name, context=_context(""), attributes=_named(facts)):
        yield


@contextmanager
def step(name: str, **facts: str | float) -> Iterator[None]:
    """Tell a span within the one that is under way; nothing where there is none."""
    if not _traceparent():
        yield
        return
    assert _tracer  # noqa: S101 who has a span
    with _tracer.start_as_current_span(name, attributes=_named(facts)):
        yield


def arrived(name: str, cause: Origin, since: datetime, **facts: str | float) -> None:
    """Tell a span that ends now: what a change, made at a time by somebody, has led to."""
    if _tracer is None or not cause.traceparent:
        return
    begun = int(since.timestamp() * _NANOSECONDS)
    span = _tracer.start_span(name, context=_context(cause.traceparent), start_time=begun, attributes=_named(facts))
    span.end(max(begun, time.time_ns()))


@contextmanager
def _serving(environ: "WSGIEnvironment", identity: str, answered: list[str]) -> Iterator[None]:
    if _tracer is None:
        yield
        return
    from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415 an extra

    method = environ["REQUEST_METHOD"]
    facts = {"http.request.method": method, "url.path": environ.get("PATH_INFO", ""), "canary.request_id": identity}
    parent = _context(environ.get("HTTP_TRACEPARENT", ""))
    with _tracer.start_as_current_span(method, context=parent, kind=SpanKind.SERVER, attributes=facts) as span:
        yield
        if route := environ.get(ROUTE):
            span.update_name(f"{method} {route}")
            span.set_attribute("http.route", route)
        status = int(answered[-1][:3]) if answered else 500
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(StatusCode.ERROR)


def _context(traceparent: str) -> "Context":
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent}, Context())


def _traceparent() -> str:
    if _tracer is None:
        return ""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent", "")


def _named(facts: Mapping[str, str | float]) -> Mapping[str, str | float]:
    return {f"canary.{name}": value for name, value in facts.items()}
