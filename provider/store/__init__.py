"""Documents, revisions and events."""

from provider.store.confirmation import Confirmation
from provider.store.memory_store import MemoryStore
from provider.store.protocols import (
    HISTORY_BYTES,
    Change,
    ConflictError,
    Contents,
    Event,
    Instance,
    Key,
    Kind,
    MissedChangesError,
    Request,
    RequestReusedError,
    Reservation,
    Store,
    StoreBehindError,
    Stored,
    StoreUnavailableError,
)
from provider.store.redis_store import RedisStore

__all__ = [
    "HISTORY_BYTES",
    "Change",
    "Confirmation",
    "ConflictError",
    "Contents",
    "Event",
    "Instance",
    "Key",
    "Kind",
    "MemoryStore",
    "MissedChangesError",
    "RedisStore",
    "Request",
    "RequestReusedError",
    "Reservation",
    "Store",
    "StoreBehindError",
    "StoreUnavailableError",
    "Stored",
]
