"""Writes that are answered when they are on replicas, or on disk; and what is said when they are not in time."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provider.server.embedded_valkey import EmbeddedServer
from provider.server.settings import Settings
from provider.server.stores import open_store
from provider.store import Confirmation, Contents, RedisStore, Request, Store, StoreUnavailableError
from tests.store.questions import QUESTIONS
from tests.store.writing import BLOG, SHOP, change, version, write
from tools.chaos.servers import HOST, Node, following
from tools.chaos.waiting import wait_for

NOT_IN_TIME = "it may be lost; repeat it with the same Idempotency-Key"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    """Run a server and its replica, who both write to disk every second."""
    options = {"appendonly": "yes", "appendfsync": "everysec"}
    with (
        Node(tmp_path / "primary", options=options) as primary,
        Node(tmp_path / "replica", options={**options, "replicaof": f"{HOST} {primary.port}"}) as replica,
    ):
        wait_for(lambda: following(primary) == 1, what="the replica follows")
        yield primary, replica


def refusal(store: Store) -> str:
    """Write what is not confirmed in time and give the words."""
    with pytest.raises(StoreUnavailableError) as caught:
        write(store)
    return str(caught.value)


@pytest.mark.parametrize(
    "confirm",
    [
        Confirmation(replicas=1),
        Confirmation(fsync=True),
        pytest.param(Confirmation(replicas=1, fsync=True), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_all_that_a_store_does_is_confirmed(pair: tuple[Node, Node], confirm: Confirmation) -> None:
    store = RedisStore(pair[0].url, confirm=confirm)
    for ask in QUESTIONS.values():
        ask(store)
    again = Request("again", "one")
    event = write(store, "new", request=again)

    assert store.recall(again) == event
    assert store.commit(change("new", request=again)) == event
    assert event.revision == version(store)


def test_a_confirmed_write_is_on_the_replica(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    store, copy = RedisStore(primary.url, confirm=Confirmation(replicas=1)), RedisStore(replica.url)
    for number in range(100):
        write(store, str(number))

        assert store.load() == copy.load()


def test_a_write_is_on_disk_only_where_there_is_one(tmp_path: Path) -> None:
    with Node(tmp_path) as node:
        store = RedisStore(node.url, confirm=Confirmation(fsync=True))

        words = refusal(store)
        assert "Redis has done this, but does not confirm it (" in words
        assert "appendonly is disabled" in words
        assert version(store) == 1


def test_a_provider_confirms_as_it_is_set(tmp_path: Path) -> None:
    with Node(tmp_path) as node:
        store = open_store(Settings(redis_url=node.url, confirm_fsync=True))

        assert "does not confirm it" in refusal(store)
        assert write(open_store(Settings(redis_url=node.url))).revision == 2


def test_the_embedded_server_confirms_that_it_is_on_disk(server: EmbeddedServer) -> None:
    assert write(RedisStore(server.url, confirm=Confirmation(fsync=True))).revision == 1


@pytest.mark.slow
def test_a_write_that_no_replica_has_is_told_and_can_be_repeated(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    late = change("new")
    confirm = Confirmation(replicas=1)
    with replica.paused():
        # From connection to connection: each has written nothing else.
        asks: list[Callable[[RedisStore], object]] = [
            lambda store: store.commit(late),
            lambda store: store.commit(late),
            lambda store: store.recall(late.request),
        ]
        for ask in asks:
            with pytest.raises(StoreUnavailableError, match=f"on 0 of 1 replicas after 3 s; {NOT_IN_TIME}"):
                ask(RedisStore(primary.url, confirm=confirm))
        assert version(RedisStore(primary.url)) == 1
    store = RedisStore(primary.url, confirm=confirm)

    assert store.commit(late).revision == 1
    assert store.commit(late) == store.recall(late.request)
    assert [event.revision for event in store.history(SHOP, limit=9)] == [1]


@pytest.mark.slow
def test_only_documents_are_worth_waiting_for(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    store = RedisStore(primary.url, confirm=Confirmation(replicas=1))
    write(store)
    with replica.paused():
        for question in QUESTIONS.keys() - {"commit", "restore"}:
            QUESTIONS[question](store)
        with pytest.raises(StoreUnavailableError, match=NOT_IN_TIME):
            store.restore(Contents("theirs", 1, {}), actor="me", reason="")


@pytest.mark.slow
def test_a_write_that_is_not_on_two_disks_is_told(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    with replica.hand() as hand:
        hand.config_set("appendonly", "no")
    store = RedisStore(primary.url, confirm=Confirmation(replicas=1, fsync=True))

    assert f"synced to disk and on 0 of 1 replicas after 3 s; {NOT_IN_TIME}" in refusal(store)
    assert version(store) == 1
    assert write(RedisStore(primary.url, confirm=Confirmation(replicas=1)), key=BLOG).revision == 2
