"""Who tells webhooks, against receivers that answer over HTTP."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from provider.domain.fields import read
from provider.domain.notifications import WebhookSpec
from provider.domain.rollouts import Action
from provider.replica import Feed, State
from provider.services import Operations
from provider.workers import Messenger
from provider.workers.webhook_sender import LEASE
from tests.receivers import Receiver, receiving
from tests.unit.services.test_documents import gone_back
from tests.world import ME, World, spec, wait_until


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    world.start()
    yield world
    world.feed.close()
    assert wait_until(lambda: not any(thread.name.startswith("webhook ") for thread in threading.enumerate()))


@pytest.fixture
def receiver_named() -> Iterator[Callable[[], Receiver]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(receiving())


def put(world: World, name: str, receiver: Receiver) -> None:
    world.operations.webhooks.put(name, read(WebhookSpec, {"url": f"{receiver.url}/{name}"}), ME)


def create(world: World, *names: str) -> None:
    for name in names:
        world.operations.rollouts.create(name, spec(rule=f"Host(`{name}.localhost`)"), ME)


def leading(*messengers: Messenger) -> list[bool]:
    return [messenger.leads for messenger in messengers]


def test_every_webhook_is_told(world: World, receiver_named: Callable[[], Receiver]) -> None:
    first, second = receiver_named(), receiver_named()
    Messenger(world.operations).start()
    put(world, "first", first)
    put(world, "second", second)
    create(world, "shop", "blog")

    assert wait_until(lambda: [3, 4] == first.deliveries == second.deliveries)


def test_a_slow_webhook_delays_no_other_and_no_change(world: World, receiver_named: Callable[[], Receiver]) -> None:
    slow, quick = receiver_named(), receiver_named()
    slow.is_open.clear()
    Messenger(world.operations).start()
    put(world, "slow", slow)
    put(world, "quick", quick)
    create(world, "a")
    assert wait_until(lambda: slow.deliveries == [3])
    started = time.monotonic()
    create(world, "b", "c")

    assert time.monotonic() - started < 1
    assert wait_until(lambda: quick.deliveries == [3, 4, 5])
    assert slow.deliveries == [3]
    slow.is_open.set()
    assert wait_until(lambda: slow.deliveries == [3, 4, 5])


def test_only_one_tells_at_a_time(world: World, receiver_named: Callable[[], Receiver]) -> None:
    receiver = receiver_named()
    put(world, "chat", receiver)
    world.caught_up()
    messengers = [Messenger(world.operations) for _ in range(3)]
    for messenger in messengers:
        messenger.tick()
    create(world, "shop")

    assert leading(*messengers) == [True, False, False]
    assert wait_until(lambda: receiver.deliveries == [2])


def test_another_takes_over_when_the_lease_of_the_first_ends(
    world: World, receiver_named: Callable[[], Receiver]
) -> None:
    receiver = receiver_named()
    put(world, "chat", receiver)
    world.caught_up()
    world.store.lease(LEASE, owner="somebody who was killed", seconds=10)
    messenger = Messenger(world.operations)
    messenger.tick()
    assert leading(messenger) == [False]
    create(world, "shop")
    world.clock.pass_time(10)
    messenger.tick()

    assert leading(messenger) == [True]
    assert wait_until(lambda: receiver.deliveries == [2])


def test_who_cannot_renew_its_lease_stops(world: World, receiver_named: Callable[[], Receiver]) -> None:
    receiver, now = receiver_named(), [0.0]
    put(world, "chat", receiver)
    world.caught_up()
    messenger = Messenger(world.operations, clock=lambda: now[0])
    messenger.tick()
    assert leading(messenger) == [True]
    now[0] = 10.0

    assert leading(messenger) == [False]
    messenger.tick()
    assert leading(messenger) == [True]


def test_without_webhooks_the_store_is_not_asked(world: World) -> None:
    Messenger(world.operations).tick()

    assert world.store._leases == {}


def test_a_deleted_webhook_is_told_nothing_more(world: World, receiver_named: Callable[[], Receiver]) -> None:
    receiver = receiver_named()
    Messenger(world.operations).start()
    put(world, "chat", receiver)
    create(world, "shop")
    assert wait_until(lambda: receiver.deliveries == [2])
    world.operations.webhooks.delete("chat", ME)
    world.operations.rollouts.move("shop", Action.ABORT, ME)
    put(world, "chat", receiver)
    create(world, "blog")

    assert wait_until(lambda: receiver.deliveries == [2, 6])


def test_nobody_is_told_of_a_store_that_went_back(world: World, receiver_named: Callable[[], Receiver]) -> None:
    put(world, "chat", receiver_named())
    gone_back(world)
    Messenger(world.operations).tick()

    assert world.store._leases == {}


def test_who_has_not_read_the_store_yet_tells_nobody(world: World, receiver_named: Callable[[], Receiver]) -> None:
    put(world, "chat", receiver_named())
    feed = Feed(world.store)
    Messenger(Operations(world.store, feed)).tick()

    assert State.STARTING is feed.state
    assert world.store._leases == {}
