"""Sign in and out: the pages of people who are nobody yet."""

import secrets

from flask import Flask, make_response, render_template, request
from werkzeug.wrappers import Response

from provider.services import Operations, SignInError
from provider.web.pages.page import (
    COOKIE,
    ForgedFormError,
    Page,
    check_form,
    cookie_path,
    csrf_token,
    goto,
    limit_form,
    set_session,
)
from provider.web.rate_limits import neighbourhood

# A token, a token of the form and a path.
_LARGEST_FORM_BYTES = 16 * 1024


def register_signing(app: Flask, operations: Operations) -> None:
    """Route what is open to everybody."""

    @app.get("/sign-in")
    def ask() -> Page:
        is_known = operations.sessions.visitor(request.cookies.get(COOKIE, "")) is not None
        return goto(_wanted()) if is_known else _form()

    @app.post("/sign-in")
    def sign_in() -> Response:
        _check_small_form()
        try:
            visitor = operations.sessions.sign_in(request.form.get("token", ""), address=_address())
        except SignInError as error:
            return _form(str(error), status=422)
        return set_session(goto(_wanted()), visitor.session)

    @app.get("/sign-in/<link>")
    def show_link(link: str) -> Response:  # noqa: ARG001 previews and scanners of messages open it too
        return _form(is_link=True)

    @app.post("/sign-in/<link>")
    def follow_link(link: str) -> Response:
        _check_small_form()
        try:
            visitor = operations.sessions.sign_in_by_link(link, address=_address())
        except SignInError as error:
            return _form(str(error), status=422)
        return set_session(goto("/"), visitor.session)

    @app.post("/sign-out")
    def sign_out() -> Page:
        session = _check_small_form()
        operations.sessions.sign_out(session)
        response = goto("/sign-in")
        response.delete_cookie(COOKIE, path=cookie_path())
        return response


def _check_small_form() -> str:
    """Check the form of somebody who may be nobody, and return the session: before the body is read, its size.

    Raises ForgedFormError, RequestEntityTooLarge.
    """
    session = request.cookies.get(COOKIE, "")
    if not session:
        raise ForgedFormError
    limit_form(_LARGEST_FORM_BYTES)
    check_form(session)
    return session


def _form(mistake: str = "", *, status: int = 200, is_link: bool = False) -> Response:
    """Show the form. Whoever signs in gets another session: one that was planted before is worth nothing."""
    session = request.cookies.get(COOKIE) or secrets.token_urlsafe(32)  # the same for the forms of all tabs
    page = render_template("sign_in.html", csrf=csrf_token(session), mistake=mistake, next=_wanted(), is_link=is_link)
    return set_session(make_response(page, status), session)


def _wanted() -> str:
    """Give the page that was asked for first: one of ours, whatever the address says."""
    wanted = request.values.get("next", "/")
    is_ours = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    return wanted if is_ours else "/"


def _address() -> str:
    return neighbourhood(request.remote_addr or "")
