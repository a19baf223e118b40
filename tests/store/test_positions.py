"""How far webhooks were told what happened, as both stores keep it."""

import threading

import pytest

from provider.store import Store
from tests.store.writing import write


def test_a_webhook_that_nobody_told_anything_has_no_position(store: Store) -> None:
    assert store.positions() == {}


def test_a_position_moves_from_the_expected_one(store: Store) -> None:
    assert store.advance_position("chat", expected=None, revision=7)
    assert store.advance_position("pager", expected=None, revision=0)
    assert store.advance_position("chat", expected=7, revision=12)

    assert store.positions() == {"chat": 12, "pager": 0}


@pytest.mark.parametrize(("there", "expected"), [(None, 0), (None, 7), (0, None), (0, 7), (7, None), (7, 6)])
@pytest.mark.parametrize("revision", [9, None])
def test_a_position_that_is_another_one_is_left_alone(
    store: Store, there: int | None, expected: int | None, revision: int | None
) -> None:
    store.advance_position("chat", expected=None, revision=there)

    assert not store.advance_position("chat", expected=expected, revision=revision)
    assert ({} if there is None else {"chat": there}) == store.positions()


def test_a_position_can_be_forgotten_and_set_back(store: Store) -> None:
    store.advance_position("chat", expected=None, revision=7)
    store.advance_position("pager", expected=None, revision=7)

    assert store.advance_position("chat", expected=7, revision=None)
    assert store.advance_position("chat", expected=None, revision=None)
    assert store.advance_position("pager", expected=7, revision=3)
    assert store.positions() == {"pager": 3}


def test_of_many_who_move_a_position_at_once_one_does(store: Store) -> None:
    done: list[bool] = []
    threads = [
        threading.Thread(target=lambda to=to: done.append(store.advance_position("chat", expected=None, revision=to)))
        for to in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert done.count(True) == 1


def test_a_position_is_no_change(store: Store) -> None:
    write(store)
    contents = store.load()
    store.advance_position("chat", expected=None, revision=7)

    assert store.load() == contents
    assert store.changes(after=1, wait_seconds=0) == []
