"""What one worker process is made of: the composition root of everything that answers HTTP."""

import logging
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from wsgiref.types import WSGIApplication

from provider.replica import Feed, SnapshotFile, State
from provider.server.connection_limits import marking_gateways
from provider.server.metric_files import Recorded, own_metrics
from provider.server.request_limits import with_body_deadline
from provider.server.settings import Settings
from provider.server.stores import is_embedded, open_store
from provider.server.version import installed_version
from provider.services import Call, Operations
from provider.services.tokens import FIRST_ADMIN
from provider.store import StoreUnavailableError
from provider.web.api import create_app
from provider.web.pages import create_pages, with_pages
from provider.web.poll import Polling, SightingBook
from provider.web.poll.application import PATH, mounted
from provider.web.rate_limits import Limits
from provider.web.throttle import throttled
from provider.workers import Controller, Discovering, Messenger, Watcher

log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_HINT = "make the directory writable and start again, or set CANARY_ADMIN_TOKEN"
# Anybody may ask for them, and with thousands of rollouts they take long to write.
_METRICS_SECONDS = 0.5
# Longer than another provider takes to notice that the store was emptied.
_SIBLING_WAIT_SECONDS = 3.0


@dataclass(frozen=True)
class Worker:
    """A worker's application, the feed whose end ends all threads, and the sightings, which are reported last."""

    application: WSGIApplication
    feed: Feed
    book: SightingBook


def build_worker(settings: Settings, recorded: Recorded = own_metrics) -> Worker:
    """Build a worker and start its threads. Works with Redis away: polls are then answered from the snapshot."""
    store = open_store(settings)
    feed = Feed(
        store,
        snapshot=SnapshotFile(settings.snapshot_path),
        # Nobody else has written to the embedded server.
        sibling_wait_seconds=0 if is_embedded(settings) else _SIBLING_WAIT_SECONDS,
    )
    operations = Operations(store, feed, networks=settings.networks, secrets_directory=settings.secrets_path)
    if settings.admin_token:
        operations.tokens.trust(settings.admin_token)
    book = SightingBook(store, feed, skew=operations.clock_skew)
    limits = Limits(store, rate=settings.rate_limit)
    polling = Polling(feed, book, needs_token=settings.polls_need_token, guesses=limits.guesses, rate=limits.rate)
    version = installed_version()
    api = create_app(operations, version=version, limits=limits, recorded=recorded, metrics_seconds=_METRICS_SECONDS)
    pages = create_pages(operations, version=version, held=limits.held)
    others = throttled(with_body_deadline(with_pages(api, pages)), limits.rate, operations)
    application = marking_gateways(mounted(polling, others), path=PATH)
    feed.start()
    book.start()
    operations.writability.start()
    operations.clock_skew.start(feed)
    if settings.controller:
        Controller(operations).start()
        Watcher(operations).start()
        Discovering(operations).start()
    Messenger(operations).start()
    threading.Thread(target=_give_out_admin, args=(settings, operations), name="admin", daemon=True).start()
    return Worker(application, feed, book)


def _give_out_admin(settings: Settings, operations: Operations) -> None:
    """See to it that somebody can administer: as soon as the store is there, by the first worker that comes."""
    feed, has_failed = operations.feed, False
    while not feed.is_closing:
        try:
            if feed.state is State.FOLLOWING:
                _ensure_admin(settings, operations)
                return
        except StoreUnavailableError:
            operations.writability.check()  # says why
        except Exception:
            # Whatever it is, nobody could administer: it is tried again, and reported once.
            log.log(logging.DEBUG if has_failed else logging.ERROR, "admin.not_given_out", exc_info=True)
            has_failed = True
        feed.wait_for_close(0.02 if feed.state is State.STARTING else _RETRY_SECONDS)


def _ensure_admin(settings: Settings, operations: Operations) -> None:
    if settings.admin_token:
        operations.tokens.preset(settings.admin_token)
        return
    secret = operations.tokens.ensure_admin()
    if secret:
        _hand_over(settings.admin_token_path, secret, operations)


def _hand_over(path: Path, secret: str, operations: Operations) -> None:
    """Write the first admin's token where its owner finds it: what is printed ends in journals."""
    try:
        _write_secret(path, secret)
    except OSError as error:
        operations.tokens.revoke(FIRST_ADMIN, Call(actor="provider"))
        log.exception("admin_token.not_written", extra={"path": str(path), "error": error.strerror, "hint": _HINT})
        return
    sys.stdout.write(f"The first admin's token is in {path}: keep it elsewhere, and delete the file\n")
    sys.stdout.flush()


def _write_secret(path: Path, secret: str) -> None:
    """Write a secret that the owner alone may read."""
    path.unlink(missing_ok=True)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{secret}\n")
