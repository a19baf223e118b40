"""Errors as pages, by the same table that the API answers them with."""

import logging
from http import HTTPStatus
from urllib.parse import urlencode

from flask import Flask, make_response, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from provider.observability.tracing import request_id
from provider.services import Operations
from provider.store import StoreUnavailableError
from provider.web.api.problems import KINDS, Kind
from provider.web.pages.page import COOKIE, ForgedFormError, SignInNeededError, csrf_token, goto, is_part, root

log = logging.getLogger(__name__)

_AWAY = KINDS[StoreUnavailableError]
_AGAIN_SECONDS = "5"
_WORDS = {
    404: "This page does not exist.",
    405: "This page does not support the request method.",
    413: "The request is too large.",
}


def answer_with_pages(app: Flask, operations: Operations) -> None:
    """Have an application answer every error with a page."""
    pages = _ErrorPages(operations)
    for error_type in KINDS:
        app.register_error_handler(error_type, pages.known)
    app.register_error_handler(ForgedFormError, pages.forged)
    app.register_error_handler(SignInNeededError, pages.sign_in_needed)
    app.register_error_handler(HTTPException, pages.http)
    app.register_error_handler(Exception, pages.unknown)


class _ErrorPages:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def known(self, error: Exception) -> Response:
        return self._page(KINDS[type(error)], str(error))

    def http(self, error: HTTPException) -> Response:
        status = HTTPStatus(error.code or 500)
        words = _WORDS.get(status, error.description or status.description)
        response = self._page(Kind(status, "http", status.phrase), words)
        for name, value in error.get_headers():
            if name in {"Allow", "Retry-After"}:
                response.headers[name] = value
        return response

    def unknown(self, error: Exception) -> Response:
        # The words of an unforeseen error may hold anything: they are for the log only.
        log.error("page.failed", exc_info=error)
        words = f"The provider's log has the details, under request ID {request_id()}."
        return self._page(Kind(500, "internal-error", "Internal server error"), words)

    def forged(self, error: ForgedFormError) -> Response:  # noqa: ARG002 what a handler is given
        words = "Your session may have changed since the page was loaded. Nothing was changed; reload the page."
        return self._page(Kind(400, "invalid-form", "Form expired"), words)

    def sign_in_needed(self, error: SignInNeededError) -> Response:  # noqa: ARG002
        if is_part():  # of a page that is open: all of it has to go
            return Response(status=204, headers={"HX-Redirect": f"{root()}/sign-in"})
        wanted = request.full_path.removesuffix("?") if request.method == "GET" else "/"
        return goto("/sign-in" if wanted == "/" else f"/sign-in?{urlencode({'next': wanted})}")

    def _page(self, kind: Kind, words: str) -> Response:
        page = render_template("error.html", kind=kind, words=words, is_store_away=kind is _AWAY, **self._visitor())
        response = make_response(page, kind.status)
        response.headers.update(kind.headers or {})
        if kind is _AWAY and request.method == "GET":
            response.headers["Refresh"] = _AGAIN_SECONDS
        return response

    def _visitor(self) -> dict[str, object]:
        """Give what the frame of the page shows of the visitor, if that can be told."""
        try:
            visitor = self._operations.sessions.visitor(request.cookies.get(COOKIE, ""))
        except StoreUnavailableError:
            return {}
        return {"caller": visitor.caller, "csrf": csrf_token(visitor.session)} if visitor else {}
