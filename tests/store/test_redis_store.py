"""What only the store in Redis does: its keys, its limits, and what holds after somebody changed them by hand."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from provider.server.embedded_valkey import EmbeddedServer
from provider.store import (
    ConflictError,
    Contents,
    Key,
    Kind,
    MissedChangesError,
    RedisStore,
    Request,
    RequestReusedError,
    Reservation,
    Store,
    Stored,
    StoreUnavailableError,
)
from provider.store import keys as documented
from provider.store.keys import Keys
from tests.store.writing import BLOG, SHOP, change, version, write

AGAIN = Request("again", "one", keep_seconds=7_200)
RESERVING = Request("reserving", "")
SERVERS = Request("servers", "")
DAY = 24 * 3_600
ENTRY = {"kind": "rollout", "name": "shop", "action": "write", "actor": "stranger", "reason": "", "at": "0"}


def everything(hand: redis.Redis, keys: Keys) -> Mapping[str, Any]:
    """Read all keys of a namespace, whatever they hold."""
    return {key.decode(): hand.dump(key) for key in hand.scan_iter(f"canary:{{{keys.namespace}}}:*")}


def pattern(key: str, keys: Keys) -> str:
    """Write a key as the documented list does."""
    general = key.replace(keys.namespace, "NS")
    general = re.sub("history:.*", "history:KIND/NAME", general)
    general = re.sub("[0-9a-f]{64}$", "SHA256", general)
    general = re.sub("instances:.*", "instances:ROLLOUT", general)
    general = re.sub("requests:.*", "requests:ACTOR", general)
    return re.sub("(lease|note|count):.*", r"\1:NAME", general)


def fill(store: Store) -> None:
    """Make a store use each of its keys."""
    write(store, request=AGAIN)
    store.report({"edge": "here"})
    store.lease("controller", owner="me", seconds=60)
    store.replace_record("shop", expected=None, text="{}")
    store.advance_position("chat", expected=None, revision=7)
    store.announce("shop", "v2/one", "{}", seconds=30)
    store.keep("seen", "{}", seconds=30)
    store.count("wrong", seconds=30)
    write(store, key=Key(Kind.SERVERS, "shop"), request=SERVERS)
    store.commit(replace(change(key=BLOG, request=RESERVING), reservation=Reservation("a rule", 10)))
    store.restore(store.load(), actor="me", reason="")


# Keys


def test_the_keys_are_those_of_the_documented_list(valkey: RedisStore, hand: redis.Redis, keys: Keys) -> None:
    fill(valkey)
    rows = [re.split("  +", line) for line in (documented.__doc__ or "").splitlines() if line.startswith("canary:")]
    # The key that commands are tried on has no kind, and is deleted at once.
    listed = {name: kind for name, kind, _ in rows if kind != "any"}
    kinds: Mapping[bytes | str, str] = {
        b"zset": "sorted set",
        b"string": "string",
        b"hash": "hash",
        b"stream": "stream",
        b"list": "list",
    }
    found = {pattern(key, keys): kinds[hand.type(key)] for key in everything(hand, keys)}

    assert listed == found


def test_all_keys_of_a_namespace_share_one_slot(valkey: RedisStore, hand: redis.Redis, keys: Keys) -> None:
    fill(valkey)
    write(valkey, key=Key(Kind.TOKEN, "{other}"), request=Request("{other}", ""))
    found = [key for key in hand.scan_iter("*") if keys.namespace.encode() in key]

    assert set(everything(hand, keys)) == {key.decode() for key in found}
    assert {key_slot(b"{%b}" % keys.namespace.encode())} == {key_slot(key) for key in found}


def test_only_what_is_kept_for_a_while_expires(valkey: RedisStore, hand: redis.Redis, keys: Keys) -> None:
    fill(valkey)
    expiring = {key: hand.ttl(key) for key in everything(hand, keys) if hand.ttl(key) != -1}

    short = {
        keys.request(AGAIN.id),
        keys.request(SERVERS.id),
        keys.request(RESERVING.id),
        keys.reserved("a rule"),
        keys.requests("me"),
        keys.lease("controller"),
        keys.note("seen"),
        keys.count("wrong"),
        keys.instances("shop"),
    }
    assert {*short, keys.sightings} == set(expiring)
    assert 55 <= expiring[keys.lease("controller")] <= 60
    assert AGAIN.keep_seconds - 5 <= expiring[keys.request(AGAIN.id)] <= AGAIN.keep_seconds
    assert DAY - 5 <= expiring[keys.sightings] <= DAY


@pytest.mark.parametrize("namespace", ["a", "0", "team-a", "a" * 63])
def test_a_namespace_is_a_dns_label(namespace: str) -> None:
    assert f"canary:{{{namespace}}}:events" == Keys(namespace).events


@pytest.mark.parametrize("namespace", ["", "A", "-a", "a-", "a.b", "a}b", "a\n", "ü", "a" * 64])
def test_another_namespace_is_refused(namespace: str) -> None:
    with pytest.raises(ValueError, match="1 to 63 lowercase letters"):
        RedisStore("redis://localhost", namespace=namespace)


def test_namespaces_know_nothing_of_each_other(valkey: RedisStore, shared_server: EmbeddedServer, keys: Keys) -> None:
    fill(valkey)
    other = RedisStore(shared_server.url, namespace=f"{keys.namespace}-b")

    assert Contents("", 0, {}) == other.load()
    assert other.recall(AGAIN) is None
    assert write(other).revision == 1
    assert valkey.revision() != other.revision()


# Limits


def test_the_last_thousand_events_of_a_document_are_its_history(valkey: RedisStore) -> None:
    for number in range(1_002):
        valkey.commit(change(str(number), expected=number))
    revisions = [event.revision for event in valkey.history(SHOP, limit=2_000)]

    assert list(range(1_002, 2, -1)) == revisions


def test_many_changes_come_in_several_answers(valkey: RedisStore) -> None:
    for number in range(100):
        valkey.commit(change(str(number), expected=number))
    first = valkey.changes(after=0, wait_seconds=0)
    second = valkey.changes(after=first[-1].revision, wait_seconds=0)

    assert list(range(1, 65)) == [event.revision for event in (*first, *second)]
    assert len(first) == 32


def test_changes_that_were_trimmed_are_missed(valkey: RedisStore, hand: redis.Redis, keys: Keys) -> None:
    events = [write(valkey, str(number)) for number in range(3)]
    hand.xtrim(keys.events, maxlen=1, approximate=False)

    with pytest.raises(MissedChangesError):
        valkey.changes(after=1, wait_seconds=0)
    assert events[2:] == valkey.changes(after=2, wait_seconds=0)
    assert events[2:] == valkey.history(SHOP, limit=10)


def test_a_request_whose_event_was_trimmed_is_not_done_again(
    valkey: RedisStore, hand: redis.Redis, keys: Keys
) -> None:
    write(valkey, request=AGAIN)
    hand.xtrim(keys.events, maxlen=0, approximate=False)

    with pytest.raises(RequestReusedError, match="no longer known"):
        valkey.recall(AGAIN)
    with pytest.raises(RequestReusedError, match="no longer known"):
        valkey.commit(change(expected=1, request=AGAIN))


def test_a_request_that_has_expired_is_a_new_one(valkey: RedisStore, hand: redis.Redis, keys: Keys) -> None:
    write(valkey, request=AGAIN)
    hand.expire(keys.request(AGAIN.id), 0)

    assert valkey.recall(AGAIN) is None
    assert valkey.commit(change(expected=1, request=Request("again", "two"))).revision == 2


# By hand


@pytest.mark.parametrize("text", [None, "0", "1", "nonsense"])
def test_a_revision_that_was_lost_or_set_back_never_comes_twice(
    valkey: RedisStore, hand: redis.Redis, keys: Keys, text: str | None
) -> None:
    for number in range(3):
        write(valkey, str(number))
    hand.delete(keys.revision)
    if text is not None:
        hand.set(keys.revision, text)

    assert write(valkey, "new").revision == 4
    assert valkey.revision()[1] == 4


@pytest.mark.parametrize("entry", ["1-1", "2-0", "2-5", "50-0"])
def test_what_a_stranger_appends_is_no_change(valkey: RedisStore, hand: redis.Redis, keys: Keys, entry: str) -> None:
    write(valkey, "old")
    hand.xadd(keys.events, {"any": "thing"}, id=entry)

    assert valkey.changes(after=1, wait_seconds=0.01) == []
    event = write(valkey, "new")
    assert event.revision > int(entry.partition("-")[0])
    assert [event] == valkey.history(SHOP, limit=1)
    assert valkey.changes(after=event.revision, wait_seconds=0) == []
    with pytest.raises(MissedChangesError):
        valkey.changes(after=1, wait_seconds=0)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "unknown"},
        {"at": "yesterday"},
        {"at": "9" * 30},
        {"name": None},
        {"reason": None},
    ],
    ids=str,
)
def test_a_broken_event_is_passed_over(
    valkey: RedisStore, hand: redis.Redis, keys: Keys, fields: Mapping[str, str | None]
) -> None:
    event = write(valkey)
    broken: Any = {name: text for name, text in {**ENTRY, **fields}.items() if text is not None}
    hand.xadd(keys.events, broken, id="2-0")
    hand.zadd(keys.history(SHOP), {"2": 2, "3": 3})

    assert [event] == valkey.history(SHOP, limit=10)
    assert valkey.changes(after=1, wait_seconds=0.01) == []
    with pytest.raises(MissedChangesError):
        valkey.changes(after=0, wait_seconds=0)


@pytest.mark.parametrize("text", [b"", b"no JSON", b"\xff\xfe"])
def test_any_bytes_are_a_document_for_others_to_judge(
    valkey: RedisStore, hand: redis.Redis, keys: Keys, text: bytes
) -> None:
    write(valkey)
    hand.hset(keys.documents, str(SHOP), text)
    stored, _ = valkey.read(SHOP)

    assert Stored(1, text.decode(errors="replace")) == stored
    assert {SHOP: stored} == valkey.load().documents
    assert write(valkey, "new").revision == 2


def test_a_document_of_an_unknown_kind_is_not_loaded(valkey: RedisStore, hand: redis.Redis, keys: Keys) -> None:
    write(valkey)
    hand.hset(keys.documents, mapping={"ghost/shop": "{}", "nonsense": "{}"})

    assert {SHOP} == set(valkey.load().documents)


@pytest.mark.parametrize("text", [None, "nonsense", "-1", "1.5"])
def test_a_document_whose_version_was_lost_is_at_none(
    valkey: RedisStore, hand: redis.Redis, keys: Keys, text: str | None
) -> None:
    write(valkey)
    hand.hdel(keys.versions, str(SHOP))
    if text is not None:
        hand.hset(keys.versions, str(SHOP), text)

    assert version(valkey) == 0
    assert {SHOP: Stored(0, "{}")} == valkey.load().documents


def test_a_document_that_was_lost_is_named_and_can_be_written_anew(
    valkey: RedisStore, hand: redis.Redis, keys: Keys
) -> None:
    write(valkey)
    before = valkey.load(), valkey.is_whole()
    hand.delete(keys.documents)
    lost = valkey.load(), valkey.is_whole()
    write(valkey)

    assert (frozenset(), True) == (before[0].lost, before[1])
    assert (frozenset({SHOP}), False) == (lost[0].lost, lost[1])
    assert (frozenset(), True) == (valkey.load().lost, valkey.is_whole())


@pytest.mark.parametrize("text", ["nonsense", "-1"])
def test_a_version_that_is_no_number_is_a_conflict_until_it_is_mended(
    valkey: RedisStore, hand: redis.Redis, keys: Keys, text: str
) -> None:
    write(valkey)
    hand.hset(keys.versions, str(SHOP), text)

    with pytest.raises(ConflictError):
        write(valkey, "new")
    assert valkey.restore(valkey.load(), actor="me", reason="mended") == 2
    assert write(valkey, "new").revision == 3


@pytest.mark.parametrize("name", ["lineage", "documents", "versions"])
def test_a_restore_mends_keys_of_another_type(valkey: RedisStore, hand: redis.Redis, keys: Keys, name: str) -> None:
    write(valkey)
    contents = valkey.load()
    hand.delete(getattr(keys, name))
    hand.lpush(getattr(keys, name), "nonsense")
    valkey.restore(contents, actor="me", reason="mended")

    assert Contents(contents.lineage, 2, contents.documents) == valkey.load()


@pytest.mark.parametrize("revision", ["1e300", "inf", "nan", str(2**53), str(2**64)])
def test_a_restore_mends_a_revision_that_none_can_follow(
    valkey: RedisStore, hand: redis.Redis, keys: Keys, revision: str
) -> None:
    write(valkey)
    contents = valkey.load()
    hand.set(keys.revision, revision)

    assert valkey.restore(contents, actor="me", reason="mended") == 2
    assert write(valkey, "new").revision == 3


def test_a_restore_mends_a_stream_that_takes_no_more_entries(
    valkey: RedisStore, hand: redis.Redis, keys: Keys
) -> None:
    write(valkey)
    contents = valkey.load()
    hand.xadd(keys.events, {"kind": "nonsense"}, id=f"{2**64 - 1}-{2**64 - 1}")

    assert valkey.restore(contents, actor="me", reason="mended") == 2
    assert write(valkey, "new").revision == 3


def test_a_document_without_its_version_can_be_written(valkey: RedisStore, hand: redis.Redis, keys: Keys) -> None:
    write(valkey)
    hand.delete(keys.versions)

    write(valkey, "new")

    assert Stored(2, "new") == valkey.read(SHOP)[0]


@pytest.mark.parametrize("revision", [None, "nonsense", "9"])
def test_a_request_whose_revision_was_broken_is_not_done_again(
    valkey: RedisStore, hand: redis.Redis, keys: Keys, revision: str | None
) -> None:
    write(valkey, request=AGAIN)
    hand.hdel(keys.request(AGAIN.id), "revision")
    if revision is not None:
        hand.hset(keys.request(AGAIN.id), "revision", revision)

    with pytest.raises(RequestReusedError):
        valkey.commit(change(expected=1, request=AGAIN))
    assert valkey.revision()[1] == 1


@pytest.mark.parametrize(
    "name", ["revision", "documents", "versions", "events", "history", "request", "sizes", "churn", "requests"]
)
def test_a_key_of_another_type_refuses_the_write_and_nothing_is_half_written(
    valkey: RedisStore, hand: redis.Redis, keys: Keys, name: str
) -> None:
    fill(valkey)
    request = Request("new", "")
    named = {
        "history": keys.history(SHOP),
        "request": keys.request(request.id),
        "requests": keys.requests("me"),
    }
    broken = named.get(name) or getattr(keys, name)
    hand.delete(broken)
    hand.set(broken, "nonsense") if name in {"churn", "requests"} else hand.lpush(broken, "nonsense")
    before = everything(hand, keys)

    with pytest.raises(StoreUnavailableError, match="WRONGTYPE"):
        valkey.commit(change("new", expected=0 if name == "versions" else 1, request=request))
    assert everything(hand, keys) == before


READS: Mapping[str, Callable[[RedisStore], object]] = {
    "documents": lambda store: store.read(SHOP),
    "versions": RedisStore.load,
    "events": lambda store: store.changes(after=0, wait_seconds=0),
    "records": lambda store: store.record("shop"),
    "notified": RedisStore.positions,
    "sightings": RedisStore.sightings,
}


@pytest.mark.parametrize("name", READS)
def test_a_key_of_another_type_refuses_to_be_read(
    valkey: RedisStore, hand: redis.Redis, keys: Keys, name: str
) -> None:
    hand.set(getattr(keys, name), "nonsense")

    with pytest.raises(StoreUnavailableError, match="WRONGTYPE"):
        READS[name](valkey)
