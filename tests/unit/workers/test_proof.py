from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from provider.domain.fields import encode
from provider.domain.gateways import Sighting
from provider.domain.rollouts import Rollout
from provider.services import Obstacle, WaitReason
from provider.workers.proof import GatewayProof, counted_from
from tests.world import ME, World, spec, wait_until

STEPS = [{"setWeight": 5}, {"pause": {"duration": "10m"}}, {"setWeight": 50}, {"pause": {}}]


@pytest.fixture
def rollout(world: World) -> Rollout:
    created = world.operations.rollouts.create("shop", spec(steps=STEPS), ME)
    world.caught_up()
    return created


def polled(world: World) -> None:
    body = world.feed.body("edge")
    assert body
    sighting = Sighting(
        gateway="edge",
        address="10.0.0.1:1",
        last_poll=world.clock.time,
        revision_served=world.feed.revision,
        digest=body.digest,
        is_authenticated=True,
    )
    world.store.report({"edge@10.0.0.1:1": encode(sighting)})


def is_confirmed(world: World, proof: GatewayProof, rollout: Rollout) -> bool:
    return wait_until(lambda: proof.confirmed_at(rollout, world.clock.time) is not None)


def test_a_step_is_confirmed_from_the_first_check_that_finds_it_applied(world: World, rollout: Rollout) -> None:
    proof = GatewayProof(world.operations)
    before = proof.confirmed_at(rollout, world.clock.time)
    world.clock.pass_time(60)
    polled(world)
    at = world.clock.time

    assert before is None
    assert is_confirmed(world, proof, rollout)
    world.clock.pass_time(60)
    assert proof.confirmed_at(rollout, world.clock.time) == at


def test_another_controller_counts_from_the_same_confirmation(world: World, rollout: Rollout) -> None:
    polled(world)
    at = world.clock.time
    assert is_confirmed(world, GatewayProof(world.operations), rollout)
    world.clock.pass_time(60)

    assert GatewayProof(world.operations).confirmed_at(rollout, world.clock.time) == at


def test_the_next_step_needs_a_confirmation_of_its_own(world: World, rollout: Rollout) -> None:
    polled(world)
    proof = GatewayProof(world.operations)
    assert is_confirmed(world, proof, rollout)
    world.clock.pass_time(600)
    moved = world.operations.rollouts.advance("shop", ME)

    assert proof.confirmed_at(moved, world.clock.time) is None


def test_what_has_not_been_checked_is_no_proof(world: World, rollout: Rollout) -> None:
    obstacle = GatewayProof(world.operations).obstacle(rollout)

    assert obstacle
    assert (obstacle.reason_code, obstacle.is_found) == (WaitReason.NOT_APPLIED, False)


def test_a_pause_and_an_analysis_are_counted_from_the_confirmation(world: World, rollout: Rollout) -> None:
    later = rollout.status.since + timedelta(seconds=30)
    judging = world.operations.rollouts.create(
        "blog", spec(rule="Host(`blog.localhost`)", steps=[{"analysis": {"duration": "5m"}}]), ME
    )
    until = rollout.status.paused_until

    assert until
    assert until + timedelta(seconds=30) == counted_from(rollout, later).status.paused_until
    assert counted_from(judging, later).status.analysis_since == later
    assert counted_from(rollout, rollout.status.since) == rollout


def test_a_rollout_that_waits_is_checked_ever_more_seldom(
    world: World, rollout: Rollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    monkeypatch.setattr("provider.workers.proof.time.monotonic", lambda: now[0])
    proof, checks = GatewayProof(world.operations), 0
    find = world.operations.obstacles.find

    def counted(rollouts: Sequence[Rollout]) -> Mapping[str, Obstacle | None]:
        nonlocal checks
        checks += 1
        return find(rollouts)

    monkeypatch.setattr(world.operations.obstacles, "find", counted)
    found = set()
    for _ in range(120):
        obstacle = proof.obstacle(rollout)
        for running in list(proof._running.values()):
            running.result()
        found.add(obstacle and obstacle.is_found)
        now[0] += 0.5

    assert 10 < checks < 20
    assert {False, True} == found
    assert proof.obstacle(rollout)


def test_a_rollout_that_has_changed_is_checked_at_once(
    world: World, rollout: Rollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = GatewayProof(world.operations)
    assert wait_until(lambda: (found := proof.obstacle(rollout)) is not None and found.is_found)
    world.clock.pass_time(600)
    moved = world.operations.rollouts.advance("shop", ME)
    world.caught_up()
    polled(world)

    assert wait_until(lambda: proof.obstacle(moved) is None)
