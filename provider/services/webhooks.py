"""The use cases of webhooks: write one down, list them, and see whether a message arrives."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from provider.domain.fields import InvalidDocumentError, NotJsonError, encode
from provider.domain.fields.addresses import Networks
from provider.domain.notifications import Webhook, WebhookSpec, render, sample
from provider.net.ssrf_guard import ANYWHERE
from provider.net.webhook_client import Outcome, Post, poster
from provider.replica import Feed, read_document
from provider.services.documents import Decision, Documents
from provider.services.write_requests import (
    Call,
    NotFoundError,
    StaleVersionError,
    TooManyError,
    UnreadableDocumentError,
)
from provider.store import Key, Kind, Store, Stored, StoreUnavailableError

# Each is told by a thread of its own.
MOST_WEBHOOKS = 100


class Webhooks:
    """Write webhooks down. Who tells them what happened finds out by itself."""

    def __init__(self, store: Store, feed: Feed, *, networks: Networks = ANYWHERE, post: Post | None = None) -> None:
        self._networks = networks
        self._store = store
        self._feed = feed
        self._post: Post = post or poster(networks)
        self._documents = Documents(store, feed)

    def put(self, name: str, spec: WebhookSpec, call: Call) -> tuple[Webhook, bool]:
        """Write a webhook down; the answer is what is stored now, and whether it is new.

        A spec without a secret keeps the one that there is, so that what was read can be written back; an empty one
        takes it away. Raises TooManyError.
        """
        self._networks.check(spec, pointer="/spec")

        def decide(stored: Stored | None, now: datetime) -> Decision | None:  # noqa: ARG001
            if stored is None and self._count() >= MOST_WEBHOOKS:
                raise TooManyError(f"there are {MOST_WEBHOOKS} webhooks already; delete one")
            text = encode(_with_secret_of(_readable(name, stored), spec))
            return None if stored and stored.text == text else Decision("put", text)

        event = self._documents.change(_key(name), decide, call)
        if event is None or event.after is None:
            return self._existing(name)[0], False
        if event.before is None:
            self._begin(name, event.revision)
        return _read(name, Stored(event.revision, event.after)), event.before is None

    def delete(self, name: str, call: Call) -> None:
        """Tell a webhook nothing more; what was not yet told is not told any more."""
        self._documents.delete(_key(name), call)
        with suppress(StoreUnavailableError):  # one of the same name begins anew all the same
            self._store.advance_position(name, expected=self._store.positions().get(name), revision=None)

    def views(self) -> Sequence[Webhook]:
        """List the webhooks by name. Their secrets are in them, and are not to be shown."""
        self._documents.catch_up()
        webhooks = self._feed.read(lambda image: list(image.webhooks.values()))
        return sorted(webhooks, key=lambda webhook: webhook.name)

    def test(self, name: str, call: Call) -> Outcome:
        """Send a sample now, whatever events are wanted, and tell within seconds what became of it."""
        webhook, now = self._existing(name)
        if not call.accepts(webhook.version):
            raise StaleVersionError(_key(name), call.if_match, webhook.version)
        message = render(sample(now), webhook.spec, unix_seconds=int(now.timestamp()))
        return self._post(webhook.spec.url, message)

    def _begin(self, name: str, revision: int) -> None:
        """Have a new webhook be told what happens from now on, whatever one of its name was told before."""
        with suppress(StoreUnavailableError):  # whoever tells it begins at its newest version then
            position = self._store.positions().get(name)
            if position is None or position < revision:
                self._store.advance_position(name, expected=position, revision=revision)

    def _existing(self, name: str) -> tuple[Webhook, datetime]:
        stored, now = self._store.read(_key(name))
        if stored is None:
            raise NotFoundError(_key(name))
        return _read(name, stored), now

    def _count(self) -> int:
        return self._feed.read(lambda image: len(image.webhooks))


def _key(name: str) -> Key:
    return Key(Kind.WEBHOOK, name)


def _read(name: str, stored: Stored) -> Webhook:
    try:
        spec = read_document(_key(name), stored)
    except (InvalidDocumentError, NotJsonError) as error:
        raise UnreadableDocumentError(_key(name), str(error)) from error
    assert isinstance(spec, WebhookSpec)  # noqa: S101 by its kind
    return Webhook(name, stored.version, spec)


def _readable(name: str, stored: Stored | None) -> WebhookSpec | None:
    with suppress(UnreadableDocumentError):
        return _read(name, stored).spec if stored else None
    return None


def _with_secret_of(before: WebhookSpec | None, spec: WebhookSpec) -> WebhookSpec:
    kept = before.secret if before else None
    secret = kept if spec.secret is None else spec.secret or None
    return spec.model_copy(update={"secret": secret})
