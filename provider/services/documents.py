"""Read, decide, commit: the one way in which any document changes."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

from provider.observability import metrics, tracing
from provider.replica import DISPUTED, Feed
from provider.services.write_requests import (
    Call,
    ContentionError,
    NotFoundError,
    StaleVersionError,
    StoreWentBackError,
)
from provider.services.write_turns import Turns
from provider.store import (
    Change,
    ConflictError,
    Event,
    Key,
    Kind,
    Reservation,
    Store,
    StoreBehindError,
    Stored,
    StoreUnavailableError,
)

log = logging.getLogger(__name__)

_ATTEMPTS = 8
_URGENT_ATTEMPTS = 64
_CATCH_UP_SECONDS = 5.0


@dataclass(frozen=True)
class Decision:
    """What is to become of a document: its new text (None deletes it), under the name of an action.

    The history shows `remark` with the caller's reason.
    """

    action: str
    text: str | None
    remark: str = ""
    reservation: Reservation | None = None

    def reason(self, call: Call) -> str:
        """Return the reason that the history shows."""
        return "; ".join(filter(None, (self.remark, call.reason)))


Decide = Callable[[Stored | None, datetime], Decision | None]


class Documents:
    """Documents in the store, changed by compare-and-set. `tell` is told of each change that was made here."""

    def __init__(self, store: Store, feed: Feed, *, tell: Callable[[Event], None] | None = None) -> None:
        self._tell = tell
        self._turns = Turns()
        self.store = store
        self.feed = feed

    def change(self, key: Key, decide: Decide, call: Call, *, is_urgent: bool = False) -> Event | None:
        """Change a document as `decide` says; None where it says that there is nothing to change.

        `decide` gets the stored document and the store's time, and is asked again when another write came in
        between, unless the caller named a version. An urgent change waits for no other writer of this process, and
        tries more often. Raises StaleVersionError, StoreWentBackError, ContentionError, and what `decide` and the
        store raise.
        """
        self._insist_on_agreement()
        done = self._recalled(call)
        if done:
            return done
        with nullcontext() if is_urgent else self._turns.of(key):
            try:
                return self._changed(key, decide, call, attempts=_URGENT_ATTEMPTS if is_urgent else _ATTEMPTS)
            except StoreUnavailableError:
                raise
            except Exception:
                # An earlier attempt of the same request may have been done meanwhile, by a worker about to end.
                done = self._recalled(call)
                if done:
                    return done
                raise

    def _recalled(self, call: Call) -> Event | None:
        return self.store.recall(call.request) if call.request else None

    def _changed(self, key: Key, decide: Decide, call: Call, *, attempts: int) -> Event | None:
        for _ in range(attempts):
            stored, now = self.read(key)
            version = stored.version if stored else 0
            if not call.accepts(version):
                self.check_lineage()
                raise StaleVersionError(key, call.if_match, version)
            decision = decide(stored, now)
            if decision is None:
                return None
            if call.is_dry_run:
                return _imagined(key, stored, decision, call, now)
            try:
                return self._told(self.store.commit(self._change(key, version, decision, call)))
            except ConflictError:
                continue
            except StoreBehindError:
                raise StoreWentBackError from None
        raise ContentionError(f"{key} changed too often; try again")

    def delete(self, key: Key, call: Call, *, action: str = "delete") -> Event:
        """Remove a document; NotFoundError where there is none, else as `change`."""

        def decide(stored: Stored | None, now: datetime) -> Decision:  # noqa: ARG001 a delete knows no time
            if stored is None:
                raise NotFoundError(key)
            return Decision(action, None)

        event = self.change(key, decide, call)
        assert event is not None  # noqa: S101 there is always something to change
        return event

    def read(self, key: Key) -> tuple[Stored | None, datetime]:
        """Read a document as the store has it now, and the store's time.

        Raise StoreWentBackError where the store has lost it, or its latest changes.
        """
        stored, now = self.store.read(key)
        served = self.feed.read(lambda image: image.documents.get(key))
        if stored is None or (served and stored.version < served.version):
            self.check_lineage()
        return stored, now

    def check_lineage(self) -> None:
        """Raise StoreWentBackError where something is missing or older as the store was emptied or has gone back.

        The feed notices within seconds; until then nobody must be told that there is no such thing, or begin anew.
        """
        lineage, served = self._served()
        stored_lineage, revision = self.store.revision() if lineage else ("", 0)
        if lineage and (stored_lineage != lineage or revision < served):
            raise StoreWentBackError

    def _served(self) -> tuple[str, int]:
        return self.feed.read(lambda image: (image.lineage, image.revision))

    def catch_up(self) -> bool:
        """Wait until the feed has all that was written before: what is read then is not stale.

        Return False if the feed does not get that far within five seconds. Where it cannot, because the store went
        back, it stays with what is served.
        """
        _, revision = self.store.revision()
        return self._wait_for(revision)

    def follow(self, event: Event) -> None:
        """Wait until the feed has a change that was just made here."""
        self._wait_for(event.revision)

    def _insist_on_agreement(self) -> None:
        """Raise StoreWentBackError where store and image disagree; just after a restore they soon agree again."""
        if self.feed.state not in DISPUTED:
            return
        lineage, served = self._served()
        stored_lineage, revision = self.store.revision()
        # A restore goes on with our lineage above what is served, and takes the marks of what was before it.
        if lineage == stored_lineage and revision > served and not self.store.mark(served):
            self.feed.wait_until(lambda _: self.feed.state not in DISPUTED, seconds=_CATCH_UP_SECONDS)
        if self.feed.state in DISPUTED:
            raise StoreWentBackError

    def _change(self, key: Key, version: int, decision: Decision, call: Call) -> Change:
        return Change(
            key=key,
            expected=version,
            text=decision.text,
            action=decision.action,
            actor=call.actor,
            reason=decision.reason(call),
            request=call.as_request(),
            origin=tracing.origin(),
            reservation=decision.reservation,
            served=self._served(),
        )

    def _told(self, event: Event) -> Event:
        metrics.CHANGES.labels(event.key.kind, event.action).inc()
        if event.key.kind is not Kind.SERVERS:
            # Who looks for servers says what was found; that comes and goes by itself.
            log.info(f"{event.key.kind}.{event.action}", extra=_facts(event))  # noqa: G004 the name of the event
        if self._tell:
            self._tell(event)
        return event

    def _wait_for(self, revision: int) -> bool:
        return self.feed.wait_until(lambda image: image.revision >= revision, seconds=_CATCH_UP_SECONDS)


def _facts(event: Event) -> dict[str, object]:
    facts = {str(event.key.kind): event.key.name, "actor": event.actor, "revision": event.revision}
    return facts | ({"reason": event.reason} if event.reason else {})


def _imagined(key: Key, stored: Stored | None, decision: Decision, call: Call, now: datetime) -> Event:
    """Give the event that a dry run did not make; its revision is the one that the document has now."""
    return Event(
        revision=stored.version if stored else 0,
        key=key,
        action=decision.action,
        actor=call.actor,
        reason=decision.reason(call),
        at=now,
        before=stored.text if stored else None,
        after=decision.text,
    )
