from datetime import timedelta
from typing import Any

import pytest

from provider.domain.gateways import QUIET_AFTER
from provider.domain.rollouts import Rollout
from provider.services import Obstacle, WaitReason
from tests.unit.services.test_gateways import carries, created, polled, written_down
from tests.unit.services.traefik import Raw, Traefik
from tests.world import World


def found(world: World, rollout: Rollout) -> Obstacle | None:
    return world.operations.obstacles.find([rollout])["shop"]


def reason(world: World, rollout: Rollout) -> WaitReason | None:
    obstacle = found(world, rollout)
    return obstacle.reason_code if obstacle else None


def shown(traefik: Traefik, path: str, **changes: Any) -> None:
    traefik.parts[path] = {**traefik.parts.get(path, {"name": path}), **changes}


def test_a_rollout_waits_while_no_gateway_polls(world: World) -> None:
    written_down(world)
    rollout = created(world)

    assert WaitReason.NOT_APPLIED is reason(world, rollout)


def test_served_counts_where_the_api_of_a_gateway_is_unknown(world: World) -> None:
    rollout = created(world)
    polled(world, revision_served=0, digest="older")
    before = found(world, rollout)
    polled(world)

    assert before
    assert WaitReason.NOT_APPLIED is before.reason_code
    assert "10.0.0.1:1" in before.detail
    assert found(world, rollout) is None


def test_applied_counts_where_the_api_of_a_gateway_is_known(world: World, traefik: Traefik) -> None:
    rollout = created(world)
    written_down(world, traefik.url)
    polled(world)
    before = reason(world, rollout)
    carries(world, traefik)

    assert WaitReason.NOT_APPLIED is before
    assert found(world, rollout) is None


def test_every_live_gateway_must_apply_it_and_one_that_has_stopped_polling_need_not(world: World) -> None:
    rollout = created(world)
    polled(world)
    polled(world, gateway="core", address="10.0.0.2:1", revision_served=0, digest="older")
    before = found(world, rollout)
    world.clock.pass_time(QUIET_AFTER / timedelta(seconds=1))
    polled(world)

    assert before
    assert "core" in before.detail
    assert found(world, rollout) is None


def test_a_gateway_that_does_not_carry_the_rollout_is_not_waited_for(world: World) -> None:
    rollout = created(world, gateways=["edge"])
    polled(world)
    polled(world, gateway="core", address="10.0.0.2:1", revision_served=0, digest="older")

    assert found(world, rollout) is None


def test_an_api_that_does_not_answer_is_called_once_for_all_rollouts(world: World, traefik: Traefik) -> None:
    rollouts = [created(world, "blog"), created(world)]
    written_down(world, traefik.url)
    polled(world)
    traefik.raw = {f"services/{name}_2@http": Raw(status=500) for name in ("blog", "shop")}
    obstacles = world.operations.obstacles.find(rollouts)

    assert [one.reason_code for one in obstacles.values() if one] == [WaitReason.NOT_APPLIED] * 2
    assert len(traefik.asked) == 1


@pytest.mark.parametrize(
    "changes",
    [{"serverStatus": {"http://127.0.0.1:9002": "DOWN"}}, {"status": "disabled", "error": ["no such transport"]}],
)
def test_a_canary_that_is_down_or_disabled_is_unavailable(
    world: World, traefik: Traefik, changes: dict[str, Any]
) -> None:
    rollout = created(world)
    written_down(world, traefik.url)
    polled(world)
    carries(world, traefik)
    shown(traefik, "services/shop_2@http", **changes)

    assert WaitReason.CANARY_UNAVAILABLE is reason(world, rollout)


def test_a_canary_of_another_provider_is_available_once_its_service_exists(world: World, traefik: Traefik) -> None:
    rollout = created(world, canary={"service": "shop-v9@docker"})
    written_down(world, traefik.url)
    polled(world)
    carries(world, traefik)
    before = found(world, rollout)
    shown(traefik, "services/shop-v9@docker", status="enabled", serverStatus={"http://a": "DOWN", "http://b": "UP"})

    assert before
    assert WaitReason.CANARY_UNAVAILABLE is before.reason_code
    assert "shop-v9@docker" in before.detail
    assert found(world, rollout) is None


@pytest.mark.parametrize(
    ("baseline", "part"),
    [
        ({"servers": [{"url": "http://127.0.0.1:9003"}]}, "shop_2_baseline@http"),
        ({"service": "old@docker"}, "old@docker"),
    ],
)
def test_a_baseline_must_be_available_like_the_canary(
    world: World, traefik: Traefik, baseline: dict[str, Any], part: str
) -> None:
    rollout = created(world, baseline=baseline)
    written_down(world, traefik.url)
    polled(world)
    carries(world, traefik)
    shown(traefik, f"services/{part}", status="enabled", serverStatus={"http://127.0.0.1:9003": "DOWN"})
    down = reason(world, rollout)
    shown(traefik, f"services/{part}", serverStatus={"http://127.0.0.1:9003": "UP"})

    assert WaitReason.BASELINE_UNAVAILABLE is down
    assert found(world, rollout) is None
