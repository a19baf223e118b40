"""The use cases of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from provider.domain.auth import Caller, Role, StoredToken, fingerprint, new_secret
from provider.domain.fields import InvalidDocumentError, Mistake, decode_json, encode, read
from provider.replica import DISPUTED, Feed
from provider.services.documents import Decision, Documents
from provider.services.writability import Writability
from provider.services.write_requests import Call, ExistsError
from provider.store import Key, Kind, Store, Stored, StoreUnavailableError

FIRST_ADMIN = "admin"


@dataclass(frozen=True)
class TokenView:
    """A token as it may be shown: never its secret, nor the hash."""

    name: str
    role: Role
    version: int
    gateway: str | None = None


class Tokens:
    """Make, list and revoke tokens. This worker knows of it at once, every other within milliseconds."""

    def __init__(self, store: Store, feed: Feed, writability: Writability) -> None:
        self._writability = writability
        self._store = store
        self._feed = feed
        self._documents = Documents(store, feed)
        self._trusted: str | None = None

    def trust(self, secret: str) -> None:
        """Remember the first admin's secret, which `restorer` accepts."""
        self._trusted = fingerprint(secret)

    def caller(self, secret: str) -> Caller | None:
        """Find whose token a secret is; one that is not known may have been made by another worker just now.

        Raises StoreUnavailableError where that cannot be told: a worker that starts without Redis may know of none.
        """
        known = self._feed.caller(secret)
        if known:
            return known
        is_current = self._documents.catch_up()
        caller = self._feed.caller(secret)
        if caller is None:
            self._insist_on_store()
            if not is_current and self._feed.state not in DISPUTED:
                raise StoreUnavailableError("this worker has not read the latest changes yet; try again soon")
        return caller

    def restorer(self, secret: str) -> Caller | None:
        """Return whose token a secret is, for a restore: while nothing is loaded, only the first admin's counts."""
        if not self._feed.is_loaded and fingerprint(secret) == self._trusted:
            return Caller(FIRST_ADMIN, Role.ADMIN)
        return self.caller(secret)

    def _insist_on_store(self) -> None:
        """Raise StoreUnavailableError where a right token may be unknown because of the store."""
        problem = self._writability.check()
        if problem:
            raise StoreUnavailableError(problem)
        if not self._feed.is_loaded:
            raise StoreUnavailableError("the provider has not loaded its documents yet; try again soon")

    def create(self, name: str, role: Role, call: Call, *, gateway: str | None = None) -> str:
        """Make a token and give its secret, this once. `gateway` is the only one that it may poll as.

        Raises ExistsError where the name is taken, InvalidDocumentError where another role has a gateway.
        """
        if gateway and role is not Role.GATEWAY:
            raise InvalidDocumentError([Mistake("/gateway", "is for tokens of the role gateway")])
        secret = new_secret()
        text = _text(role, secret, gateway)

        def decide(stored: Stored | None, now: datetime) -> Decision:  # noqa: ARG001
            if stored:
                raise ExistsError(_key(name))
            return Decision("create", text)

        event = self._documents.change(_key(name), decide, call)
        if event is None or event.after != text:
            # A repeated request: the secret of the first time is known to nobody here.
            raise ExistsError(_key(name))
        self._documents.follow(event)
        return secret

    def preset(self, secret: str) -> None:
        """Make a secret that the operator chose the first admin's, whatever it was before."""
        text = _text(Role.ADMIN, secret)

        def decide(stored: Stored | None, now: datetime) -> Decision | None:  # noqa: ARG001
            return None if stored and stored.text == text else Decision("preset", text)

        self._documents.change(_key(FIRST_ADMIN), decide, Call(actor="provider"))

    def ensure_admin(self) -> str | None:
        """Make the first admin's token where nobody is admin; its secret, or None where somebody is."""
        self._documents.catch_up()
        if self._feed.read(lambda image: image.tokens.has_admin()):
            return None
        try:
            return self.create(FIRST_ADMIN, Role.ADMIN, Call(actor="provider"))
        except ExistsError:
            return None  # another worker was first

    def views(self) -> Sequence[TokenView]:
        """List the tokens by name."""
        self._documents.catch_up()
        documents = self._feed.read(lambda image: dict(image.documents))
        views = (
            TokenView(key.name, token.role, stored.version, token.gateway)
            for key, stored in documents.items()
            if key.kind is Kind.TOKEN and (token := read(StoredToken, decode_json(stored.text)))
        )
        return sorted(views, key=lambda view: view.name)

    def revoke(self, name: str, call: Call) -> None:
        """Make a token worthless."""
        event = self._documents.delete(_key(name), call, action="revoke")
        self._documents.follow(event)


def _key(name: str) -> Key:
    return Key(Kind.TOKEN, name)


def _text(role: Role, secret: str, gateway: str | None = None) -> str:
    return encode(StoredToken(role=role, sha256=fingerprint(secret), gateway=gateway))
