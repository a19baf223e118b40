from dataclasses import replace
from decimal import Decimal

import pytest

from provider.domain.auth import Role
from provider.domain.gateways import GatewaySpec
from provider.domain.rollouts import Action
from provider.replica import Feed, State
from provider.services import Call, Operations, StoreWentBackError
from provider.store import Contents, MemoryStore, Request
from tests.world import ME, World, spec, wait_until


def gone_back(world: World) -> None:
    """Have the store come back empty, as a Redis without persistence does."""
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    world.store._revision, world.store._lineage = 0, ""
    world.store._documents.clear()
    world.store._events.clear()
    # The feed looks again when it missed something; it must not wait its usual time here.
    with world.store._changed:
        world.store._changed.notify_all()
    assert wait_until(lambda: world.feed.state is State.WENT_BACK)


def test_nothing_is_written_to_a_store_that_went_back(world: World) -> None:
    gone_back(world)
    writes = (
        lambda: world.operations.rollouts.create("blog", spec(rule="Host(`blog.localhost`)"), ME),
        lambda: world.operations.gateways.put("edge", GatewaySpec(), ME),
        lambda: world.operations.tokens.create("ci", Role.VIEWER, ME),
        lambda: world.operations.rollouts.create(
            "blog", spec(rule="Host(`blog.localhost`)"), Call("ann", is_dry_run=True)
        ),
    )

    for write in writes:
        with pytest.raises(StoreWentBackError, match="traefik-canary restore --from served"):
            write()
    assert world.store.revision() == ("", 0)


def test_what_was_served_is_still_listed_when_the_store_went_back(world: World) -> None:
    gone_back(world)

    assert [rollout.name for rollout in world.operations.rollouts.page(limit=9).rollouts] == ["shop"]


def test_a_list_waits_for_what_was_written_elsewhere(world: World) -> None:
    for number in range(50):
        world.operations.rollouts.create(f"shop-{number}", spec(rule=f"Host(`shop-{number}.localhost`)"), ME)

    assert len(world.operations.rollouts.page(limit=99).rollouts) == 50


def test_a_feed_that_closes_is_not_waited_for(world: World) -> None:
    world.caught_up()
    world.feed.close()
    world.store.restore(Contents("another", 7, {}), actor="test", reason="")

    assert world.operations.rollouts.page(limit=9).rollouts == []


@pytest.mark.parametrize("missing", ["shop", "blog"])
def test_nothing_is_missing_in_a_store_that_was_emptied_but_as_yet_unseen(missing: str) -> None:
    served, emptied = MemoryStore(), MemoryStore()
    Operations(served, Feed(served)).rollouts.create("shop", spec(), ME)
    feed = Feed(served)
    feed.start()
    assert wait_until(lambda: feed.state is State.FOLLOWING)
    rollouts = Operations(emptied, feed).rollouts

    with pytest.raises(StoreWentBackError):
        rollouts.get(missing)
    with pytest.raises(StoreWentBackError):
        rollouts.create(missing, spec(rule=f"Host(`{missing}.localhost`)"), ME)
    assert emptied.revision() == ("", 0)
    feed.close()


def test_a_request_whose_earlier_attempt_is_done_meanwhile_is_not_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollouts = world.operations.rollouts
    created = rollouts.create("shop", spec(), ME)
    once = Call("ann", if_match=created.version, request=Request("ann:1", "same", keep_seconds=60))
    first = rollouts.set_weight("shop", Decimal(7), once)
    recall, unknown = world.store.recall, iter([None])
    # The second attempt has looked for the first one just before that was done.
    monkeypatch.setattr(world.store, "recall", lambda request: next(unknown, recall(request)))
    second = rollouts.set_weight("shop", Decimal(7), once)

    assert first.version == second.version == world.store.revision()[1]


def test_a_store_that_has_lost_its_latest_changes_is_not_written_to_though_nobody_has_noticed() -> None:
    served, older = MemoryStore(), MemoryStore()
    created = Operations(served, Feed(served)).rollouts.create("shop", spec(), ME)
    older.restore(served.load(), actor="test", reason="")
    older._revision = created.version - 1
    feed = Feed(served)
    feed.start()
    assert wait_until(lambda: feed.state is State.FOLLOWING)
    rollouts = Operations(older, feed).rollouts

    older._documents = {key: replace(stored, version=0) for key, stored in older._documents.items()}

    with pytest.raises(StoreWentBackError):
        rollouts.get("shop")
    with pytest.raises(StoreWentBackError):
        rollouts.move("shop", Action.PAUSE, ME)
    with pytest.raises(StoreWentBackError):
        rollouts.move("shop", Action.PAUSE, Call("ann", if_match=99))
    feed.close()
