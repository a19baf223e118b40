"""What every store must do with instances that announce themselves."""

import time

import pytest
import redis

from provider.store import RedisStore, Store
from provider.store.keys import Keys
from tests.store.writing import write


def names(store: Store, rollout: str = "shop") -> list[str]:
    return [instance.name for instance in store.instances(rollout)]


def test_nobody_is_there_before_somebody_says_so(store: Store) -> None:
    assert store.instances("shop") == []
    assert not store.withdraw("shop", "v2/one")


def test_an_instance_is_there_with_what_it_says_until_its_time_is_over(store: Store) -> None:
    before = store.now()
    assert store.announce("shop", "v2/one", '{"url": "http://a b"}', seconds=60)

    (instance,) = store.instances("shop")
    assert (instance.name, instance.text) == ("v2/one", '{"url": "http://a b"}')
    assert 59 < (instance.until - before).total_seconds() < 70


def test_instances_are_told_by_name_and_each_rollout_has_its_own(store: Store) -> None:
    for name in ("v2/b", "v2/a", "v1/c"):
        store.announce("shop", name, "{}", seconds=60)
    store.announce("cart", "v2/a", "{}", seconds=60)

    assert (names(store), names(store, "cart")) == (["v1/c", "v2/a", "v2/b"], ["v2/a"])


@pytest.mark.parametrize(("text", "is_news"), [("one", False), ("other", True)])
def test_who_says_the_same_again_is_no_news(store: Store, text: str, is_news: bool) -> None:
    store.announce("shop", "v2/one", "one", seconds=60)

    assert is_news is store.announce("shop", "v2/one", text, seconds=60)
    assert [text] == [instance.text for instance in store.instances("shop")]


def test_who_says_nothing_any_more_is_forgotten_and_is_news_when_it_comes_back(store: Store) -> None:
    store.announce("shop", "v2/one", "{}", seconds=0.05)
    store.announce("shop", "v2/two", "{}", seconds=60)
    time.sleep(0.06)

    assert names(store) == ["v2/two"]
    assert not store.withdraw("shop", "v2/one")
    assert store.announce("shop", "v2/one", "{}", seconds=60)


def test_a_withdrawn_instance_is_gone(store: Store) -> None:
    store.announce("shop", "v2/one", "{}", seconds=60)

    assert store.withdraw("shop", "v2/one")
    assert names(store) == []


def test_an_instance_is_no_change(store: Store) -> None:
    write(store)
    contents = store.load()
    store.announce("shop", "v2/one", "{}", seconds=60)

    assert store.load() == contents


def test_nothing_is_left_of_those_that_come_no_more(valkey: RedisStore, hand: redis.Redis, keys: Keys) -> None:
    valkey.announce("shop", "v2/short", "{}", seconds=0.01)
    valkey.announce("shop", "v2/long", "{}", seconds=0.3)
    time.sleep(0.02)
    valkey.announce("shop", "v2/next", "{}", seconds=0.3)
    assert sorted(hand.hkeys(keys.instances("shop"))) == [b"v2/long", b"v2/next"]
    time.sleep(0.35)

    assert not hand.exists(keys.instances("shop"))
