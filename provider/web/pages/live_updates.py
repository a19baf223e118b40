"""What keeps an open page true: a stream that says what has changed, and whether Traefik has it yet."""

import json
from collections.abc import Iterator
from contextlib import suppress

from flask import Response

from provider.domain.auth import Permission
from provider.services import Delivery, Goal, NotInTimeError
from provider.store import Event, Kind, StoreUnavailableError
from provider.web.pages.page import Page, Route, Visit, is_part

_HEARTBEAT_SECONDS = 15.0
_HELD_SECONDS = 10.0
# Their names are for those who administer, as their pages are.
_FOR_ADMINS = frozenset({Kind.TOKEN, Kind.WEBHOOK})


def stream(visit: Visit) -> Page:
    """Say what has changed as it happens; the page then asks for what it shows of it."""
    response = Response(_changes(visit, visit.operations.feed.revision), content_type="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _changes(visit: Visit, after: int) -> Iterator[bytes]:
    feed = visit.operations.feed
    yield b"retry: 1000\n\n"
    while not feed.is_closing and _is_welcome(visit):
        events = feed.events(after=after, seconds=_HEARTBEAT_SECONDS)
        if events is None:
            after = feed.revision
            yield _message("everything", "")
            continue
        for event in events:
            after = event.revision
            yield from _messages(visit, event)
        if not events:
            yield b": still here\n\n"


def _messages(visit: Visit, event: Event) -> Iterator[bytes]:
    if event.key.kind in _FOR_ADMINS and not visit.caller.may(Permission.ADMINISTER):
        return
    if event.key.kind is not Kind.SERVERS:
        yield _message(event.key.kind, event.key.name)
        return
    # Pages show rollouts: other servers change all those that look for them there.
    for name in sorted(visit.operations.feed.read(lambda image: image.seekers.get(event.key.name, ()))):
        yield _message(Kind.ROLLOUT, name)


def _is_welcome(visit: Visit) -> bool:
    """Tell whether the session still holds. What is asked for meanwhile is refused anyway."""
    try:
        return visit.operations.sessions.visitor(visit.visitor.session) is not None
    except StoreUnavailableError:
        return True


def _message(kind: str, name: str) -> bytes:
    return f"event: changed\ndata: {json.dumps({'kind': kind, 'name': name})}\n\n".encode()


def delivery(visit: Visit) -> Page:
    """Show whether Traefik has a rollout: at once, or with `hold` when it has, in some seconds at the latest."""
    operations = visit.operations
    rollout = operations.rollouts.get(visit.name)
    if "hold" in visit.query:
        with suppress(NotInTimeError):
            operations.waiting.wait(visit.name, Goal.APPLIED, seconds=_HELD_SECONDS)
    reports = operations.gateways.reports(rollout)
    return visit.render(
        "delivery_part.html" if is_part() else "delivery.html",
        rollout=rollout,
        reports=reports,
        pending=not reports or any(report.delivery is Delivery.PENDING for report in reports),
    )


ROUTES = (
    Route("GET", "/live", stream, Permission.READ, is_held=True),
    Route("GET", "/rollouts/<name>/delivery", delivery, Permission.READ, is_held=True),
)
