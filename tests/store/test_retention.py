"""What is kept of what happened is bounded in bytes, and what instances do displaces nothing that people did."""

import json
from collections.abc import Sequence

import redis

from provider.server.embedded_valkey import EmbeddedServer
from provider.store import Change, Key, Kind, RedisStore, Request, Store
from provider.store.keys import Keys
from provider.store.protocols import HISTORY_BYTES
from provider.store.retention import Retention
from tests.store.writing import BLOG, SHOP, write

_KIB = 1024
SERVERS = Key(Kind.SERVERS, "shop-v2")


def opened(server: EmbeddedServer, keys: Keys, **budgets: int) -> RedisStore:
    return RedisStore(server.url, namespace=keys.namespace, retention=Retention(**budgets))


def revisions(store: Store, key: Key) -> Sequence[int]:
    return [event.revision for event in store.history(key, limit=1_000)]


def test_changes_of_large_documents_are_kept_up_to_so_many_bytes(
    shared_server: EmbeddedServer, keys: Keys, hand: redis.Redis
) -> None:
    store = opened(shared_server, keys, people_bytes=400 * _KIB, document_bytes=10_000 * _KIB)
    for number in range(40):
        write(store, json.dumps(f"{number}" + 20 * _KIB * "x"))

    # Each event holds the document before and after: 40 KiB.
    assert 9 <= hand.xlen(keys.events) <= 12
    assert (hand.memory_usage(keys.events) or 0) < 1_000 * _KIB
    newest = [event.revision for event in store.remaining(after=0)]
    assert list(range(newest[0], 41)) == newest


def test_one_document_does_not_displace_what_was_done_to_another(shared_server: EmbeddedServer, keys: Keys) -> None:
    store = opened(shared_server, keys, people_bytes=1_000 * _KIB, document_bytes=100 * _KIB)
    write(store, key=BLOG)
    for number in range(60):
        write(store, json.dumps(f"{number}" + 20 * _KIB * "x"))

    assert revisions(store, BLOG) == [1]
    assert 2 <= len(revisions(store, SHOP)) <= 4


def test_what_instances_do_displaces_nothing_that_people_did(
    shared_server: EmbeddedServer, keys: Keys, hand: redis.Redis
) -> None:
    store = opened(shared_server, keys, events=50, churn_events=20)
    write(store)
    for number in range(300):
        write(store, str(number), key=SERVERS)

    assert revisions(store, SHOP) == [1]
    assert hand.xlen(keys.events) == 21
    assert hand.llen(keys.churn) == 20


def test_a_stream_that_was_trimmed_by_hand_keeps_what_comes_then(
    shared_server: EmbeddedServer, keys: Keys, hand: redis.Redis
) -> None:
    store = opened(shared_server, keys, people_bytes=100 * _KIB)
    for number in range(20):
        write(store, json.dumps(f"{number}" + 10 * _KIB * "x"))
    hand.xtrim(keys.events, maxlen=1, approximate=False)
    for number in range(3):
        write(store, str(number))

    assert revisions(store, SHOP) == [23, 22, 21, 20]


def test_churn_is_kept_up_to_so_many_bytes(shared_server: EmbeddedServer, keys: Keys, hand: redis.Redis) -> None:
    store = opened(shared_server, keys, churn_bytes=100 * _KIB)
    for number in range(30):
        write(store, json.dumps(f"{number}" + 10 * _KIB * "x"), key=SERVERS)

    assert 4 <= hand.xlen(keys.events) <= 7


def test_a_reader_that_is_behind_finds_what_remains(shared_server: EmbeddedServer, keys: Keys) -> None:
    store = opened(shared_server, keys, churn_events=2)
    write(store)
    for number in range(5):
        write(store, str(number), key=SERVERS)
    write(store, "1")

    assert [event.revision for event in store.remaining(after=0)] == [1, 5, 6, 7]


def test_a_response_of_history_is_bounded_in_bytes(store: Store) -> None:
    for number in range(12):
        write(store, json.dumps(f"{number}" + HISTORY_BYTES // 4 * "x"))
    first = store.history(SHOP, limit=1_000)
    second = store.history(SHOP, limit=1_000, before=first[-1].revision)

    assert [event.revision for event in first] == [12, 11]
    assert [event.revision for event in second] == [10, 9]


def test_a_response_of_history_has_one_event_however_large(store: Store) -> None:
    write(store, json.dumps(2 * HISTORY_BYTES * "x"))

    assert revisions(store, SHOP) == [1]


def test_the_oldest_requests_of_an_actor_are_forgotten_beyond_a_number(
    shared_server: EmbeddedServer, keys: Keys, hand: redis.Redis
) -> None:
    store = opened(shared_server, keys, requests=3)
    requests = [Request(f"ann:{number}", "same", keep_seconds=86_400) for number in range(6)]
    others = [Request("bob:1", "same", keep_seconds=86_400), Request("short", "same")]
    for number, (actor, request) in enumerate(
        [("bob", others[0]), *(("ann", one) for one in requests), ("ann", others[1])]
    ):
        store.commit(Change(SHOP, number, str(number), "put", actor, "", request))

    assert [store.recall(one) is not None for one in requests] == [False, False, False, True, True, True]
    assert [store.recall(one) is not None for one in others] == [True, True]
    assert hand.llen(keys.requests("ann")) == 3
    assert 0 < hand.ttl(keys.requests("ann")) <= 86_400


def test_a_smaller_number_of_requests_is_reached_over_the_next_changes(
    shared_server: EmbeddedServer, keys: Keys, hand: redis.Redis
) -> None:
    for number, kept in enumerate([10] * 10 + [4] * 6):
        request = Request(f"ann:{number}", "same", keep_seconds=86_400)
        store = opened(shared_server, keys, requests=kept)
        store.commit(Change(SHOP, number, str(number), "put", "ann", "", request))

    assert hand.llen(keys.requests("ann")) == 4
