"""Proof that a version can take more traffic, by a Traefik's API and by connections to servers."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from provider.domain.rollouts import Action, Phase, Rollout
from provider.services import CanaryUnavailableError
from tests.unit.services.test_gateways import carries, polled, written_down
from tests.unit.services.traefik import Traefik
from tests.world import ME, World, spec

STEPS = [{"setWeight": 5}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]
FORCED = replace(ME, force=True)


@contextmanager
def listening() -> Iterator[str]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def closed_url() -> str:
    with listening() as url:
        return url


def side(*urls: str, **options: Any) -> dict[str, Any]:
    return {"servers": [{"url": url} for url in urls], **options}


def created(world: World, **changes: Any) -> Rollout:
    rollout = world.operations.rollouts.create("shop", spec(**changes), ME)
    world.caught_up()
    return rollout


def standing(rollout: Rollout) -> tuple[Phase, float, int]:
    return rollout.status.phase, float(rollout.status.weight), rollout.status.step_index


def test_a_canary_that_refuses_connections_waits_before_its_first_step(world: World) -> None:
    with listening() as stable:
        rollout = created(world, stable=side(stable), canary=side(closed_url()), steps=STEPS)
        found = world.operations.obstacles.find([rollout])["shop"]

    assert standing(rollout) == (Phase.PAUSED, 0, 0)
    assert found
    assert found.reason_code == "canary-unavailable"


def test_a_canary_that_accepts_connections_again_takes_its_first_step(world: World) -> None:
    with listening() as stable, listening() as canary:
        waiting = world.operations.rollouts.create(
            "other", spec(rule="Host(`other.localhost`)", stable=side(stable), canary=None), ME
        )
        rollout = created(world, stable=side(stable), canary=side(canary), steps=STEPS)

    assert waiting.canary is None
    assert standing(rollout) == (Phase.PAUSED, 5, 1)


@pytest.mark.parametrize("options", [{}, {"healthCheck": {"path": "/"}}], ids=["stable is closed too", "checked"])
def test_a_refused_connection_alone_proves_nothing(world: World, options: dict[str, Any]) -> None:
    with listening() as url:
        stable = side(url) if options else side(closed_url())
        rollout = created(world, stable=stable, canary=side(closed_url(), **options), steps=STEPS)

    assert standing(rollout) == (Phase.PAUSED, 5, 1)


def test_a_weight_is_not_raised_to_a_closed_canary_unless_that_is_forced(world: World) -> None:
    with listening() as stable:
        created(world, stable=side(stable), canary=side(closed_url()))
        with pytest.raises(CanaryUnavailableError):
            world.operations.rollouts.set_weight("shop", Decimal(5), ME)
        with pytest.raises(CanaryUnavailableError):
            world.operations.rollouts.move("shop", Action.PROMOTE_FULL, ME)
        forced = world.operations.rollouts.set_weight("shop", Decimal(5), FORCED)
        lowered = world.operations.rollouts.set_weight("shop", Decimal(1), ME)

    assert forced.status.weight == 5
    assert lowered.status.weight == 1


def test_a_version_that_was_stable_lately_takes_over_at_once_only_if_it_is_there(world: World) -> None:
    with listening() as second:
        first = closed_url()
        created(world, stable=side(first), canary=side(second), rollbackWindow="1h")
        world.operations.rollouts.move("shop", Action.PROMOTE_FULL, ME)
        with pytest.raises(CanaryUnavailableError):
            world.operations.rollouts.start("shop", spec(stable=side(first)).stable, ME)
        back = world.operations.rollouts.start("shop", spec(stable=side(first)).stable, FORCED)

    assert Phase.HEALTHY is back.status.phase


def shown(traefik: Traefik, path: str, **changes: Any) -> None:
    traefik.parts[path] = {**traefik.parts[path], **changes}


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("services/shop_2@http", {"serverStatus": {"http://127.0.0.1:9002": "DOWN"}}),
        ("services/shop_2@http", {"status": "disabled", "error": ["no such thing"]}),
        ("routers/shop@http", {"status": "disabled", "error": ["no such middleware"]}),
    ],
)
def test_a_canary_that_traefik_shows_as_broken_gets_no_more_traffic(
    world: World, traefik: Traefik, path: str, changes: dict[str, Any]
) -> None:
    created(world)
    world.operations.rollouts.set_weight("shop", Decimal(5), ME)
    world.caught_up()
    written_down(world, traefik.url)
    polled(world)
    carries(world, traefik)
    healthy = world.operations.rollouts.set_weight("shop", Decimal(6), ME)
    shown(traefik, path, **changes)
    with pytest.raises(CanaryUnavailableError):
        world.operations.rollouts.move("shop", Action.PROMOTE_FULL, ME)
    with pytest.raises(CanaryUnavailableError):
        world.operations.rollouts.set_weight("shop", Decimal(7), ME)

    assert healthy.status.weight == 6
    assert Phase.DEGRADED is world.operations.rollouts.move("shop", Action.ABORT, ME).status.phase


def test_a_closed_baseline_gets_no_more_traffic_and_holds_up_no_promotion(world: World) -> None:
    with listening() as stable, listening() as canary:
        rollout = created(world, stable=side(stable), canary=side(canary), baseline=side(closed_url()), steps=STEPS)
        found = world.operations.obstacles.find([rollout])["shop"]
        with pytest.raises(CanaryUnavailableError):
            world.operations.rollouts.set_weight("shop", Decimal(5), ME)
        promoted = world.operations.rollouts.move("shop", Action.PROMOTE_FULL, ME)

    assert standing(rollout) == (Phase.PAUSED, 0, 0)
    assert found
    assert found.reason_code == "baseline-unavailable"
    assert Phase.HEALTHY is promoted.status.phase
