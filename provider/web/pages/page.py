"""A page as data: its path, what it demands of the visitor, and who answers; and one visit to it."""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from flask import Flask, make_response, redirect, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from provider.domain.auth import Caller, Permission, fingerprint
from provider.domain.fields import read
from provider.domain.rollouts import Found
from provider.services import SESSION_SECONDS, Call, Operations, Visitor
from provider.store import Request
from provider.web.api.endpoints import held_while
from provider.web.api.problems import ForbiddenError
from provider.web.api.schemas import ReasonBody
from provider.web.forwarded import is_https
from provider.web.rate_limits import Held

COOKIE = "canary_session"
_REPEAT_SECONDS = 24 * 3_600
# Only an admin's forms hold specs. 1,000 servers on each side have some 80 kB.
LARGEST_FORM_BYTES, _SMALL_FORM_BYTES = 256 * 1024, 16 * 1024
MOST_FIELDS = 100

Page: TypeAlias = Response | str | tuple[str, int]


class SignInNeededError(Exception):
    """A page that is shown to people who are signed in."""


class ForgedFormError(Exception):
    """A form that does not carry the token of the session it is sent with."""


@dataclass(frozen=True)
class Visit:
    """One request of somebody who is signed in."""

    operations: Operations
    visitor: Visitor
    name: str
    query: MultiDict[str, str]
    form: MultiDict[str, str]

    @property
    def caller(self) -> Caller:
        """Who visits."""
        return self.visitor.caller

    def call(self) -> Call:
        """Give the condition and the reason that the form carries, for a write in the visitor's name.

        The form was made for one version, and is done once however often it is sent. Raises InvalidDocumentError.
        """
        version = self.form.get("version", "")
        return Call(
            actor=self.caller.name,
            reason=read(ReasonBody, {"reason": self.form.get("reason", "").strip()}).reason,
            if_match=int(version) if version.isdecimal() and len(version) <= 16 else None,
            request=self._request(),
            # Who confirms has seen what will be.
            allow_shrink=self.form.get("confirmed") == "yes",
            force=self.form.get("force") == "yes",
            replace_stable=self.form.get("replace_stable") == "yes",
        )

    def _request(self) -> Request | None:
        sent = self.form.get("request", "")
        if not sent.isascii() or not 1 <= len(sent) <= 64:
            return None
        # Who confirms or corrects a form sends the same id with other contents: that is another request.
        contents = repr((request.path, sorted(self.form.items(multi=True))))
        identity = hashlib.sha256(contents.encode()).hexdigest()
        return Request(f"{self.caller.name}:{sent}:{identity[:16]}", identity, keep_seconds=_REPEAT_SECONDS)

    def values(self, name: str) -> str:
        """Read what was sent, in a form or an address."""
        return self.form.get(name, self.query.get(name, ""))

    def leave_word(self, text: str) -> None:
        """Have the visitor's next page say something."""
        self.operations.sessions.leave_word(self.visitor, text)

    def take_word(self) -> str | None:
        """Take the word that was left. A part of a page that is open does not: it was left for another page."""
        return None if is_part() else self.operations.sessions.take_word(self.visitor)

    @property
    def discovered(self) -> Mapping[str, Found]:
        """The servers that were found where rollouts look for them."""
        return self.operations.feed.read(lambda image: image.found)

    def render(self, template: str, **facts: Any) -> str:
        """Render a page for the visitor."""
        return render_template(
            template,
            visit=self,
            caller=self.caller,
            csrf=csrf_token(self.visitor.session),
            may_operate=self.caller.may(Permission.OPERATE),
            may_administer=self.caller.may(Permission.ADMINISTER),
            discovered=self.discovered,
            **facts,
        )


@dataclass(frozen=True)
class Route:
    """What stands at a path."""

    method: str
    path: str
    handler: Callable[[Visit], Page]
    permission: Permission
    is_held: bool = False


def register(app: Flask, routes: Sequence[Route], operations: Operations, held: Held) -> None:
    """Route every page: know the visitor, check the form's token, permit, answer."""
    for route in routes:
        app.add_url_rule(
            route.path,
            endpoint=f"{route.method} {route.path}",
            view_func=_view(route, operations, held),
            methods=[route.method],
        )


def _view(route: Route, operations: Operations, held: Held) -> Callable[..., Page]:
    def view(name: str = "") -> Page:
        visitor = operations.sessions.visitor(request.cookies.get(COOKIE, ""))
        if visitor is None:
            raise SignInNeededError
        if not visitor.caller.may(route.permission):
            needed = _NEEDED[route.permission]
            raise ForbiddenError(
                f"your role {visitor.caller.role} does not permit this action; it requires the role {needed}"
            )
        if route.method != "GET":
            is_spec = route.permission is Permission.ADMINISTER
            limit_form(LARGEST_FORM_BYTES if is_spec else _SMALL_FORM_BYTES)
            check_form(visitor.session)
        visit = Visit(operations, visitor, name, request.args, request.form)
        if route.is_held:
            return held_while(held.take(visitor.caller.name), lambda: make_response(route.handler(visit)))
        return route.handler(visit)

    return view


_NEEDED: Mapping[Permission, str] = {
    Permission.READ: "viewer",
    Permission.OPERATE: "operator",
    Permission.ADMINISTER: "admin",
}


def csrf_token(session: str) -> str:
    """Give the token that a session's forms carry. It tells nobody the session, and nobody else can know it."""
    return fingerprint(f"csrf:{session}")


def limit_form(most_bytes: int) -> None:
    """Check the size of a form, and how many fields it has, before it is parsed. Raises RequestEntityTooLarge."""
    request.max_content_length = most_bytes
    if request.mimetype != "multipart/form-data" and request.get_data().count(b"&") >= MOST_FIELDS:
        raise RequestEntityTooLarge


def check_form(session: str) -> None:
    """Refuse a form that another site has made. Raises ForgedFormError."""
    if not session or not secrets.compare_digest(request.form.get("csrf", "").encode(), csrf_token(session).encode()):
        raise ForgedFormError


def set_session(response: Response, session: str) -> Response:
    """Have the browser keep a session, where no script and no other site can use it."""
    is_secure = request.is_secure or is_https(request.headers.get("X-Forwarded-Proto", ""))
    response.set_cookie(
        COOKIE, session, max_age=SESSION_SECONDS, httponly=True, samesite="Lax", secure=is_secure, path=cookie_path()
    )
    return response


def cookie_path() -> str:
    """Return the path below which the browser sends the session: other applications of the host never see it."""
    return root() or "/"


def root() -> str:
    """Return the path in front of all pages, with no slash at its end: empty unless a proxy serves them below one."""
    return request.script_root


def goto(path: str) -> Response:
    """Answer a form with a page to look at, so that reloading it does nothing again."""
    return redirect(f"{root()}{path}", 303)


def is_part() -> bool:
    """Tell whether a script asks for a part of a page that is open."""
    return "HX-Request" in request.headers or request.accept_mimetypes.best == "text/event-stream"
