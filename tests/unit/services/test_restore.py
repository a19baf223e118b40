import pytest

from provider.replica import Feed, State
from provider.services import Call, Operations, RestoreSource
from tests.unit.services.test_documents import gone_back
from tests.unit.services.writing import written_by_hand
from tests.world import ME, World, spec, wait_until


@pytest.mark.parametrize(("truth", "names"), [(RestoreSource.SERVED, ["blog", "shop"]), (RestoreSource.STORED, [])])
def test_store_and_provider_agree_again_on_one_of_them(world: World, truth: RestoreSource, names: list[str]) -> None:
    world.operations.rollouts.create("blog", spec(rule="Host(`blog.localhost`)"), ME)
    gone_back(world)
    lineage = world.feed.contents().lineage
    served = world.feed.revision
    revision = world.operations.restoring.restore(truth, Call("ann", reason="Redis lost its disk")).revision

    assert (lineage, revision) == world.store.revision()
    assert revision > served
    assert wait_until(lambda: world.feed.state is State.FOLLOWING)
    world.caught_up()
    assert [rollout.name for rollout in world.operations.rollouts.page(limit=9).rollouts] == names
    assert revision < world.operations.rollouts.create("new", spec(rule="Host(`new.localhost`)"), ME).version


@pytest.mark.parametrize("truth", RestoreSource)
def test_a_write_right_after_a_restore_is_made(world: World, truth: RestoreSource) -> None:
    gone_back(world)
    revision = world.operations.restoring.restore(truth, ME).revision

    assert revision < world.operations.rollouts.create("new", spec(rule="Host(`new.localhost`)"), ME).version


def test_another_worker_writes_right_after_a_restore(world: World) -> None:
    other = Feed(world.store)
    other.start()
    # It must have seen a write: a worker that has seen none does not know that the store is another one.
    world.operations.rollouts.create("blog", spec(rule="Host(`blog.localhost`)"), ME)
    assert wait_until(lambda: other.revision > 0)
    gone_back(world)
    assert wait_until(lambda: other.state is State.WENT_BACK)
    revision = world.operations.restoring.restore(RestoreSource.SERVED, ME).revision
    written = Operations(world.store, other).rollouts.create("new", spec(rule="Host(`new.localhost`)"), ME)
    other.close()

    assert revision < written.version


def test_versions_that_were_seen_hold_after_what_was_served_is_written_back(world: World) -> None:
    gone_back(world)
    world.operations.restoring.restore(RestoreSource.SERVED, ME)
    world.caught_up()
    version = world.operations.rollouts.get("shop").version
    deleted = Call("ann", if_match=version, allow_shrink=True)
    world.operations.rollouts.delete("shop", deleted)

    assert version == 1


@pytest.mark.parametrize("truth", RestoreSource)
def test_where_nothing_is_wrong_nothing_is_lost(world: World, truth: RestoreSource) -> None:
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    rollout = world.operations.rollouts.get("shop")
    world.operations.restoring.restore(truth, ME)
    world.caught_up()

    assert world.operations.rollouts.get("shop") == rollout
    assert [rollout] == world.operations.rollouts.page(limit=9).rollouts


@pytest.mark.parametrize("truth", RestoreSource)
def test_restored_rollouts_that_match_the_same_requests_are_reported(world: World, truth: RestoreSource) -> None:
    world.operations.rollouts.create("blog", spec(rule="Host(`blog.localhost`)"), ME)
    world.operations.rollouts.create("shop", spec(), ME)
    written_by_hand(world, "twin", like="shop")
    written_by_hand(world, "damaged", text="{}")
    world.caught_up()
    restored = world.operations.restoring.restore(truth, ME)

    assert restored.overlapping_rules == [("shop", "twin")]
