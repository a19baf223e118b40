"""Rollouts that match the same requests as another one."""

from datetime import timedelta
from typing import Any

import pytest

from provider.domain.rollouts import Rollout
from provider.services import SameRequestsError
from provider.traefik.config import Overlaps
from tests.world import ME, World, spec

RULE = "Host(`shop.example.com`) && PathPrefix(`/api`)"
TURNED = "PathPrefix(`/api`) && Host(`shop.example.com`)"


def created(world: World, name: str, rule: str = RULE, **changes: Any) -> Rollout:
    rollout = world.operations.rollouts.create(name, spec(rule=rule, canary=None, **changes), ME)
    world.caught_up()
    return rollout


def overlaps(world: World, name: str) -> Overlaps:
    return world.operations.routes.overlaps(world.operations.rollouts.get(name))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rule": TURNED},
        {"rule": " Host(`SHOP.example.com`)&&PathPrefix( `/api` ) "},
        {"rule": f"({RULE}) || ({TURNED})"},
        {"priority": len(RULE)},
        {"entryPoints": ["web"]},
        {"gateways": ["edge", "inner"]},
    ],
)
def test_equal_rules_with_the_same_priority_are_refused(world: World, changes: dict[str, Any]) -> None:
    created(world, "first")
    rule = changes.pop("rule", RULE)
    if len(rule) != len(RULE):
        changes["priority"] = len(RULE)
    with pytest.raises(SameRequestsError) as caught:
        created(world, "second", rule, **changes)

    assert caught.value.other == "first"


@pytest.mark.parametrize(
    "changes",
    [
        {"priority": 9},
        {"tls": {}},
        {"rule": "Host(`blog.example.com`) && PathPrefix(`/api`)"},
        {"rule": "Host(`shop.example.com`) && PathPrefix(`/API`)"},
    ],
)
def test_other_requests_are_taken(world: World, changes: dict[str, Any]) -> None:
    created(world, "first")

    assert created(world, "second", **changes).name == "second"


def test_rollouts_that_never_meet_may_have_equal_rules(world: World) -> None:
    created(world, "first", entryPoints=["web"], gateways=["edge"])

    assert created(world, "second", entryPoints=["websecure"], gateways=["edge"]).name == "second"
    assert created(world, "third", entryPoints=["web"], gateways=["inner"]).name == "third"


def test_a_change_and_a_way_back_are_refused_as_well_and_all_else_may_change(world: World) -> None:
    created(world, "first", priority=9)
    second = created(world, "second", priority=8)
    world.operations.rollouts.replace("second", spec(rule=RULE, canary=None, priority=7), ME)
    world.operations.rollouts.replace("first", spec(rule=RULE, canary=None, priority=8), ME)
    world.caught_up()
    with pytest.raises(SameRequestsError):
        world.operations.rollouts.replace("second", spec(rule=RULE, canary=None, priority=8), ME)
    with pytest.raises(SameRequestsError):
        world.operations.rollouts.undo("second", second.version, ME)
    changed = spec(rule=RULE, canary=None, priority=7, progressDeadline="1h")

    assert timedelta(hours=1) == world.operations.rollouts.replace("second", changed, ME)[0].spec.progress_deadline


def test_a_rollout_that_was_deleted_or_changed_is_in_nobodys_way(world: World) -> None:
    created(world, "first")
    world.operations.rollouts.replace("first", spec(rule="Host(`other`)", canary=None), ME)
    world.caught_up()
    created(world, "second")
    world.operations.rollouts.delete("second", ME)
    world.caught_up()

    assert created(world, "third").name == "third"


@pytest.mark.parametrize(
    "rule",
    [
        "Host(`shop.example.com`)",
        "Host(`shop.example.com`) || Host(`blog.example.com`)",
        "PathPrefix(`/a`)",
        "PathPrefix(`/`)",
        RULE,
    ],
)
def test_a_rollout_that_gets_no_traffic_is_shadowed(world: World, rule: str) -> None:
    created(world, "first")
    created(world, "second", rule, priority=100)

    assert Overlaps(shadowed_by="second") == overlaps(world, "first")
    assert Overlaps() == overlaps(world, "second")


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("Host(`shop.example.com`)", {}),
        ("Host(`shop.example.com`) && PathPrefix(`/api/v1`)", {"priority": 100}),
        ("Host(`shop.example.com`)", {"priority": 100, "gateways": ["edge"]}),
        ("Host(`shop.example.com`)", {"priority": 100, "entryPoints": ["web"]}),
        ("HostRegexp(`^shop`)", {"priority": 100}),
    ],
)
def test_a_rollout_that_gets_some_requests_is_not_shadowed(world: World, rule: str, changes: dict[str, Any]) -> None:
    created(world, "first")
    created(world, "second", rule, **changes)

    assert Overlaps() == overlaps(world, "first")


def test_rules_that_overlap_with_the_same_priority_are_told(world: World) -> None:
    created(world, "first", "Host(`shop`) && PathPrefix(`/a`)", priority=9)
    created(world, "second", "Host(`shop`) && Header(`X-One`, `1`)", priority=9)
    created(world, "third", "Host(`shop`) && PathPrefix(`/b`)", priority=9)

    assert Overlaps(shared_with=("second",)) == overlaps(world, "first")
    assert overlaps(world, "third").shared_with == ("second",)
