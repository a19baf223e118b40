"""Begin a namespace in an empty store, on request."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from provider.replica import Claims
from provider.store import Contents, Store

# A provider that protects an older state publishes its claim at least every two seconds.
_WATCH_SECONDS = 4.0
_PAUSE_SECONDS = 0.2


class ProtectedNamespaceError(Exception):
    """Raised if a running provider protects an older state of the namespace; nothing was changed but its claim."""

    def __init__(self, revision: int) -> None:
        super().__init__(
            f"a running provider protects revision {revision} of this namespace: choose the right state with "
            "`traefik-canary restore`, or stop that provider and repeat"
        )


@dataclass(frozen=True)
class Initialization:
    """The revision of a namespace, and whether it was begun now."""

    revision: int
    is_new: bool


def initialize(
    store: Store,
    *,
    actor: str,
    watch_seconds: float = _WATCH_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> Initialization:
    """Begin a namespace, so that providers follow it at once; one that has begun stays as it is.

    Claims of providers that have ended, and their reports of polls, are removed. Raises ProtectedNamespaceError,
    StoreUnavailableError.
    """
    lineage, revision = store.revision()
    if lineage:
        return Initialization(revision, is_new=False)
    claims = Claims(store)
    claims.remove()
    end = time.monotonic() + watch_seconds
    while not (claimed := claims.latest()).lineage and time.monotonic() < end:
        sleep(_PAUSE_SECONDS)
    if claimed.lineage:
        raise ProtectedNamespaceError(claimed.revision)
    # Another provider, or another call of this, may begin at the same moment: what it wrote must stay.
    revision = store.restore(Contents(uuid4().hex, 0, {}), actor=actor, reason="initialized", begins=True)
    return Initialization(revision or store.revision()[1], is_new=revision > 0)
