"""Each body that Traefik takes rebuilds all of its routing: a burst of changes is to be few of them."""

import json
import threading
import time

import pytest

from provider.web.poll import Polling
from tests.unit.poll.test_application import Answer, Connection, Poller
from tests.world import ME, World, spec, wait_until

HELD = "wait=8"


def poller(world: World, *, gather_seconds: float) -> Poller:
    changed(world, "shop")
    found = Poller(world)
    found.polling = Polling(world.feed, found.book, needs_token=False, gather_seconds=gather_seconds)
    return found


def changed(world: World, name: str) -> None:
    world.operations.rollouts.create(name, spec(rule=f"Host(`{name}.localhost`)"), ME)
    world.caught_up()


class Held:
    """A poll in a thread of its own."""

    def __init__(self, poller: Poller, connection: Connection) -> None:
        self._answers: list[Answer] = []
        self._thread = threading.Thread(
            target=lambda: self._answers.append(poller.poll(connection, HTTP_PREFER=HELD))
        )
        self._thread.start()
        assert wait_until(lambda: poller.polling.held == 1)

    @property
    def is_answered(self) -> bool:
        return bool(self._answers)

    def rollouts(self) -> set[str]:
        """Wait for the answer, and name what it carries."""
        self._thread.join(5)
        (answer,) = self._answers
        return set(json.loads(answer.content)["http"]["routers"])


def test_changes_that_follow_one_another_closely_go_out_together(world: World) -> None:
    one, connection = poller(world, gather_seconds=0.5), Connection()
    one.poll(connection, HTTP_PREFER=HELD)
    changed(world, "a")
    held = Held(one, connection)
    changed(world, "b")

    assert not held.is_answered
    assert {"shop", "a", "b"} == held.rollouts()


def test_a_change_after_a_quiet_time_goes_out_at_once(world: World) -> None:
    one, connection = poller(world, gather_seconds=0.8), Connection()
    first = one.poll(connection, HTTP_PREFER=HELD)
    # The same body again begins no new time.
    assert first.content == one.poll(connection, HTTP_PREFER="wait=1").content
    held = Held(one, connection)
    start = time.monotonic()
    changed(world, "a")

    assert {"shop", "a"} == held.rollouts()
    assert time.monotonic() - start < 0.6


def test_a_gateway_that_begins_is_not_made_to_wait(world: World) -> None:
    one, connection = poller(world, gather_seconds=60), Connection()
    one.poll(connection, HTTP_PREFER=HELD)
    start = time.monotonic()
    one.poll(Connection(), HTTP_PREFER=HELD)
    one.poll(connection, query="gateway=other", HTTP_PREFER=HELD)
    changed(world, "a")
    one.poll(connection, query="gateway=other")

    assert time.monotonic() - start < 5


@pytest.mark.timeout(20)
def test_what_is_gathered_goes_out_when_the_provider_ends(world: World) -> None:
    one, connection = poller(world, gather_seconds=60), Connection()
    one.poll(connection, HTTP_PREFER=HELD)
    changed(world, "a")
    held = Held(one, connection)
    world.feed.close()

    assert {"shop", "a"} == held.rollouts()
