"""The use cases of people in a browser: sign in with a token or a link, be known, sign out.

The store keeps the hashes of sessions, links and tokens only: who reads it cannot become anybody.
"""

import secrets
from dataclasses import dataclass

from provider.domain.auth import Caller, Permission, fingerprint
from provider.replica import Feed
from provider.services.documents import Documents
from provider.store import Store

SESSION_SECONDS = 12 * 3_600
LINK_SECONDS = 600
_WORD_SECONDS = 60
_FAILURES, _FAILURES_SECONDS = 20, 60


class SignInError(Exception):
    """A token or a link that signs nobody in."""


class TooManyAttemptsError(Exception):
    """An address failed to sign in too often."""


@dataclass(frozen=True)
class Visitor:
    """Who a session belongs to."""

    session: str
    caller: Caller


class Sessions:
    """Sessions end by themselves, when they are signed out of, and at once when their token is revoked."""

    def __init__(self, store: Store, feed: Feed) -> None:
        self._store = store
        self._feed = feed
        self._documents = Documents(store, feed)

    def sign_in(self, secret: str, *, address: str) -> Visitor:
        """Begin a session with a token. Raises SignInError, TooManyAttemptsError."""
        token = fingerprint(secret.strip())
        if self._caller(token) is None:
            self._count_failure(address)
        return self._begin(token)

    def sign_in_by_link(self, link: str, *, address: str) -> Visitor:
        """Begin a session with a link, which then works no more. Raises SignInError, TooManyAttemptsError."""
        token = self._store.take(_link(link))
        if token is None:
            self._count_failure(address)
            raise SignInError("this link was used or has expired; create a new one")
        return self._begin(token)

    def link(self, caller: Caller) -> str:
        """Make a link, the part behind `/sign-in/`, that signs in once as the caller."""
        link = secrets.token_urlsafe(32)
        token = self._feed.read(lambda image: image.tokens.fingerprint_of(caller))
        if token is None:
            raise SignInError(f"the token {caller.name} has just been revoked")
        self._store.keep(_link(link), token, seconds=LINK_SECONDS)
        return link

    def visitor(self, session: str) -> Visitor | None:
        """Tell whose a session is; None where it has ended."""
        token = self._store.kept(_session(session)) if session else None
        caller = self._caller(token) if token else None
        return Visitor(session, caller) if caller else None

    def sign_out(self, session: str) -> None:
        """End a session."""
        self._store.take(_session(session))

    def leave_word(self, visitor: Visitor, text: str) -> None:
        """Leave a word that the visitor's next page shows, once."""
        self._store.keep(_word(visitor.session), text, seconds=_WORD_SECONDS)

    def take_word(self, visitor: Visitor) -> str | None:
        """Take the word that was left for the visitor."""
        return self._store.take(_word(visitor.session))

    def _count_failure(self, address: str) -> None:
        if self._store.count(f"sign-in:{address}", seconds=_FAILURES_SECONDS) > _FAILURES:
            raise TooManyAttemptsError("too many failed sign-in attempts; wait a minute")

    def _begin(self, token: str) -> Visitor:
        caller = self._caller(token)
        if caller is None:
            raise SignInError("unknown token; it may have been revoked")
        if not caller.may(Permission.READ):
            raise SignInError(f"a token of the role {caller.role} is for Traefik, not for people")
        session = secrets.token_urlsafe(32)
        self._store.keep(_session(session), token, seconds=SESSION_SECONDS)
        return Visitor(session, caller)

    def _caller(self, token: str) -> Caller | None:
        known = self._feed.read(lambda image: image.tokens.caller_of(token))
        if known is None:
            self._documents.catch_up()  # another worker may have made it just now
            known = self._feed.read(lambda image: image.tokens.caller_of(token))
        return known


def _session(session: str) -> str:
    return f"session:{fingerprint(session)}"


def _link(link: str) -> str:
    return f"link:{fingerprint(link)}"


def _word(session: str) -> str:
    return f"word:{fingerprint(session)}"
