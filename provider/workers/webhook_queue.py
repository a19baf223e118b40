"""What one webhook is told, in order: one notice at a time, again until it is taken or an hour is over."""

import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from provider.domain.fields import InvalidDocumentError, NotJsonError
from provider.domain.notifications import Notice, Occasion, Webhook, describe, render
from provider.domain.rollouts import Rollout
from provider.net.webhook_client import Outcome, Post, post
from provider.observability import metrics, tracing
from provider.observability.tracing import Origin
from provider.replica import Feed, read_rollout
from provider.store import Event, Kind, MissedChangesError, Store, Stored, StoreUnavailableError

log = logging.getLogger(__name__)

# A notice that is older than this when it is refused is given up: the next one may be more welcome.
GIVEN_UP_AFTER = timedelta(hours=1)
_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 300.0
_IDLE_SECONDS = 5.0
_STORE_AWAY_SECONDS = 1.0
# Every webhook is told of the same events: a document is parsed once for all of them.
_NOTICES_KEPT = 128


@dataclass
class Line:
    """The notices of one webhook. Used by one thread.

    The position that is kept in the store only ever moves behind a notice that was taken or given up, so one that
    was on its way when the process ended is sent again.
    """

    name: str
    store: Store
    feed: Feed
    post: Post = post
    chance: Callable[[], float] = random.random
    _position: int | None = None
    _failures: int = 0
    _is_failing: bool = False
    _seen: int = 0
    _gone_at: int = 0
    _looked_at: tuple[int, int] = (0, 0)

    def step(self) -> float:
        """Tell the next notice, if there is one; answer for how many seconds there is nothing to do."""
        webhook, revision = self.feed.read(lambda image: (image.webhooks.get(self.name), image.revision))
        self._looked_at = (_version(webhook), revision)
        if webhook is None or webhook.version == self._gone_at:
            return _IDLE_SECONDS
        try:
            self._follow_changes_of(webhook)
            return self._step(webhook)
        except StoreUnavailableError:
            self._position = None
            return _STORE_AWAY_SECONDS

    def wait(self, seconds: float) -> None:
        """Wait so long, or until there is something to do earlier: a change of the webhook, or of anything."""
        version, revision = self._looked_at
        waits_for_changes = not self._failures and version != self._gone_at
        self.feed.wait_until(
            lambda image: (
                _version(image.webhooks.get(self.name)) != version
                or (waits_for_changes and image.revision > revision)
            ),
            seconds=seconds,
        )

    def _step(self, webhook: Webhook) -> float:
        position = self._position if self._position is not None else self._stored_position(webhook)
        events = self._events(position)
        for event in events:
            notice = _notice(event)
            if notice and webhook.spec.wants(notice):
                return self._tell(webhook, notice, event.origin)
        if events:
            self._advance(events[-1].revision)
        return 0.0 if events else _IDLE_SECONDS

    def _tell(self, webhook: Webhook, notice: Notice, origin: Origin) -> float:
        now = self.store.now()
        outcome = self.post(webhook.spec.url, render(notice, webhook.spec, unix_seconds=int(now.timestamp())))
        if outcome.is_delivered:
            self._count("delivered")
            tracing.arrived("webhook delivered", origin, notice.at, webhook=self.name)
            self._is_failing = False
            self._advance(notice.revision)
            return 0.0
        if outcome.is_gone:
            self._count("gone")
            log.warning("webhook.gone", extra={"webhook": self.name, "error": outcome.detail})
            self._gone_at = webhook.version
            return _IDLE_SECONDS
        return self._put_off(notice, outcome, is_too_old=now - notice.at >= GIVEN_UP_AFTER)

    def _put_off(self, notice: Notice, outcome: Outcome, *, is_too_old: bool) -> float:
        facts = {"webhook": self.name, "revision": notice.revision, "error": outcome.detail}
        self._count("given-up" if is_too_old else "failed")
        if is_too_old:
            log.error("webhook.given_up", extra=facts)
            self._advance(notice.revision)
            return 0.0
        if not self._is_failing:
            log.warning("webhook.failing", extra=facts)
            self._is_failing = True
        self._failures += 1
        doublings = min(self._failures - 1, 20)
        longest = min(_LONGEST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * (1 << doublings))
        asked_for = min(outcome.retry_after_seconds, _LONGEST_RETRY_SECONDS)
        # Half of it by chance, so that many webhooks of one receiver do not all come back at once.
        return max(longest * (0.5 + self.chance() / 2), asked_for)

    def _count(self, outcome: str) -> None:
        metrics.WEBHOOK_DELIVERIES.labels(self.name, outcome).inc()

    def _events(self, position: int) -> Sequence[Event]:
        if self.feed.revision <= position:
            return []
        events = self.feed.events(after=position, seconds=0)
        if events is not None:
            return events
        with suppress(MissedChangesError):
            return self.store.changes(after=position, wait_seconds=0)
        events = self.store.remaining(after=position)
        first = events[0].revision if events else self.feed.revision + 1
        if first > position + 1:
            log.warning("webhook.skipped", extra={"webhook": self.name, "after": position, "until": first - 1})
            self._advance(first - 1)
        return events

    def _follow_changes_of(self, webhook: Webhook) -> None:
        if webhook.version == self._seen:
            return
        # Read anew, as it may have been deleted and made again in between.
        self._stored_position(webhook)
        if self._gone_at:
            # What happened while nobody wanted to know is not told later.
            self._advance(webhook.version)
        self._seen, self._failures, self._gone_at = webhook.version, 0, 0

    def _stored_position(self, webhook: Webhook) -> int:
        """Find where to go on; a webhook that was never told anything begins where it was made."""
        position = self.store.positions().get(self.name)
        if position is None:
            self.store.advance_position(self.name, expected=None, revision=webhook.version)
            position = webhook.version
        self._position = position
        return position

    def _advance(self, revision: int) -> None:
        self._failures = 0
        is_ours = self.store.advance_position(self.name, expected=self._position, revision=revision)
        # Where somebody else moved it, it is read again.
        self._position = revision if is_ours else None


def _version(webhook: Webhook | None) -> int:
    return webhook.version if webhook else 0


@lru_cache(maxsize=_NOTICES_KEPT)
def _notice(event: Event) -> Notice | None:
    if event.key.kind is not Kind.ROLLOUT:
        return None
    after = _rollout(event, event.after)
    if after is None and event.after is not None:
        return None
    occasion = Occasion(event.key.name, event.actor, event.reason, event.at, event.revision, event.origin.request_id)
    return describe(_rollout(event, event.before), after, occasion)


def _rollout(event: Event, text: str | None) -> Rollout | None:
    """Read a document of an event; None where there is none, or it is damaged."""
    if text is None:
        return None
    try:
        return read_rollout(event.key.name, Stored(event.revision, text))
    except (InvalidDocumentError, NotJsonError):
        return None
