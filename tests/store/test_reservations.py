"""A name that a change reserves belongs to one document, also where several workers write at the same moment."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from provider.replica import Feed, State
from provider.server.embedded_valkey import EmbeddedServer
from provider.services import Operations, SameRequestsError
from provider.store import Change, ConflictError, Contents, Event, RedisStore, Reservation, Store
from provider.store.keys import Keys
from tests.store.writing import BLOG, SHOP, change, write
from tests.world import ME, spec, wait_until

ROUNDS, WORKERS = 8, 3


def reserving(name: str, *, seen: int) -> Change:
    return replace(change(key=SHOP), reservation=Reservation(name, seen))


def test_a_name_that_a_later_change_has_reserved_is_not_reserved_again(store: Store) -> None:
    first = store.commit(replace(reserving("a rule", seen=0), key=BLOG))
    with pytest.raises(ConflictError):
        store.commit(reserving("a rule", seen=first.revision - 1))
    left_alone = store.read(SHOP)[0]
    other = store.commit(reserving("another rule", seen=0))

    assert left_alone is None
    assert other.revision == first.revision + 1


def test_a_name_is_reserved_by_a_change_that_has_seen_the_one_before(store: Store) -> None:
    first = store.commit(replace(reserving("a rule", seen=0), key=BLOG))
    write(store, key=BLOG)
    second = store.commit(reserving("a rule", seen=first.revision))

    assert second.revision == first.revision + 2


def test_no_reservation_outlives_a_restore(store: Store) -> None:
    revision = write(store, key=BLOG).revision
    restored = store.restore(Contents("theirs", revision, {}), actor="me", reason="")
    with pytest.raises(ConflictError):
        store.commit(reserving("a rule", seen=revision))

    assert store.commit(reserving("a rule", seen=restored)).revision == restored + 1


class MeetingStore(RedisStore):
    """Lets all workers come to the point of writing before any of them writes for the first time."""

    def __init__(self, url: str, *, namespace: str) -> None:
        super().__init__(url, namespace=namespace)
        self.meeting: threading.Barrier | None = None

    def commit(self, change: Change) -> Event:
        meeting, self.meeting = self.meeting, None
        if meeting:
            meeting.wait(timeout=30)
        return super().commit(change)


@contextmanager
def worker(url: str, namespace: str) -> Iterator[tuple[MeetingStore, Operations]]:
    store = MeetingStore(url, namespace=namespace)
    feed = Feed(store)
    feed.start()
    try:
        assert wait_until(lambda: feed.state is State.FOLLOWING)
        yield store, Operations(store, feed)
    finally:
        feed.close()


def outcomes(workers: Sequence[tuple[MeetingStore, Operations]], turn: int) -> list[str]:
    """Have every worker create a rollout of its own with the same rule, and return how each ended."""
    ends: list[str] = []

    def create(number: int, operations: Operations) -> None:
        try:
            operations.rollouts.create(f"shop-{turn}-{number}", spec(rule=f"Host(`shop-{turn}.localhost`)"), ME)
        except SameRequestsError:
            ends.append("refused")
        else:
            ends.append("created")

    threads = [
        threading.Thread(target=create, args=(number, operations)) for number, (_, operations) in enumerate(workers)
    ]
    barrier = threading.Barrier(len(workers))
    for store, _ in workers:
        store.meeting = barrier
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(ends)


def test_of_workers_that_create_rollouts_with_equal_rules_at_once_one_succeeds(
    shared_server: EmbeddedServer, keys: Keys
) -> None:
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(shared_server.url, keys.namespace)) for _ in range(WORKERS)]
        ends = [outcomes(workers, turn) for turn in range(ROUNDS)]
        rollouts = workers[0][1].rollouts.all()

    assert ends == [["created", *["refused"] * (WORKERS - 1)]] * ROUNDS
    assert len(rollouts) == ROUNDS
