import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provider.replica import Feed, SnapshotFile, State
from provider.services import Operations
from provider.store import (
    Change,
    Contents,
    Event,
    Key,
    Kind,
    MemoryStore,
    MissedChangesError,
    Request,
    Stored,
    StoreUnavailableError,
)
from provider.traefik.config import EMPTY_BODY
from tests.world import ME, World, spec, wait_until


@dataclass
class BreakableStore(MemoryStore):
    """The store in memory, and a switch that makes it unreachable or forgetful."""

    is_away: bool = False
    misses: bool = False
    served: list[str] = field(default_factory=list)

    def changes(self, *, after: int, wait_seconds: float) -> Sequence[Event]:
        if self.is_away:
            raise StoreUnavailableError("away")
        if self.misses:
            self.misses = False
            raise MissedChangesError
        return super().changes(after=after, wait_seconds=min(wait_seconds, 0.02))

    def revision(self) -> tuple[str, int]:
        if self.is_away:
            raise StoreUnavailableError("away")
        return super().revision()


def write(store: MemoryStore, name: str, text: str | None, *, kind: Kind = Kind.ROLLOUT) -> Event:
    key = Key(kind, name)
    stored, _ = store.read(key)
    expected = stored.version if stored else 0
    request = Request(f"{name}{store.revision()}", "")
    return store.commit(Change(key, expected, text, "test", "test", "", request))


def started(feed: Feed) -> Feed:
    feed.start()
    assert wait_until(lambda: feed.state is State.FOLLOWING)
    return feed


def test_a_change_wakes_who_waits_for_a_body(world: World) -> None:
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    first = world.feed.body("edge")
    assert first is not None
    found: list[str] = []
    waiter = threading.Thread(
        target=lambda: found.append(
            getattr(world.feed.wait_for_body("edge", other_than=first.digest, seconds=5), "digest", "")
        )
    )
    waiter.start()
    world.operations.rollouts.create("blog", spec(rule="Host(`blog.localhost`)"), ME)
    waiter.join(5)

    assert found
    assert found != [first.digest]


def test_a_change_of_no_concern_does_not_wake(world: World) -> None:
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    first = world.feed.body("edge")
    assert first is not None
    write(world.store, "edge", '{"api":"http://edge:8080"}', kind=Kind.GATEWAY)
    world.caught_up()

    assert first is world.feed.wait_for_body("edge", other_than=first.digest, seconds=0.05)


def test_nothing_is_known_before_the_first_write(world: World) -> None:
    assert world.feed.body("edge") is None
    assert not world.feed.is_ready


def test_the_last_rollout_deleted_is_an_empty_body_by_right(world: World) -> None:
    world.operations.rollouts.create("shop", spec(), ME)
    world.operations.rollouts.delete("shop", ME)
    world.caught_up()

    assert getattr(world.feed.body("edge"), "as_json", None) == EMPTY_BODY


def test_a_store_that_is_away_leaves_the_body_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    store = BreakableStore()
    feed = started(Feed(store))
    Operations(store, feed).rollouts.create("shop", spec(), ME)
    assert wait_until(lambda: feed.body("edge") is not None)
    body = feed.body("edge")
    store.is_away = True
    assert wait_until(lambda: feed.state is State.AWAY)
    feed.wait_for_close(0.6)

    assert body is feed.body("edge")
    assert sum("store.unavailable" in record.getMessage() for record in caplog.records) == 1
    store.is_away = False
    write(store, "blog", stored_text())
    assert wait_until(lambda: "blog" in feed.read(lambda image: set(image.rollouts)))
    feed.close()


def test_missed_changes_are_read_all_over() -> None:
    store = BreakableStore()
    feed = started(Feed(store))
    store.misses = True
    write(store, "shop", stored_text())

    assert wait_until(lambda: feed.body("edge") is not None)
    feed.close()


@pytest.mark.parametrize("loss", ["flushed", "older"])
def test_a_store_that_went_back_is_not_followed(loss: str, caplog: pytest.LogCaptureFixture) -> None:
    store = BreakableStore()
    feed = started(Feed(store))
    write(store, "shop", stored_text())
    backup = store.load()
    write(store, "blog", stored_text())
    assert wait_until(lambda: feed.revision == 2)
    body = feed.body("edge")
    with store._changed:
        store._events.clear()
        store._documents = dict(backup.documents) if loss == "older" else {}
        store._revision = backup.revision if loss == "older" else 0
        store._lineage = backup.lineage if loss == "older" else ""
    assert wait_until(lambda: feed.state is State.WENT_BACK)

    assert body is feed.body("edge")
    assert wait_until(lambda: any("store.regressed" in record.getMessage() for record in caplog.records))
    feed.close()


def test_a_snapshot_serves_while_the_store_is_away(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    store = BreakableStore()
    feed = started(Feed(store, snapshot=SnapshotFile(path)))
    write(store, "shop", stored_text())
    assert wait_until(lambda: feed.body("edge") is not None)
    body = feed.body("edge")
    assert wait_until(path.exists)
    feed.close()
    store.is_away = True
    later = Feed(store, snapshot=SnapshotFile(path))
    later.start()

    assert later.body("edge") == body
    assert later.is_ready
    later.close()


def test_a_damaged_snapshot_is_said_and_does_no_harm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "snapshot.json"
    path.write_text("{")
    feed = started(Feed(MemoryStore(), snapshot=SnapshotFile(path)))

    assert "snapshot.unreadable" in caplog.messages
    feed.close()


def test_a_snapshot_that_cannot_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    feed = started(Feed(store, snapshot=SnapshotFile(tmp_path / "gone" / "snapshot.json")))
    write(store, "shop", stored_text())
    assert wait_until(lambda: "snapshot.failed" in caplog.messages)
    write(store, "blog", stored_text())
    feed.wait_for_close(1.5)

    assert caplog.messages.count("snapshot.failed") == 1
    feed.close()


def test_a_damaged_document_keeps_its_last_good_state(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    feed = started(Feed(store))
    write(store, "shop", stored_text())
    assert wait_until(lambda: feed.body("edge") is not None)
    body = feed.body("edge")
    write(store, "shop", '{"spec": 1}')
    write(store, "edge", "nonsense", kind=Kind.GATEWAY)
    assert wait_until(lambda: feed.revision == 3)

    assert body is feed.body("edge")
    assert feed.is_ready
    assert wait_until(lambda: caplog.messages.count("document.unreadable") == 2)
    write(store, "shop", stored_text())
    assert wait_until(lambda: len(feed.read(lambda image: image.unreadable)) == 1)
    feed.close()


def test_a_damaged_document_that_was_never_good_stops_all_bodies() -> None:
    """A body without it would take its traffic down wherever Traefik still has it."""
    store = MemoryStore()
    write(store, "blog", stored_text())
    write(store, "shop", '{"spec": 1}')
    feed = started(Feed(store))

    assert feed.body("edge") is None
    assert not feed.is_ready
    write(store, "shop", None)
    assert wait_until(lambda: feed.body("edge") is not None)
    feed.close()


def test_nonsense_under_a_new_name_holds_up_nobody() -> None:
    store = MemoryStore()
    write(store, "shop", stored_text())
    feed = started(Feed(store))
    body = feed.body("edge")
    write(store, "ghost", "nonsense")
    assert wait_until(lambda: feed.revision == 2)

    assert body is not None
    assert body is feed.body("edge")
    write(store, "blog", stored_text())
    assert wait_until(lambda: feed.body("edge") not in {None, body})
    feed.close()


def test_closing_answers_everybody_who_waits(world: World) -> None:
    done = threading.Event()

    def wait() -> None:
        world.feed.wait_for_body("edge", other_than=None, seconds=60)
        done.set()

    threading.Thread(target=wait, daemon=True).start()
    world.feed.close()

    assert done.wait(5)


def test_recent_events_are_told_without_asking_the_store(world: World) -> None:
    write(world.store, "first", stored_text())
    world.caught_up()
    for name in ("shop", "blog"):
        write(world.store, name, stored_text())
    world.caught_up()

    assert [event.key.name for event in world.feed.events(after=1, seconds=1) or ()] == ["shop", "blog"]
    assert world.feed.events(after=3, seconds=0.01) == []
    assert world.feed.events(after=0, seconds=0.01) is None


def test_a_failure_nobody_foresaw_does_not_end_the_feed(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(BreakableStore):
        is_failing = False

        def changes(self, *, after: int, wait_seconds: float) -> Sequence[Event]:
            if self.is_failing:
                self.is_failing = False
                raise RuntimeError("unforeseen")
            return super().changes(after=after, wait_seconds=wait_seconds)

    store = Failing()
    feed = started(Feed(store))
    store.is_failing = True
    assert wait_until(lambda: "replica.failed" in caplog.messages)
    write(store, "shop", stored_text())

    assert wait_until(lambda: feed.body("edge") is not None)
    feed.close()


def stored_text() -> str:
    """Give the text of a rollout as it is stored."""
    world = World()
    world.operations.rollouts.create("any", spec(rule="Host(`any.localhost`)"), ME)
    stored, _ = world.store.read(Key(Kind.ROLLOUT, "any"))
    assert isinstance(stored, Stored)
    return stored.text


def test_contents_are_what_is_known_good(world: World) -> None:
    write(world.store, "shop", stored_text())
    world.caught_up()

    assert isinstance(world.feed.contents(), Contents)
    assert {Key(Kind.ROLLOUT, "shop")} == set(world.feed.contents().documents)
