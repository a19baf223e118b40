"""Server-sent events of every change."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from flask import Response, request

from provider.domain.auth import Permission
from provider.replica import Feed
from provider.store import Event, Kind, MissedChangesError, Store
from provider.web.api.endpoints import LAST_EVENT_ID_PATTERN, Endpoint, Exchange
from provider.web.api.problems import BadRequestError

# Comments in between keep proxies from closing a stream in which nothing happens.
_HEARTBEAT_SECONDS = 15.0
# What a viewer may see: tokens, and webhooks with their secrets, are for those who administer.
_SHOWN = frozenset({Kind.ROLLOUT, Kind.GATEWAY, Kind.SERVERS})
_HEARTBEAT = b": heartbeat\n\n"


def stream_events(exchange: Exchange) -> Response:
    """Stream every change, from `Last-Event-ID` on if given."""
    feed, store = exchange.operations.feed, exchange.operations.store
    last = request.headers.get("Last-Event-ID", "")
    if not re.fullmatch(LAST_EVENT_ID_PATTERN, last):
        raise BadRequestError("Last-Event-ID must be the id of an event: a whole number")
    caller = exchange.caller

    def is_known() -> bool:
        return feed.read(lambda image: image.tokens.fingerprint_of(caller)) is not None

    events = _events(feed, store, int(last or feed.revision), is_known)
    response = Response(events, content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _events(feed: Feed, store: Store, after: int, is_known: Callable[[], bool]) -> Iterator[bytes]:
    yield b": connected\n\n"
    while not feed.is_closing:
        events = feed.events(after=after, seconds=_HEARTBEAT_SECONDS)
        # That its token was revoked is an event too, and ends the stream at once.
        if not is_known():
            return
        if events is None:
            events = _older(store, after)
            if events is None:
                # Too long away to be told every change: the listener reads everything again.
                after = feed.revision
                yield _message("reset", after, {"revision": after})
                continue
        for event in events:
            after = event.revision
            if event.key.kind in _SHOWN:
                yield _written(event)
        if not events:
            yield _HEARTBEAT


def _older(store: Store, after: int) -> Sequence[Event] | None:
    try:
        return store.changes(after=after, wait_seconds=0)
    except MissedChangesError:
        return None


# Many streams send the same events at the same time.
@lru_cache(maxsize=16)
def _written(event: Event) -> bytes:
    return _message(event.key.kind, event.revision, _told(event))


def _told(event: Event) -> dict[str, object]:
    return {
        "revision": event.revision,
        "name": event.key.name,
        "action": event.action,
        "actor": event.actor,
        "reason": event.reason,
        "at": event.at.isoformat().replace("+00:00", "Z"),
        **({"requestId": event.origin.request_id} if event.origin.request_id else {}),
        "document": json.loads(event.after) if event.after else None,
    }


def _message(kind: str, revision: int, data: dict[str, object]) -> bytes:
    return f"event: {kind}\nid: {revision}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/events",
        stream_events,
        Permission.READ,
        "Stream every change as server-sent events",
        answers={200: None},
        media_type="text/event-stream",
        tag="events",
        is_held=True,
    ),
)
