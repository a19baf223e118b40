"""What a change has broken in Traefik is taken back, once."""

import logging
from collections.abc import Iterator

import pytest

from provider.domain.gateways import GatewaySpec
from provider.services import Call
from provider.workers.reverter import Reverting
from tests.unit.services.traefik import Traefik, running_traefik
from tests.world import ME, World, spec

ANN = Call("ann")
WHY = "the service does not exist"


@pytest.fixture
def traefik(world: World) -> Iterator[Traefik]:
    with running_traefik() as traefik:
        world.operations.gateways.put("edge", GatewaySpec(api=traefik.url), ME)
        yield traefik


@pytest.fixture
def reverting(world: World) -> Reverting:
    return Reverting(world.operations)


def good(world: World, traefik: Traefik, reverting: Reverting) -> int:
    """Make a rollout that asks for it, and have it seen to be carried well; answer its version."""
    rollout = world.operations.rollouts.create("shop", spec(revertWhenBroken=True), ANN)
    carries(world, traefik)
    reverting.look()
    return rollout.version


def carries(world: World, traefik: Traefik, *, broken: bool = False) -> None:
    """Have Traefik take what is served."""
    world.caught_up()
    body = world.feed.body("edge")
    assert body
    traefik.carry(body.as_json)
    if broken:
        traefik.parts["routers/shop@http"] |= {"status": "disabled", "error": [WHY]}


def breaks(world: World, traefik: Traefik, *, priority: int = 7, **changes: object) -> int:
    """Change the rollout so that Traefik disables its router; answer its version."""
    changed = spec(priority=priority, **{"revertWhenBroken": True, **changes})
    done, _ = world.operations.rollouts.replace("shop", changed, ANN)
    carries(world, traefik, broken=True)
    return done.version


def priority(world: World) -> int | None:
    return world.operations.rollouts.get("shop").spec.priority


def test_a_change_that_is_broken_at_two_looks_is_taken_back_with_traefiks_words(
    world: World, traefik: Traefik, reverting: Reverting
) -> None:
    good(world, traefik, reverting)
    breaks(world, traefik)
    reverting.look()

    assert priority(world) == 7

    reverting.look()
    newest = world.operations.rollouts.history("shop", limit=1)[0]

    assert priority(world) is None
    assert (newest.action, newest.actor) == ("undo", "controller")
    assert f"gateway edge: routers/shop@http is disabled: {WHY}" in newest.reason


def test_what_was_taken_back_to_and_is_broken_too_stays(
    world: World, traefik: Traefik, reverting: Reverting, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    good(world, traefik, reverting)
    breaks(world, traefik)
    for _ in range(6):
        reverting.look()
        carries(world, traefik, broken=True)

    assert len(world.operations.rollouts.history("shop", limit=9)) == 3
    assert caplog.messages.count("rollout.reverted") == 1
    assert caplog.messages.count("rollout.revert_failed") == 1


def test_after_it_was_good_again_another_change_is_taken_back(
    world: World, traefik: Traefik, reverting: Reverting
) -> None:
    good(world, traefik, reverting)
    for number in (7, 8):
        breaks(world, traefik, priority=number)
        reverting.look()
        reverting.look()
        carries(world, traefik)
        reverting.look()

        assert priority(world) is None
    assert [event.action for event in world.operations.rollouts.history("shop", limit=9)] == [
        "undo",
        "replace",
        "undo",
        "replace",
        "create",
    ]


def test_another_controller_knows_what_was_good(world: World, traefik: Traefik, reverting: Reverting) -> None:
    good(world, traefik, reverting)
    breaks(world, traefik)
    other = Reverting(world.operations)
    other.look()
    other.look()

    assert priority(world) is None


def test_a_rollout_that_breaks_without_a_change_is_left_alone(
    world: World, traefik: Traefik, reverting: Reverting
) -> None:
    version = good(world, traefik, reverting)
    carries(world, traefik, broken=True)
    for _ in range(3):
        reverting.look()

    assert world.operations.rollouts.get("shop").version == version


def test_one_that_does_not_ask_for_it_is_left_alone(world: World, traefik: Traefik, reverting: Reverting) -> None:
    good(world, traefik, reverting)
    version = breaks(world, traefik, revertWhenBroken=None)
    for _ in range(3):
        reverting.look()

    assert world.operations.rollouts.get("shop").version == version


def test_a_fix_that_traefik_has_not_taken_yet_is_not_judged_by_what_was_broken_before(
    world: World, traefik: Traefik, reverting: Reverting
) -> None:
    good(world, traefik, reverting)
    breaks(world, traefik)
    reverting.look()
    fixed, _ = world.operations.rollouts.replace("shop", spec(priority=9, revertWhenBroken=True), ANN)
    world.caught_up()
    for _ in range(3):
        reverting.look()

    assert fixed.version == world.operations.rollouts.get("shop").version


def test_what_was_never_good_has_nothing_to_go_back_to_and_is_said_once(
    world: World, traefik: Traefik, reverting: Reverting, caplog: pytest.LogCaptureFixture
) -> None:
    rollout = world.operations.rollouts.create("shop", spec(revertWhenBroken=True), ANN)
    carries(world, traefik, broken=True)
    for _ in range(4):
        reverting.look()

    assert rollout.version == world.operations.rollouts.get("shop").version
    assert caplog.messages.count("rollout.revert_failed") == 1


def test_a_traefik_that_cannot_be_asked_says_nothing(world: World, traefik: Traefik, reverting: Reverting) -> None:
    good(world, traefik, reverting)
    version = breaks(world, traefik)
    world.operations.gateways.put("edge", GatewaySpec(api="http://127.0.0.1:9"), ME)
    world.caught_up()
    for _ in range(3):
        reverting.look()

    assert world.operations.rollouts.get("shop").version == version
