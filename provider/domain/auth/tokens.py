"""Tokens: 256 random bits, of which only the SHA-256 is ever stored.

A fast hash is right here: nobody guesses 256 bits, and every request is checked.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from pydantic import Field

from provider.domain.auth.roles import Permission, Role
from provider.domain.fields import Document
from provider.domain.fields.types import Name

# The prefix lets secret scanners and people tell what it is.
PREFIX = "tcy_"
# Of a secret that a person chose.
SHORTEST, FEWEST_DIFFERENT = 20, 8


class StoredToken(Document):
    """A token as it is kept: its role, the hash of its secret, and the only gateway that it may poll as, if any."""

    role: Role
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    gateway: Name | None = None


@dataclass(frozen=True)
class Caller:
    """Who calls: the token's name and role."""

    name: str
    role: Role
    gateway: str | None = None
    """The only gateway that it may poll as; None is any."""

    def may(self, permission: Permission) -> bool:
        """Tell whether the caller's role permits it."""
        return permission in self.role.permissions


class TokenTable:
    """The tokens there are, found by secret. Immutable."""

    def __init__(self, tokens: Iterable[tuple[str, StoredToken]] = ()) -> None:
        self._callers = {token.sha256: Caller(name, token.role, token.gateway) for name, token in tokens}

    def caller(self, secret: str) -> Caller | None:
        """Find whose secret it is. The look-up is by hash, so its time tells nothing of the secret."""
        return self.caller_of(fingerprint(secret))

    def caller_of(self, sha256: str) -> Caller | None:
        """Find whose token it is, by the hash of its secret."""
        return self._callers.get(sha256)

    def fingerprint_of(self, caller: Caller) -> str | None:
        """Find the hash of a caller's token; None where it was revoked meanwhile."""
        return next((found for found, known in self._callers.items() if known == caller), None)

    def has_admin(self) -> bool:
        """Tell whether anybody can make further tokens."""
        return any(caller.role is Role.ADMIN for caller in self._callers.values())


def new_secret() -> str:
    """Make the secret of a token: shown once, never stored."""
    return PREFIX + secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """Give what is stored of a secret."""
    return sha256(secret.encode()).hexdigest()


def weakness(secret: str) -> str:
    """Return why a secret that a person chose cannot be accepted; nothing where it can.

    A secret must fit into a header and must not be easy to guess.
    """
    if len(secret) < SHORTEST:
        return f"it has {len(secret)} characters"
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        return "it has a space or a character that is not printable ASCII"
    if len(set(secret)) < FEWEST_DIFFERENT:
        return f"it has {len(set(secret))} different characters"
    if _is_repeated(secret):
        return "it repeats a shorter text"
    return ""


def _is_repeated(secret: str) -> bool:
    return any(secret[length:] == secret[:-length] for length in range(1, len(secret) // 2 + 1))
