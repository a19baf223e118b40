"""Duration of requests, by route and status."""

import time

from flask import Flask, Response, g, request

from provider.observability import metrics
from provider.observability.tracing import ROUTE


def time_requests(app: Flask) -> None:
    """Record the duration of every request of an application. All requests without a route share one label."""

    @app.before_request
    def begin() -> None:
        g.began = time.monotonic()

    @app.after_request
    def end(response: Response) -> Response:
        route = request.url_rule
        method, path = (request.method, route.rule) if route else (metrics.OTHER, metrics.OTHER)
        request.environ[ROUTE] = path
        took = time.monotonic() - g.began
        metrics.API_REQUEST_SECONDS.labels(method, path, response.status_code).observe(took)
        return response
