"""The Flask application of the REST API, without state of its own."""

from collections.abc import Callable, Iterable

from flask import Flask, Response
from prometheus_client import Metric

from provider.observability.metrics import RECORDED
from provider.observability.tracing import identified
from provider.services import Operations
from provider.web.api import administration, events, rollouts, servers, webhooks
from provider.web.api.endpoints import register
from provider.web.api.problems import answer_problems
from provider.web.api.public_endpoints import machines
from provider.web.api.timing import time_requests
from provider.web.forwarded import behind_prefix
from provider.web.rate_limits import Limits
from provider.web.security_headers import SECURITY

LARGEST_BODY_BYTES = 1024 * 1024
ENDPOINTS = (
    *rollouts.ENDPOINTS,
    *servers.ENDPOINTS,
    *administration.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *events.ENDPOINTS,
)


def create_app(
    operations: Operations,
    *,
    version: str,
    limits: Limits | None = None,
    recorded: Callable[[], Iterable[Metric]] = RECORDED.collect,
    metrics_seconds: float = 0.0,
) -> Flask:
    """Make the application that answers everything but Traefik's polls; the limits are the worker's own.

    `recorded` reads what this process, and those beside it, have counted. Metrics are written anew every
    `metrics_seconds` at most.
    """
    app = Flask("provider.web.api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    # Refuse /rollouts/ instead of redirecting: a redirected PUT loses its body in many clients.
    app.url_map.strict_slashes = True
    # Nor redirect /api//v1, to whatever the caller named as its host.
    app.url_map.merge_slashes = False
    time_requests(app)
    register(app, ENDPOINTS, operations, limits or Limits(operations.store))
    app.register_blueprint(
        machines(operations, ENDPOINTS, version=version, recorded=recorded, metrics_seconds=metrics_seconds)
    )
    answer_problems(app)
    app.after_request(_harden)
    app.wsgi_app = identified(behind_prefix(app.wsgi_app))  # type: ignore[assignment, method-assign]  # as Flask wants it
    return app


def _harden(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Cache-Control", "no-store")
    headers.update(SECURITY)
    headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
    )
    return response
