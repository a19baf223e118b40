"""Who may do what: roles, what each one permits, and tokens of which only the hash is kept. Pure."""

from provider.access.roles import Permission, Role
from provider.access.tokens import Caller, StoredToken, TokenTable, fingerprint, is_strong_enough, new_secret

__all__ = [
    "Caller",
    "Permission",
    "Role",
    "StoredToken",
    "TokenTable",
    "fingerprint",
    "is_strong_enough",
    "new_secret",
]
