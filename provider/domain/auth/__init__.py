"""Who may do what: roles, what each one permits, and tokens of which only the hash is kept. Pure."""

from provider.domain.auth.roles import Permission, Role
from provider.domain.auth.tokens import (
    FEWEST_DIFFERENT,
    SHORTEST,
    Caller,
    StoredToken,
    TokenTable,
    fingerprint,
    new_secret,
    weakness,
)

__all__ = [
    "FEWEST_DIFFERENT",
    "SHORTEST",
    "Caller",
    "Permission",
    "Role",
    "StoredToken",
    "TokenTable",
    "fingerprint",
    "new_secret",
    "weakness",
]
