"""Endpoints as data: the router, authorization, parser and OpenAPI all use the same table."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flask import Flask, Response, request
from pydantic import BaseModel
from werkzeug.exceptions import RequestEntityTooLarge

from provider.domain.auth import Caller, Permission
from provider.domain.fields import InvalidDocumentError, check_value_count, decode_json, read, write
from provider.domain.fields.quotes import quoted
from provider.domain.fields.types import NAME_PATTERN
from provider.net.off_loop import SMALL_BYTES, run_off_loop, run_sized
from provider.services import Call, Operations
from provider.store import Request
from provider.web.api.problems import (
    BadRequestError,
    ForbiddenError,
    InvalidQueryError,
    UnauthenticatedError,
    WrongContentTypeError,
)
from provider.web.api.schemas import (
    DryRunQuery,
    MoveBody,
    NoQuery,
    ReasonBody,
    ReasonQuery,
    ReplaceQuery,
    ShrinkQuery,
)
from provider.web.rate_limits import Limits, Place

SMALL_BODY_BYTES = 64 * 1024
_IDEMPOTENCY_SECONDS = 24 * 3_600
IF_MATCH, IDEMPOTENCY_KEY = "If-Match", "Idempotency-Key"
# Clients that drop the quotes of an ETag are understood, and so are proxies that make it weak as they compress.
_ETAG = r'(?:(?:W/)?"[0-9]{1,16}"|[0-9]{1,16})'
IF_MATCH_PATTERN = rf"^(?:\*|{_ETAG}(?:[ \t]*,[ \t]*{_ETAG}){{0,15}})$"
IDEMPOTENCY_KEY_PATTERN = r"^[!-~]{1,255}$"
LAST_EVENT_ID_PATTERN = r"^[0-9]{0,16}$"


@dataclass(frozen=True)
class Exchange:
    """A parsed request: caller, body, query, and the use cases to handle it with."""

    operations: Operations
    caller: Caller
    parts: Mapping[str, str]
    """The names in the path."""
    body: Any
    query: Any
    call: Call

    @property
    def name(self) -> str:
        """Whose path it is."""
        return self.parts["name"]


@dataclass(frozen=True)
class ApiResponse:
    """Result of a handler: status, document, and the version for the ETag."""

    document: BaseModel | None = None
    status: int = 200
    version: int | None = None
    location: str | None = None


Handler = Callable[[Exchange], "ApiResponse | Response"]


@dataclass(frozen=True)
class Endpoint:
    """Method, path, permission, and possible responses of an endpoint."""

    method: str
    path: str
    handler: Handler
    permission: Permission
    summary: str
    answers: Mapping[int, type[BaseModel] | None]
    problems: Sequence[int] = ()
    body: type[BaseModel] | None = None
    query: type[BaseModel] = NoQuery
    media_type: str = "application/json"
    tag: str = field(default="rollouts")
    is_held: bool = False
    is_large: bool = True
    """Whether a body may have 1 MiB, as one with a spec or a reason of any length, or 64 kB only."""
    cost: int = 1
    """How many requests it counts as for the rate limit."""
    ends_outages: bool = False
    """Whether the first admin may call it while no documents are loaded."""
    operation: str = ""
    """Operation ID in OpenAPI, if the handler's name does not fit."""
    conditions: Sequence[str] = (IF_MATCH, IDEMPOTENCY_KEY)
    """Which of these two headers a write supports; one without a version, such as a restore, supports neither."""

    @property
    def is_write(self) -> bool:
        """Tell whether it changes something."""
        return self.method != "GET"

    @property
    def is_body_required(self) -> bool:
        """Tell whether a body must be there: an empty one would not be valid."""
        if self.body is None:
            return False
        try:
            read(self.body, {})
        except InvalidDocumentError:
            return True
        return False


def register(app: Flask, endpoints: Sequence[Endpoint], operations: Operations, limits: Limits) -> None:
    """Route every endpoint: authenticate, permit, parse, handle, serialise."""
    for endpoint in endpoints:
        app.add_url_rule(
            endpoint.path,
            endpoint=f"{endpoint.method} {endpoint.path}",
            view_func=_view(endpoint, operations, limits),
            methods=[endpoint.method],
        )


def _view(endpoint: Endpoint, operations: Operations, limits: Limits) -> Callable[..., Response]:
    def view(**parts: str) -> Response:
        caller = _permitted_caller(endpoint, operations, limits)
        for part, name in parts.items():
            if not re.fullmatch(NAME_PATTERN, name):
                # The kind stands before its name: /api/v1/rollouts/<name>.
                what = endpoint.path.split("/")[3].removesuffix("s") if part == "name" else part
                raise BadRequestError(
                    f"invalid name of the {what}: a name must be at most 63 lowercase letters, digits and "
                    f"inner hyphens, not {quoted(name)}"
                )
        body, query = _body(endpoint, caller, limits), _query(endpoint)
        exchange = Exchange(operations, caller, parts, body, query, _call(endpoint, caller, body, query))
        return _held(endpoint, exchange, limits) if endpoint.is_held else _respond(endpoint.handler(exchange))

    return view


def _held(endpoint: Endpoint, exchange: Exchange, limits: Limits) -> Response:
    place = limits.held.take(exchange.caller.name)
    return held_while(place, lambda: _respond(endpoint.handler(exchange)))


def held_while(place: Place, answer: Callable[[], Response]) -> Response:
    """Respond while holding a place among the open waits and streams; give it back when the response has ended."""
    try:
        response = answer()
    except BaseException:
        place.give_back()
        raise
    # A stream goes on after this: the server closes it when it ends, or when nobody reads it any more.
    if response.is_streamed:
        response.call_on_close(place.give_back)
    else:
        place.give_back()
    return response


def _permitted_caller(endpoint: Endpoint, operations: Operations, limits: Limits) -> Caller:
    address = request.remote_addr or ""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise UnauthenticatedError("send the header Authorization: Bearer TOKEN")
    find = operations.tokens.restorer if endpoint.ends_outages else operations.tokens.caller
    caller = limits.guesses.caller(secret.strip(), address, known=operations.feed.caller, find=find)
    if caller is None:
        raise UnauthenticatedError("unknown token; it may have been revoked")
    limits.rate.of_token(caller.name, calls=endpoint.cost)
    if not caller.may(endpoint.permission):
        raise ForbiddenError(f"the role {caller.role} may not {endpoint.permission}")
    return caller


def _body(endpoint: Endpoint, caller: Caller, limits: Limits) -> BaseModel | None:
    if endpoint.body is None:
        return None
    if not endpoint.is_large:
        request.max_content_length = SMALL_BODY_BYTES
    data = request.get_data(cache=True)
    # Of a body in chunks, whose length nobody said before, Werkzeug gives what the limit leaves of it.
    if request.content_length is None and len(data) >= (request.max_content_length or len(data) + 1):
        raise RequestEntityTooLarge
    if not data and not endpoint.is_body_required:
        return endpoint.body.model_validate({})
    if not request.is_json:
        raise WrongContentTypeError("send the header Content-Type: application/json")
    # It counts as one further request for each further part of this size.
    if further := len(data) // SMALL_BYTES:
        limits.rate.of_token(caller.name, calls=further)
    return run_sized(partial(_parsed, endpoint.body, data), size=len(data))


def _parsed(model: type[BaseModel], data: bytes) -> BaseModel:
    document = decode_json(data)
    check_value_count(document)
    return read(model, document)


def _query(endpoint: Endpoint) -> BaseModel:
    values = {name: values[-1] for name, values in request.args.lists()}
    try:
        return read(endpoint.query, values)
    except InvalidDocumentError as error:
        raise InvalidQueryError(error.mistakes) from error


def _call(endpoint: Endpoint, caller: Caller, body: BaseModel | None, query: BaseModel) -> Call:
    if request.method == "GET":
        return Call(actor=caller.name)
    source = body if isinstance(body, ReasonBody) else query
    versions = _if_match(endpoint, request.headers.get(IF_MATCH))
    return Call(
        actor=caller.name,
        reason=source.reason if isinstance(source, ReasonBody | ReasonQuery) else "",
        if_match=versions[0] if versions else None,
        or_match=frozenset(versions[1:]),
        must_exist=request.headers.get(IF_MATCH, "").strip() == "*",
        request=_request(endpoint, caller, request.headers.get(IDEMPOTENCY_KEY)),
        is_dry_run=isinstance(query, DryRunQuery) and query.dry_run == "true",
        allow_shrink=isinstance(query, ShrinkQuery) and query.allow_shrink == "true",
        force=isinstance(body, MoveBody) and body.force,
        replace_stable=isinstance(query, ReplaceQuery) and query.replace_stable == "true",
    )


def _if_match(endpoint: Endpoint, header: str | None) -> Sequence[int]:
    """Return the versions that the caller accepts; none for `*`, or without the header."""
    if header is None:
        return ()
    if IF_MATCH not in endpoint.conditions:
        raise BadRequestError("If-Match is not supported for this request; omit it")
    if not re.fullmatch(IF_MATCH_PATTERN, header.strip()):
        raise BadRequestError(f'If-Match must be an ETag such as "42", or several, not {quoted(header)}')
    return [int(version) for version in re.findall("[0-9]+", header)]


def _request(endpoint: Endpoint, caller: Caller, key: str | None) -> Request | None:
    if key is None or IDEMPOTENCY_KEY not in endpoint.conditions:
        return None
    if not re.fullmatch(IDEMPOTENCY_KEY_PATTERN, key):
        raise BadRequestError("Idempotency-Key must be 1 to 255 printable characters without spaces")
    parts = (request.method.encode(), request.full_path.encode(), request.get_data(cache=True))
    fingerprint = hashlib.sha256(b"\0".join(parts)).hexdigest()
    # Two callers may choose the same key.
    return Request(f"{caller.name}:{key}", fingerprint, keep_seconds=_IDEMPOTENCY_SECONDS)


def _text(document: BaseModel) -> str:
    """Return a document as JSON. A list is written item by item, so that the event loop continues meanwhile."""
    lists = {
        name: value
        for name, value in document
        if isinstance(value, tuple) and len(value) > 1 and isinstance(value[0], BaseModel)
    }
    return run_off_loop(partial(_listed, document, lists)) if lists else _dumped(document)


def _listed(document: BaseModel, lists: Mapping[str, Sequence[BaseModel]]) -> str:
    fields = type(document).model_fields
    parts = [f'"{fields[name].alias}": [{", ".join(map(_dumped, items))}]' for name, items in lists.items()]
    rest = _dumped(document.model_copy(update=dict.fromkeys(lists)))[1:-1]
    return f"{{{', '.join([*parts, rest] if rest else parts)}}}"


def _dumped(document: BaseModel) -> str:
    return json.dumps(write(document), ensure_ascii=False)


def _respond(answer: ApiResponse | Response) -> Response:
    if isinstance(answer, Response):
        return answer
    if answer.document is None:
        return Response(status=answer.status)
    response = Response(_text(answer.document), status=answer.status, content_type="application/json")
    if answer.version is not None:
        response.headers["ETag"] = f'"{answer.version}"'
    if answer.location:
        response.headers["Location"] = f"{request.script_root}{answer.location}"
    return response
