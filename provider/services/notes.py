"""What one process finds out and all may read: a note in the store, kept for a short while."""

import threading
import time
from typing import Generic, TypeVar

from provider.domain.fields import Document, InvalidDocumentError, NotJsonError, decode_json, encode, read
from provider.store import Store

Noted = TypeVar("Noted", bound=Document)

# However often it is asked for, the store is asked once in this time.
_FRESH_SECONDS = 1.0


class Note(Generic[Noted]):
    """One note of a kind of document. May be used by several threads. Raises StoreUnavailableError."""

    def __init__(self, store: Store, name: str, kind: type[Noted]) -> None:
        self._store = store
        self._name = name
        self._kind = kind
        self._last: tuple[float, Noted | None] | None = None
        self._lock = threading.Lock()

    def publish(self, value: Noted, *, seconds: float) -> None:
        """Put it in the place of the last one, for so long."""
        self._store.keep(self._name, encode(value), seconds=seconds)
        self._remember(value)

    def latest(self) -> Noted | None:
        """Read it, as it was a second ago at most; None where there is none any more, or none that is understood."""
        with self._lock:
            last = self._last
        if last and time.monotonic() - last[0] < _FRESH_SECONDS:
            return last[1]
        return self._remember(self._read())

    def _remember(self, value: Noted | None) -> Noted | None:
        with self._lock:
            self._last = (time.monotonic(), value)
        return value

    def _read(self) -> Noted | None:
        text = self._store.kept(self._name)
        try:
            return read(self._kind, decode_json(text)) if text else None
        except (InvalidDocumentError, NotJsonError):
            return None  # another version of the provider wrote it; it is written anew within seconds
