"""A store that went on from a backup, or lacks what nobody has deleted, does not take the traffic down."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from provider.replica import Feed, SnapshotFile, State
from provider.services import Operations, RestoreSource, StoreWentBackError
from provider.store import Contents, Key, Kind
from provider.traefik.config import EMPTY_BODY
from tests.unit.replica.test_follower import BreakableStore, started, stored_text, write
from tests.world import ME, spec, wait_until

TEXT = stored_text()


@pytest.fixture
def store() -> BreakableStore:
    store = BreakableStore()
    for number in range(4):
        write(store, f"shop-{number}", TEXT)
    return store


@pytest.fixture
def feed(store: BreakableStore, caplog: pytest.LogCaptureFixture) -> Iterator[Feed]:
    caplog.set_level(logging.INFO)
    feed = started(Feed(store))
    yield feed
    feed.close()


def names(feed: Feed) -> set[str]:
    return feed.read(lambda image: set(image.rollouts))


def lose(store: BreakableStore, *rollouts: str) -> None:
    """Remove documents by hand: no event tells of it."""
    with store._changed:
        for name in rollouts:
            del store._documents[Key(Kind.ROLLOUT, name)]


def reload(store: BreakableStore, feed: Feed) -> None:
    """Have the feed load everything once more."""
    store.is_away = True
    assert wait_until(lambda: feed.state is State.AWAY)
    store.is_away = False


def go_back(store: BreakableStore, backup: Contents) -> None:
    """Have the store be what it was, under the same lineage."""
    with store._changed:
        store._events = [event for event in store._events if event.revision <= backup.revision]
        store._documents = dict(backup.documents)
        store._revision = backup.revision


# Another history


@pytest.mark.parametrize("further", [1, 2, 3])
def test_a_store_that_went_back_and_was_written_past_what_is_served_is_not_followed(
    store: BreakableStore, feed: Feed, further: int
) -> None:
    backup = store.load()
    for number in range(2):
        write(store, f"later-{number}", TEXT)
    assert wait_until(lambda: feed.revision == 6)
    body = feed.body("edge")
    with store._changed:
        go_back(store, backup)
        for number in range(further + 1):
            write(store, f"another-{number}", TEXT)
    assert wait_until(lambda: feed.state is State.WENT_BACK)

    assert body is feed.body("edge")
    assert feed.revision == 6


def test_a_snapshot_knows_which_history_it_is_of(store: BreakableStore, tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    backup = store.load()
    first = started(Feed(store, snapshot=SnapshotFile(path)))
    write(store, "later", TEXT)
    assert wait_until(path.exists)
    first.close()
    go_back(store, backup)
    for number in range(3):
        write(store, f"another-{number}", TEXT)
    second = Feed(store, snapshot=SnapshotFile(path))
    second.start()

    assert wait_until(lambda: second.state is State.WENT_BACK)
    assert "later" in names(second)
    second.close()


@pytest.mark.parametrize("truth", RestoreSource)
def test_a_restore_decides_which_history_is_right(store: BreakableStore, feed: Feed, truth: RestoreSource) -> None:
    backup = store.load()
    write(store, "later", TEXT)
    assert wait_until(lambda: feed.revision == 5)
    with store._changed:
        go_back(store, backup)
        write(store, "another", TEXT)
    assert wait_until(lambda: feed.state is State.WENT_BACK)
    Operations(store, feed).restoring.restore(truth, ME)

    assert wait_until(lambda: feed.state is State.FOLLOWING)
    assert {"later" if truth is RestoreSource.SERVED else "another"} == names(feed) & {"later", "another"}


def test_changes_without_a_mark_are_followed_as_ever(store: BreakableStore, feed: Feed) -> None:
    """An older version of the provider writes none."""
    with store._changed:
        store._marks.clear()
    write(store, "later", TEXT)
    with store._changed:
        store._marks.clear()
    write(store, "latest", TEXT)
    assert wait_until(lambda: feed.revision == 6)
    reload(store, feed)

    assert wait_until(lambda: feed.state is State.FOLLOWING)
    assert {"later", "latest"} <= names(feed)


# A shrink


@pytest.mark.parametrize("gone", [3, 4])
def test_documents_removed_by_hand_stay_in_force_and_it_is_said_once(
    store: BreakableStore, feed: Feed, caplog: pytest.LogCaptureFixture, gone: int
) -> None:
    body = feed.body("edge")
    lose(store, *(f"shop-{number}" for number in range(gone)))
    reload(store, feed)
    assert wait_until(lambda: feed.state is State.SHRANK)

    assert body is feed.body("edge")
    assert wait_until(lambda: caplog.messages.count("store.shrank") == 1)
    with pytest.raises(StoreWentBackError):
        Operations(store, feed).rollouts.create("new", spec(rule="Host(`new.localhost`)"), ME)


def test_half_of_them_may_go_as_it_is(store: BreakableStore, feed: Feed) -> None:
    lose(store, "shop-0", "shop-1")
    reload(store, feed)

    assert wait_until(lambda: {"shop-2", "shop-3"} == names(feed))


@pytest.mark.parametrize(("truth", "left"), [(RestoreSource.SERVED, 4), (RestoreSource.STORED, 1)])
def test_a_restore_ends_the_dispute(store: BreakableStore, feed: Feed, truth: RestoreSource, left: int) -> None:
    lose(store, "shop-0", "shop-1", "shop-2")
    reload(store, feed)
    assert wait_until(lambda: feed.state is State.SHRANK)
    Operations(store, feed).restoring.restore(truth, ME)

    assert wait_until(lambda: feed.state is State.FOLLOWING)
    assert left == len(names(feed)) == len(store.load().documents)


@pytest.mark.parametrize("by_hand", [(), ("shop-3",)])
def test_deletes_that_a_worker_has_missed_are_no_loss_and_do_not_excuse_one(
    store: BreakableStore, feed: Feed, by_hand: tuple[str, ...]
) -> None:
    store.is_away = True
    assert wait_until(lambda: feed.state is State.AWAY)
    with store._changed:
        store.is_away = False
        for number in range(3):
            write(store, f"shop-{number}", None)
        lose(store, *by_hand)

    assert wait_until(lambda: feed.state is (State.SHRANK if by_hand else State.FOLLOWING))
    assert (4 if by_hand else 1) == len(names(feed))


def test_deletes_in_the_stream_are_followed_to_the_last(store: BreakableStore, feed: Feed) -> None:
    for number in range(4):
        write(store, f"shop-{number}", None)

    assert wait_until(lambda: getattr(feed.body("edge"), "as_json", None) == EMPTY_BODY)
    assert feed.state is State.FOLLOWING
