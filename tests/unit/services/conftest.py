from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from provider.replica import Feed
from provider.services import Operations
from provider.store import Change, ConflictError, Event, Key, Kind, MemoryStore, Request
from tests.unit.services.traefik import Traefik, running_traefik


@dataclass
class RacingStore(MemoryStore):
    """The store in memory, where somebody else writes just before a write; an interruption happens once."""

    interrupt: Callable[[], object] | None = None
    always: bool = False

    def commit(self, change: Change) -> Event:
        if self.always:
            raise ConflictError(change.key, change.expected, change.expected + 1)
        interrupt, self.interrupt = self.interrupt, None
        if interrupt:
            interrupt()
        return super().commit(change)


@dataclass
class Race:
    """The use cases over a store where others write in between."""

    store: RacingStore
    operations: Operations


@pytest.fixture
def race() -> Iterator[Race]:
    store = RacingStore()
    feed = Feed(store)
    feed.start()
    yield Race(store, Operations(store, feed))
    feed.close()


@pytest.fixture
def traefik() -> Iterator[Traefik]:
    with running_traefik() as traefik:
        yield traefik


def overwrite(store: MemoryStore, kind: Kind, name: str, text: str = "nonsense") -> None:
    """Put a text into the store past all checks, as a person with a Redis client can."""
    key = Key(kind, name)
    stored, _ = store.read(key)
    request = Request(f"overwrite {store.revision()}", "")
    store.commit(Change(key, stored.version if stored else 0, text, "overwrite", "somebody", "", request))
