import json
from collections.abc import Iterator
from typing import Any

from provider.domain.auth import Role
from provider.web.api.events import _events
from tests.unit.api.conftest import Client
from tests.world import ME, World, spec


def told(stream: Iterator[bytes], kinds: int) -> list[tuple[str, int, dict[str, Any]]]:
    """Read so many events off a stream, leaving out what only keeps it alive."""
    events = []
    for message in stream:
        lines = dict(line.split(": ", 1) for line in message.decode().strip().splitlines())
        if "event" in lines:
            events.append((lines["event"], int(lines["id"]), json.loads(lines["data"])))
        if len(events) == kinds:
            return events
    return events


def test_changes_are_told_as_they_happen(world: World) -> None:
    stream = _events(world.feed, world.store, 0, lambda: True)
    assert next(stream) == b": connected\n\n"
    world.operations.tokens.create("secret", Role.VIEWER, ME)
    world.operations.rollouts.create("shop", spec(), ME)
    world.operations.rollouts.delete("shop", ME)
    events = told(stream, 2)

    assert [event[:2] for event in events] == [("rollout", 2), ("rollout", 3)]
    assert [event[2]["action"] for event in events] == ["create", "delete"]
    assert events[0][2]["document"]["spec"]["rule"] == "Host(`shop.localhost`)"
    assert events[1][2]["document"] is None


def test_a_listener_that_comes_back_is_told_what_it_missed(world: World) -> None:
    for name in ("a", "b", "c"):
        world.operations.rollouts.create(name, spec(rule=f"Host(`{name}.localhost`)"), ME)
    world.caught_up()
    with world.feed._changed:
        world.feed._recent.clear()

    assert [event[2]["name"] for event in told(_events(world.feed, world.store, 1, lambda: True), 2)] == ["b", "c"]


def test_a_listener_that_was_away_too_long_is_told_to_read_everything(world: World) -> None:
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    with world.feed._changed:
        world.feed._recent.clear()
    world.store._events.clear()

    assert [event[:2] for event in told(_events(world.feed, world.store, 0, lambda: True), 1)] == [("reset", 1)]


def test_a_stream_ends_when_the_worker_does(world: World) -> None:
    stream = _events(world.feed, world.store, 0, lambda: True)
    next(stream)
    world.feed.close()

    assert told(stream, 1) == []


def test_the_endpoint_streams(admin: Client, world: World) -> None:
    answer = admin("GET", "/events", Last_Event_ID="0")

    assert answer.status_code == 200
    assert answer.content_type.split(";")[0] == "text/event-stream"
    answer.close()
    assert admin("GET", "/events", Last_Event_ID="x").status_code == 400


def test_a_stream_ends_when_its_token_is_revoked(
    admin: Client, as_role: dict[Role | None, Client], shop: str
) -> None:
    stream = as_role[Role.VIEWER]("GET", "/events").iter_encoded()
    next(stream)
    admin("PUT", f"/rollouts/{shop}/weight", {"weight": 5})

    assert b"event: rollout" in next(stream)
    admin("DELETE", "/tokens/viewer")
    assert list(stream) == []
