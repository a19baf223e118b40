"""What is kept for a while only, as both stores keep it."""

import threading

import pytest

from provider.store import Store
from tests.store.writing import write
from tests.world import wait_until


def test_a_note_is_kept_until_another_takes_its_place(store: Store) -> None:
    store.keep("session:one", "grüße", seconds=60)
    store.keep("session:two", "", seconds=60)

    assert store.kept("session:one") == "grüße"
    assert store.kept("session:two") == ""
    assert store.kept("session:three") is None

    store.keep("session:one", "again", seconds=60)

    assert store.kept("session:one") == "again"


def test_a_note_is_gone_after_its_time(store: Store) -> None:
    store.keep("short", "text", seconds=0.05)
    store.keep("long", "text", seconds=60)

    assert wait_until(lambda: store.kept("short") is None)
    assert store.take("short") is None
    assert store.kept("long") == "text"


def test_a_note_is_taken_once(store: Store) -> None:
    store.keep("link", "text", seconds=60)
    taken: list[str | None] = []
    threads = [threading.Thread(target=lambda: taken.append(store.take("link"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert taken.count("text") == 1
    assert taken.count(None) == 7
    assert store.kept("link") is None


def test_counts_rise_until_their_time_is_over(store: Store) -> None:
    assert [store.count("wrong", seconds=60) for _ in range(3)] == [1, 2, 3]
    assert store.count("other", seconds=0.05) == 1

    assert wait_until(lambda: store.count("other", seconds=0.05) == 1)
    assert store.count("wrong", seconds=60) == 4


@pytest.mark.parametrize("name", ["a", "a:b:c", "192.0.2.1"])
def test_a_note_is_no_change(store: Store, name: str) -> None:
    write(store)
    contents = store.load()
    store.keep(name, "text", seconds=60)
    store.count(name, seconds=60)

    assert store.load() == contents
    assert store.changes(after=1, wait_seconds=0) == []
