"""Latency limits that the gateways' buckets cannot show to be kept."""

from typing import Any

import pytest

from provider.domain.fields import InvalidDocumentError
from tests.canaries import remember, seen
from tests.world import ME, World, spec

STEPS = [{"setWeight": 5}, {"analysis": {"until": "known"}}, {"pause": {}}]


def limited(limit: str, **changes: Any) -> Any:
    return spec(steps=STEPS, analysis={"limits": {"latencyP50": limit}}, **changes)


@pytest.fixture
def sampled(world: World) -> World:
    """Sample the canary of a rollout; the first bucket edge is 100 ms."""
    world.operations.rollouts.create("shop", spec(steps=STEPS), ME)
    world.caught_up()
    rollout = world.operations.rollouts.get("shop")
    remember(world.operations, "shop", seen(rollout, [((900, 0), (100, 0))], now=world.clock()))
    return world


def test_a_limit_below_the_first_bucket_edge_is_refused_for_the_rollout_and_its_neighbors(sampled: World) -> None:
    with pytest.raises(InvalidDocumentError) as replaced:
        sampled.operations.rollouts.replace("shop", limited("50ms"), ME)
    with pytest.raises(InvalidDocumentError) as created:
        sampled.operations.rollouts.create("other", limited("50ms", rule="Host(`other.localhost`)"), ME)

    for error in (replaced.value, created.value):
        assert [mistake.pointer for mistake in error.mistakes] == ["/spec/analysis/limits/latencyP50"]
        assert "at least 100 ms" in error.mistakes[0].detail


def test_a_limit_at_the_first_bucket_edge_is_accepted(sampled: World) -> None:
    rollout, _ = sampled.operations.rollouts.replace("shop", limited("100ms"), ME)

    assert rollout.spec.analysis is not None


def test_what_was_sampled_long_ago_refuses_nothing_as_traefik_may_have_other_buckets_now(sampled: World) -> None:
    sampled.clock.pass_time(600)

    assert sampled.operations.rollouts.replace("shop", limited("50ms"), ME)


def test_without_a_sample_nothing_is_refused(world: World) -> None:
    assert world.operations.rollouts.create("shop", limited("50ms"), ME)
