"""Public endpoints without a token: liveness, readiness, metrics, the OpenAPI document."""

import json
from collections.abc import Callable, Iterable, Sequence

from flask import Blueprint, Response, request
from prometheus_client import Metric

from provider.domain.fields import write
from provider.replica import DISPUTED, Feed, State
from provider.services import Operations, StoreWentBackError
from provider.web.api.description import Description
from provider.web.api.endpoints import Endpoint
from provider.web.api.metrics import exposition
from provider.web.api.response_cache import Kept
from provider.web.api.schemas import Readiness


def machines(
    operations: Operations,
    endpoints: Sequence[Endpoint],
    *,
    version: str,
    recorded: Callable[[], Iterable[Metric]],
    metrics_seconds: float,
) -> Blueprint:
    """Return the blueprint of the public endpoints; they expose no addresses and no tokens."""
    blueprint = Blueprint("machines", __name__, template_folder="templates")

    description = Description(endpoints, version=version)
    written = Kept(lambda: exposition(operations, recorded), seconds=metrics_seconds)

    @blueprint.get("/livez")
    def livez() -> Response:
        return Response("ok\n", content_type="text/plain")

    @blueprint.get("/readyz")
    def readyz() -> Response:
        readiness = _readiness(operations)
        status = 200 if readiness.ready else 503
        return Response(json.dumps(write(readiness)), status=status, content_type="application/json")

    @blueprint.get("/metrics")
    def metrics() -> Response:
        content, content_type = written.latest()
        return Response(content, content_type=content_type)

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return Response(description.document, content_type="application/json")

    @blueprint.get("/docs")
    def docs() -> str:
        return description.page(request.script_root)

    return blueprint


def _readiness(operations: Operations) -> Readiness:
    """Polls can be answered even while Redis is away; a provider that knows nothing cannot answer them."""
    feed = operations.feed
    return Readiness(
        ready=feed.is_ready,
        store=feed.state,
        problem=_first_problem(operations),
        revision=feed.revision,
        corrupt_documents=_unreadable(feed),
    )


def _first_problem(operations: Operations) -> str | None:
    feed = operations.feed
    return feed.problem or operations.writability.problem or _problem(feed) or operations.clock_skew.problem


def _unreadable(feed: Feed) -> tuple[str, ...]:
    return tuple(sorted(map(str, feed.read(lambda image: list(image.unreadable)))))


def _problem(feed: Feed) -> str | None:
    """Return why polls are not answered, or nothing is written, while the store can be reached."""
    if feed.state in DISPUTED:
        return str(StoreWentBackError())
    if feed.is_ready:
        return None
    if feed.state is State.STARTING:
        return "the provider is starting and has not read Redis yet"
    if unreadable := _unreadable(feed):
        names = ", ".join(unreadable)
        return f"no configuration is served before {names} can be read; replace it with a PUT or delete it"
    if not feed.revision:
        return "Redis is empty: nothing has been written yet"
    return "Redis does not contain the state that gateways were served"
