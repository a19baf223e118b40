"""Workers and providers that start when the store has lost what others serve."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provider.domain.fields import encode
from provider.domain.gateways import Sighting
from provider.replica import BehindError, Feed, SnapshotFile, State
from provider.replica.claims import Claims
from provider.replica.watermark import Standing
from provider.services import Operations, RestoreSource
from provider.store import StoreUnavailableError
from tests.unit.replica.test_follower import BreakableStore, stored_text, write
from tests.world import ME, wait_until

TEXT = stored_text()
Start = Callable[..., Feed]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "snapshot-default.json"


@pytest.fixture
def store() -> BreakableStore:
    store = BreakableStore()
    write(store, "shop", TEXT)
    return store


@pytest.fixture
def start(store: BreakableStore) -> Iterator[Start]:
    feeds = []

    def start(snapshot: Path | None, *, sibling_wait_seconds: float = 0) -> Feed:
        file = SnapshotFile(snapshot) if snapshot else None
        feed = Feed(store, snapshot=file, sibling_wait_seconds=sibling_wait_seconds)
        feeds.append(feed)
        feed.start()
        return feed

    yield start
    for feed in feeds:
        feed.close()


def empty(store: BreakableStore) -> None:
    with store._changed:
        store._lineage, store._revision = "", 0
        for kept in (store._documents, store._events, store._marks, store._sightings):
            kept.clear()


@pytest.fixture
def sibling(store: BreakableStore, path: Path, start: Start) -> Feed:
    """Give a worker that serves two rollouts; then its store is emptied, and the snapshot is a second old."""
    feed = start(path)
    assert wait_until(path.exists)
    write(store, "late", TEXT)
    assert wait_until(lambda: feed.revision == 2)
    empty(store)
    assert wait_until(lambda: feed.state is State.WENT_BACK)
    return feed


def test_a_late_worker_serves_nothing_older_than_its_sibling(sibling: Feed, path: Path, start: Start) -> None:
    later = start(path)
    bodies = []

    def is_current() -> bool:
        bodies.append(later.body("edge"))
        return later.revision == 2

    assert wait_until(is_current)
    assert {sibling.body("edge"), None} >= set(bodies)
    assert wait_until(lambda: later.body("edge") == sibling.body("edge"))
    assert State.WENT_BACK is later.state


def test_a_late_worker_without_a_snapshot_does_not_take_an_emptied_store_for_a_new_one(
    store: BreakableStore, path: Path, start: Start
) -> None:
    feed = start(path)
    assert wait_until(lambda: feed.revision == 1)
    path.unlink(missing_ok=True)
    empty(store)
    later = start(path)
    assert wait_until(lambda: later.state is State.WENT_BACK)

    assert later.body("edge") in {None, feed.body("edge")}


def test_a_late_worker_restores_what_its_sibling_serves(
    sibling: Feed, store: BreakableStore, path: Path, start: Start
) -> None:
    later = start(path)
    Operations(store, later).restoring.restore(RestoreSource.SERVED, ME)

    assert {"shop", "late"} == {key.name for key in store.load().documents}
    assert wait_until(lambda: State.FOLLOWING is later.state is sibling.state)


def test_a_snapshot_is_all_that_is_known_once_its_writer_has_ended(
    sibling: Feed, store: BreakableStore, path: Path, start: Start
) -> None:
    sibling.close()
    store.is_away = True
    later = start(path)

    assert wait_until(lambda: later.body("edge") is not None)


# Providers with a data directory of their own


def test_a_provider_that_knows_nothing_does_not_begin_anew_while_another_claims_what_it_serves(
    sibling: Feed, store: BreakableStore, start: Start
) -> None:
    later = start(None)
    assert wait_until(lambda: later.state is State.WENT_BACK)

    assert later.body("edge") is None
    assert not later.is_loaded
    with pytest.raises(BehindError):
        later.served()
    with pytest.raises(StoreUnavailableError):
        Operations(store, later).tokens.caller("any")


def test_a_provider_that_knows_nothing_follows_once_it_was_restored(
    sibling: Feed, store: BreakableStore, start: Start
) -> None:
    later = start(None)
    assert wait_until(lambda: later.state is State.WENT_BACK)
    Operations(store, sibling).restoring.restore(RestoreSource.SERVED, ME)

    assert wait_until(lambda: State.FOLLOWING is later.state is sibling.state)
    assert sibling.body("edge") == later.body("edge")


def test_a_provider_that_knows_nothing_does_not_follow_an_older_store(
    sibling: Feed, store: BreakableStore, start: Start
) -> None:
    with store._changed:
        store._lineage, store._revision = sibling.contents().lineage, 1
    later = start(None)

    assert wait_until(lambda: later.state is State.WENT_BACK)
    assert later.body("edge") is None


def test_an_empty_store_that_gateways_were_served_from_is_no_new_one(store: BreakableStore, start: Start) -> None:
    empty(store)
    sighting = Sighting(gateway="edge", address="10.0.0.1:1", last_poll=store.now(), revision_served=7, digest="d")
    store.report({"edge@10.0.0.1:1": encode(sighting)})
    later = start(None)

    assert wait_until(lambda: later.state is State.WENT_BACK)


def test_an_empty_store_is_watched_for_claims_before_it_is_taken_for_a_new_one(
    store: BreakableStore, start: Start
) -> None:
    empty(store)
    later = start(None, sibling_wait_seconds=60)
    Claims(store).publish(Standing("line", 7))

    assert wait_until(lambda: later.state is State.WENT_BACK)


def test_a_first_start_needs_nothing(store: BreakableStore, start: Start) -> None:
    empty(store)

    later = start(None, sibling_wait_seconds=0.01)

    assert wait_until(lambda: later.state is State.FOLLOWING)
