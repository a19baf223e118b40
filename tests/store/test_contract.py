"""What every store promises, asked of the one in memory and the one in a real Valkey."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from provider.observability.tracing import NOWHERE, Origin
from provider.store import (
    ConflictError,
    Contents,
    Event,
    Key,
    Kind,
    MissedChangesError,
    Request,
    RequestReusedError,
    Store,
    StoreBehindError,
    Stored,
)
from tests.store.writing import BLOG, SHOP, change, write
from tests.world import wait_until

AGAIN = Request("again", "one")
OTHER = Request("again", "two")


def unchanged(store: Store) -> Callable[[], bool]:
    """Remember what a store holds, to ask later whether it still does."""
    contents = store.load()
    return lambda: contents == store.load() and not store.changes(after=contents.revision, wait_seconds=0)


# Reading


def test_nothing_is_there_before_the_first_write(store: Store) -> None:
    assert store.revision() == ("", 0)
    assert Contents("", 0, {}) == store.load()
    assert store.read(SHOP)[0] is None
    assert store.history(SHOP, limit=10) == []
    assert store.changes(after=0, wait_seconds=0) == []
    assert store.recall(AGAIN) is None
    assert store.sightings() == {}


def test_a_change_tells_the_request_that_made_it(store: Store) -> None:
    origin = Origin("gitlab-4711", f"00-{32 * 'a'}-{16 * 'b'}-01")
    made = store.commit(replace(change(), origin=origin))
    write(store)

    assert origin == made.origin
    assert [origin, NOWHERE] == [event.origin for event in store.changes(after=0, wait_seconds=1)]
    assert [NOWHERE, origin] == [event.origin for event in store.history(SHOP, limit=10)]


def test_the_time_is_told_in_utc_and_does_not_go_back(store: Store) -> None:
    times = [store.now(), store.read(SHOP)[1], store.now()]

    assert sorted(times) == times
    assert {UTC} == {moment.tzinfo for moment in times}
    assert abs(datetime.now(UTC) - times[0]) < timedelta(seconds=30)


@pytest.mark.parametrize("text", ["", "{}", "no JSON", "grüße ☕ 🦭", "zero \0 and \r\n", "x" * 1_000_000])
def test_a_text_comes_back_as_it_was_written(store: Store, text: str) -> None:
    event = write(store, text)

    assert text == event.after
    assert Stored(1, text) == store.read(SHOP)[0]
    assert {SHOP: Stored(1, text)} == store.load().documents
    assert [event] == store.changes(after=0, wait_seconds=0)
    assert [event] == store.history(SHOP, limit=1)


def test_documents_of_one_name_and_several_kinds_are_several(store: Store) -> None:
    keys = [Key(kind, "shop") for kind in Kind]
    for key in keys:
        write(store, str(key), key=key)

    assert {key: Stored(1 + index, str(key)) for index, key in enumerate(keys)} == store.load().documents


@pytest.mark.parametrize("name", ["a/b", "{x}:y", "ü", "with space", "*"])
def test_a_name_may_be_any_text(store: Store, name: str) -> None:
    event = write(store, key=Key(Kind.TOKEN, name))

    assert {Key(Kind.TOKEN, name)} == set(store.load().documents)
    assert [event] == store.history(Key(Kind.TOKEN, name), limit=1)


# Writing


def test_the_first_write_makes_a_lineage_that_stays(store: Store) -> None:
    write(store)
    lineage, _ = store.revision()
    write(store, None)

    assert lineage
    assert (lineage, 2) == store.revision()
    assert Contents(lineage, 2, {}) == store.load()


def test_an_event_tells_who_did_what_when_and_why(store: Store) -> None:
    write(store, "old")
    earliest = store.now() - timedelta(milliseconds=1)
    event = store.commit(change("new", expected=1))

    assert Event(2, SHOP, "test", "me", "why", event.at, before="old", after="new") == event
    assert earliest <= event.at <= store.now()


@pytest.mark.parametrize(("versions", "expected"), [(0, 1), (1, 0), (2, 1), (2, 3)])
@pytest.mark.parametrize("text", ["new", None])
def test_a_document_at_another_version_is_left_alone(
    store: Store, versions: int, expected: int, text: str | None
) -> None:
    for number in range(versions):
        write(store, str(number))
    is_unchanged = unchanged(store)

    with pytest.raises(ConflictError) as caught:
        store.commit(change(text, expected=expected))
    assert (SHOP, expected, versions) == (caught.value.key, caught.value.expected, caught.value.actual)
    assert f"rollout/shop is at version {versions}, not {expected}" == str(caught.value)
    assert is_unchanged()


def test_a_deleted_document_is_gone(store: Store) -> None:
    write(store, "old")
    write(store, "other", key=BLOG)
    event = write(store, None)

    assert (event.before, event.after) == ("old", None)
    assert store.read(SHOP)[0] is None
    assert {BLOG: Stored(2, "other")} == store.load().documents


def test_a_version_never_comes_back(store: Store) -> None:
    for text in ("first", None, "second"):
        write(store, text)

    assert Stored(3, "second") == store.read(SHOP)[0]
    with pytest.raises(ConflictError):
        store.commit(change("late", expected=1))


# History


def test_history_is_told_newest_first_and_outlives_the_document(store: Store) -> None:
    events = [write(store, "1"), write(store, "2"), write(store, None)]
    write(store, key=BLOG)

    assert events[::-1] == store.history(SHOP, limit=10)


@pytest.mark.parametrize(
    ("limit", "before", "revisions"),
    [
        (0, None, []),
        (2, None, [5, 4]),
        (9, None, [5, 4, 3, 2, 1]),
        (2, 4, [3, 2]),
        (9, 3, [2, 1]),
        (9, 1, []),
        (1, 99, [5]),
    ],
)
def test_history_is_read_in_pages(store: Store, limit: int, before: int | None, revisions: list[int]) -> None:
    for number in range(5):
        write(store, str(number))

    assert [event.revision for event in store.history(SHOP, limit=limit, before=before)] == revisions


# Following


def test_changes_are_those_after_a_revision_in_order(store: Store) -> None:
    events = [write(store, "1"), write(store, "2", key=BLOG), write(store, None)]

    assert store.changes(after=0, wait_seconds=1) == events
    assert events[2:] == store.changes(after=2, wait_seconds=0)
    assert store.changes(after=3, wait_seconds=0) == []


def test_who_waits_in_vain_waits_as_long_as_was_said(store: Store) -> None:
    write(store)
    started = time.monotonic()

    assert store.changes(after=1, wait_seconds=0.1) == []
    assert 0.09 <= time.monotonic() - started < 5


@pytest.mark.parametrize("writes", [0, 1])
def test_a_change_wakes_everybody_who_waits(store: Store, writes: int) -> None:
    for _ in range(writes):
        write(store)
    found: list[Event] = []
    waiting = [
        threading.Thread(target=lambda: found.extend(store.changes(after=writes, wait_seconds=20))) for _ in range(3)
    ]
    for thread in waiting:
        thread.start()
    event = write(store, "new")
    for thread in waiting:
        thread.join(10)

    assert [event] * 3 == found


@pytest.mark.parametrize("wait_seconds", [0, 0.02])
def test_a_revision_from_the_future_is_a_missed_change(store: Store, wait_seconds: float) -> None:
    write(store)

    with pytest.raises(MissedChangesError):
        store.changes(after=2, wait_seconds=wait_seconds)


# Requests sent twice


@pytest.mark.parametrize("moves_on", [False, True])
def test_a_request_sent_twice_happens_once(store: Store, moves_on: bool) -> None:
    first = store.commit(change("new", request=AGAIN))
    if moves_on:
        write(store, None)
    is_unchanged = unchanged(store)

    assert store.commit(change("new", request=AGAIN)) == first
    assert store.commit(change("new", expected=7, request=AGAIN)) == first
    assert store.recall(AGAIN) == first
    assert is_unchanged()


def test_an_id_belongs_to_one_request(store: Store) -> None:
    store.commit(change("new", request=AGAIN))
    is_unchanged = unchanged(store)

    with pytest.raises(RequestReusedError):
        store.commit(change("other", key=BLOG, request=OTHER))
    with pytest.raises(RequestReusedError):
        store.recall(OTHER)
    assert is_unchanged()


def test_a_request_that_met_a_conflict_may_be_sent_again(store: Store) -> None:
    write(store)
    with pytest.raises(ConflictError):
        store.commit(change("new", request=AGAIN))

    assert store.recall(AGAIN) is None
    assert store.commit(change("new", expected=1, request=AGAIN)).revision == 2


# Restoring


@pytest.mark.parametrize(("theirs", "revision"), [(1, 4), (3, 4), (41, 42)])
def test_a_restored_store_is_above_both_revisions(store: Store, theirs: int, revision: int) -> None:
    for number in range(3):
        write(store, str(number))
    documents = {BLOG: Stored(1, "kept"), Key(Kind.TOKEN, "ci"): Stored(1, "ü")}

    assert store.restore(Contents("theirs", theirs, documents), actor="me", reason="lost") == revision
    assert Contents("theirs", revision, documents) == store.load()
    assert ("theirs", revision) == store.revision()


def test_a_restored_store_goes_on(store: Store) -> None:
    store.restore(Contents("theirs", 7, {SHOP: Stored(5, "old")}), actor="me", reason="lost")
    event = store.commit(change("new", expected=5))

    assert (event.revision, event.before, event.after) == (9, "old", "new")
    assert [event] == store.changes(after=8, wait_seconds=0)
    assert store.revision() == ("theirs", 9)


def test_a_namespace_begins_only_where_there_is_none(store: Store) -> None:
    begun = store.restore(Contents("ours", 0, {}), actor="me", reason="", begins=True)
    written = write(store)
    again = store.restore(Contents("theirs", 0, {}), actor="me", reason="", begins=True)

    assert (begun, again) == (1, 0)
    assert store.revision() == ("ours", written.revision)
    assert store.read(SHOP)[0] is not None


def test_a_namespace_that_a_first_write_has_begun_is_not_begun_again(store: Store) -> None:
    written = write(store)
    begun = store.restore(Contents("theirs", 0, {}), actor="me", reason="", begins=True)

    assert begun == 0
    assert store.revision()[1] == written.revision


def test_who_followed_a_store_that_is_restored_loads_everything_again(store: Store) -> None:
    write(store)
    revision = store.restore(store.load(), actor="me", reason="lost")

    for after in range(revision):
        with pytest.raises(MissedChangesError):
            store.changes(after=after, wait_seconds=0)
    assert store.changes(after=revision, wait_seconds=0) == []


def test_history_and_requests_outlive_a_restore(store: Store) -> None:
    event = write(store, request=AGAIN)
    store.restore(Contents("theirs", 1, {}), actor="me", reason="lost")

    assert [event] == store.history(SHOP, limit=10)
    assert store.recall(AGAIN) == event


# Sightings


def test_of_each_gateway_the_newest_sighting_is_kept(store: Store) -> None:
    store.report({"edge@10.0.0.1": "old", "edge@10.0.0.2": "other"})
    store.report({"edge@10.0.0.1": "new"})

    assert store.sightings() == {"edge@10.0.0.1": "new", "edge@10.0.0.2": "other"}


def test_an_empty_sighting_forgets_the_gateway(store: Store) -> None:
    store.report({"edge": "here", "other": "here"})
    store.report({"edge": "", "unknown": ""})

    assert store.sightings() == {"other": "here"}


def test_a_sighting_is_no_change(store: Store) -> None:
    store.report({})
    store.report({"edge": "here"})

    assert store.revision() == ("", 0)
    assert store.changes(after=0, wait_seconds=0) == []


# Records


def test_nothing_is_remembered_of_what_nobody_looked_at(store: Store) -> None:
    assert store.record("shop") is None


@pytest.mark.parametrize("text", ["", "{}", "no JSON", "grüße ☕ \0 \r\n", "x" * 1_000_000])
@pytest.mark.parametrize("next_text", ["", "next", None])
def test_a_record_is_replaced_while_it_is_the_expected_one(store: Store, text: str, next_text: str | None) -> None:
    store.replace_record("blog", expected=None, text="other")

    assert store.replace_record("shop", expected=None, text=text)
    assert store.record("shop") == text
    assert store.replace_record("shop", expected=text, text=next_text)
    assert store.record("shop") == next_text
    assert store.record("blog") == "other"


@pytest.mark.parametrize(
    ("there", "expected"), [(None, ""), (None, "old"), ("", None), ("", "old"), ("old", None), ("old", "other")]
)
@pytest.mark.parametrize("text", ["new", None])
def test_a_record_that_is_another_one_is_left_alone(
    store: Store, there: str | None, expected: str | None, text: str | None
) -> None:
    store.replace_record("shop", expected=None, text=there)

    assert not store.replace_record("shop", expected=expected, text=text)
    assert store.record("shop") == there


def test_of_many_who_replace_a_record_at_once_one_does(store: Store) -> None:
    done: list[bool] = []
    threads = [
        threading.Thread(target=lambda text=text: done.append(store.replace_record("shop", expected=None, text=text)))
        for text in "abcdefgh"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert done.count(True) == 1
    assert store.record("shop") in set("abcdefgh")


def test_a_record_is_no_document(store: Store) -> None:
    write(store)
    is_unchanged = unchanged(store)
    store.replace_record("shop", expected=None, text="seen")
    store.replace_record("blog", expected=None, text="seen")

    assert is_unchanged()
    assert [event.revision for event in store.history(SHOP, limit=9)] == [1]
    assert store.history(BLOG, limit=9) == []


# Leases


def test_a_lease_is_its_owners_until_it_ends(store: Store) -> None:
    assert store.lease("controller", owner="first", seconds=60)
    assert not store.lease("controller", owner="second", seconds=60)
    assert store.lease("controller", owner="first", seconds=60)
    assert not store.lease("controller", owner="second", seconds=60)


def test_a_lease_ends_by_itself(store: Store) -> None:
    store.lease("controller", owner="first", seconds=0.05)

    assert wait_until(lambda: store.lease("controller", owner="second", seconds=60))
    assert not store.lease("controller", owner="first", seconds=60)


def test_who_renews_a_lease_says_anew_how_long_it_is(store: Store) -> None:
    store.lease("controller", owner="first", seconds=0.05)
    store.lease("controller", owner="first", seconds=60)
    assert not wait_until(lambda: store.lease("controller", owner="second", seconds=60), seconds=0.1)
    store.lease("controller", owner="first", seconds=0.001)

    assert wait_until(lambda: store.lease("controller", owner="second", seconds=60))


def test_leases_of_several_names_are_several(store: Store) -> None:
    store.lease("controller", owner="first", seconds=60)

    assert store.lease("messenger", owner="second", seconds=60)


def test_a_lease_is_no_change(store: Store) -> None:
    store.lease("controller", owner="first", seconds=60)

    assert store.revision() == ("", 0)


# Which history it is


def test_each_change_has_a_mark_of_its_own_and_names_the_one_before(store: Store) -> None:
    events = [write(store, str(number)) for number in range(3)]
    seen = store.changes(after=0, wait_seconds=0)

    assert ["", *(event.mark for event in events[:2])] == [event.follows for event in seen]
    assert [store.mark(number) for number in (1, 2, 3)] == [event.mark for event in seen]
    assert len({event.mark for event in seen} - {""}) == 3
    assert seen[-1].mark == store.load().mark
    assert store.mark(4) == ""


def test_a_restore_has_a_mark_and_forgets_those_before(store: Store) -> None:
    write(store)
    revision = store.restore(store.load(), actor="me", reason="")
    event = write(store, "new")
    seen = store.changes(after=revision, wait_seconds=0)

    assert ["", event.mark] == [store.mark(1), store.mark(3)]
    assert store.mark(revision) == seen[0].follows != ""
    assert store.load().restored == revision


def test_a_store_that_has_less_than_the_writer_serves_is_not_written_to(store: Store) -> None:
    write(store)
    lineage, revision = store.revision()
    for served in ((lineage, revision + 1), ("another", revision)):
        with pytest.raises(StoreBehindError):
            store.commit(replace(change("new", expected=revision), served=served))
    unchanged = store.revision()
    store.commit(replace(change("new", expected=revision), served=(lineage, revision)))

    assert unchanged == (lineage, revision)
    assert store.revision() == (lineage, revision + 1)
