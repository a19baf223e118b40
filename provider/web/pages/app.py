"""The Flask application of the pages."""

import hashlib
from collections.abc import Iterable
from importlib.resources import files
from typing import TYPE_CHECKING
from wsgiref.types import WSGIApplication

from flask import Flask, Response, request, url_for

from provider.observability.tracing import ROUTE, identified
from provider.services import Operations
from provider.web.forwarded import behind_prefix
from provider.web.pages import administration, editor, fleet, rollout
from provider.web.pages import live_updates as live
from provider.web.pages.errors import answer_with_pages
from provider.web.pages.filters import FILTERS
from provider.web.pages.page import LARGEST_FORM_BYTES, register, root
from provider.web.pages.sign_in import register_signing
from provider.web.rate_limits import Held
from provider.web.security_headers import SECURITY

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ROUTES = (*fleet.ROUTES, *rollout.ROUTES, *editor.ROUTES, *administration.ROUTES, *live.ROUTES)
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_YEAR_SECONDS = 365 * 24 * 3_600


# What is not a page is the API's: it answers machines, in their words.
_API_PREFIX = "/api/"
_MACHINE_PATHS = frozenset({"/livez", "/readyz", "/metrics", "/openapi.json", "/docs"})


def with_pages(api: WSGIApplication, pages: WSGIApplication) -> WSGIApplication:
    """Put the pages beside the API."""

    def dispatch(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        is_for_machines = path.startswith(_API_PREFIX) or path in _MACHINE_PATHS
        return (api if is_for_machines else pages)(environ, start_response)

    return dispatch


def create_pages(operations: Operations, *, version: str, held: Held | None = None) -> Flask:
    """Make the application that shows the pages; what it holds is counted with what the worker's API does."""
    app = Flask("provider.web.pages")
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_FORM_BYTES, MAX_FORM_MEMORY_SIZE=LARGEST_FORM_BYTES)
    app.url_map.merge_slashes = False  # it would redirect to whatever the caller named as its host
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.globals.update(asset=_asset, root=root, software=version)
    register_signing(app, operations)
    register(app, ROUTES, operations, held or Held())
    answer_with_pages(app, operations)
    app.after_request(_harden)
    app.wsgi_app = identified(behind_prefix(app.wsgi_app))  # type: ignore[assignment, method-assign]  # as Flask wants it
    return app


def _asset(name: str) -> str:
    """Give the address of a static file. It changes with the file, which may be kept for ever."""
    return url_for("static", filename=name, v=_DIGESTS.get(name) or _DIGESTS.setdefault(name, _digest(name)))


_DIGESTS: dict[str, str] = {}


def _digest(name: str) -> str:
    return hashlib.sha256(files("provider.web.pages").joinpath("static", name).read_bytes()).hexdigest()[:12]


def _harden(response: Response) -> Response:
    headers = response.headers
    if request.url_rule:
        request.environ[ROUTE] = request.url_rule.rule
    is_static = response.direct_passthrough and response.status_code == 200
    headers["Cache-Control"] = f"public, max-age={_YEAR_SECONDS}, immutable" if is_static else "no-store"
    headers.update(SECURITY)
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Content-Security-Policy"] = _POLICY
    return response
