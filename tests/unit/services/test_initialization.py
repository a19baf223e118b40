"""A namespace is begun in an empty store, unless a running provider protects an older state."""

from datetime import UTC, datetime

import pytest

from provider.domain.fields import encode
from provider.domain.gateways import Sighting
from provider.replica import Claims, Feed, State
from provider.replica.watermark import Standing
from provider.services import ProtectedNamespaceError, initialize
from provider.store import MemoryStore
from tests.store.writing import write
from tests.world import wait_until

CLAIM = Standing("lineage", 42, "mark")


def served_before(store: MemoryStore) -> None:
    """Leave behind what a provider does that has ended: its claim, and the polls that it reported."""
    Claims(store).publish(CLAIM)
    sighting = Sighting(gateway="edge", address="a", last_poll=datetime.now(UTC), revision_served=42, digest="")
    store.report({"edge@a": encode(sighting)})


def test_a_provider_that_waits_follows_a_namespace_that_is_initialized() -> None:
    store = MemoryStore()
    served_before(store)
    feed = Feed(store)
    feed.start()
    assert wait_until(lambda: feed.state is State.WENT_BACK)
    done = initialize(store, actor="init", watch_seconds=0)
    is_followed = wait_until(lambda: feed.state is State.FOLLOWING)
    feed.close()

    assert (done.revision, done.is_new) == (1, True)
    assert is_followed


def test_a_namespace_that_has_begun_stays_as_it_is() -> None:
    store = MemoryStore()
    first = initialize(store, actor="init", watch_seconds=0)
    lineage = store.revision()
    again = initialize(store, actor="init", watch_seconds=0)

    assert (again.revision, again.is_new) == (first.revision, False)
    assert store.revision() == lineage


def test_what_was_written_while_a_claim_was_waited_for_stays() -> None:
    store = MemoryStore()
    done = initialize(store, actor="init", watch_seconds=0.01, sleep=lambda _: _write(store))

    assert not done.is_new
    assert [str(key) for key in store.load().documents] == ["rollout/shop"]


def _write(store: MemoryStore) -> None:
    if not store.revision()[0]:
        write(store)


def test_a_namespace_that_a_running_provider_protects_is_not_begun() -> None:
    store = MemoryStore()
    with pytest.raises(ProtectedNamespaceError, match="revision 42"):
        initialize(store, actor="init", watch_seconds=60, sleep=lambda _: Claims(store).publish(CLAIM))

    assert store.revision() == ("", 0)
