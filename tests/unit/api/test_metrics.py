from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from prometheus_client import CollectorRegistry, Counter, Metric
from prometheus_client.parser import text_string_to_metric_families

from provider.domain.analysis import Share, ShareState
from provider.domain.fields import encode
from provider.domain.gateways import Condition, GatewayHealth
from provider.domain.rollouts import Phase, Rollout, Server
from provider.store import Change, Key, Kind, Request
from provider.traefik.config import qualified, render
from provider.web.api.metrics import exposition
from tests.rollouts_strategy import rollouts
from tests.unit.api.conftest import Client
from tests.world import ME, World, spec


def families(world: World) -> Mapping[str, Metric]:
    world.caught_up()
    content, _ = exposition(world.operations, list)  # what is counted is the whole process', and so of all tests
    return {family.name: family for family in text_string_to_metric_families(content.decode())}


def labels(world: World, name: str) -> list[dict[str, str]]:
    """Give the labels of a metric whose series are all 1."""
    samples = families(world)[name].samples
    assert {1.0} == {sample.value for sample in samples}
    return [dict(sample.labels) for sample in samples]


def services(world: World, rollout: str = "shop") -> dict[str, str]:
    """Give the service of each side, as `/metrics` names it."""
    found = labels(world, "canary_rollout_side_info")
    return {series["side"]: series["service"] for series in found if series["rollout"] == rollout}


def test_both_sides_are_named_as_traefik_names_their_services(world: World, shop: str) -> None:
    assert services(world) == {"stable": "shop_1@http", "canary": "shop_2@http"}


def test_a_promoted_canary_is_the_stable_side_under_its_own_name(admin: Client, world: World, shop: str) -> None:
    admin("POST", f"/rollouts/{shop}/promote", {"full": True})

    assert services(world) == {"stable": "shop_2@http"}


def test_a_rollout_that_was_aborted_has_no_canary(admin: Client, world: World, shop: str) -> None:
    admin("POST", f"/rollouts/{shop}/abort")

    assert services(world) == {"stable": "shop_1@http"}
    assert labels(world, "canary_rollout_phase") == [{"rollout": "shop", "phase": "Degraded"}]


def test_a_service_of_another_provider_keeps_the_name_it_has_there(world: World) -> None:
    world.operations.rollouts.create("shop", spec(canary={"service": "shop-v2@docker"}), ME)

    assert services(world) == {"stable": "shop_1@http", "canary": "shop-v2@docker"}


@pytest.mark.parametrize(
    ("changes", "stable"),
    [
        ({"mirror": {"percent": 10}}, "shop_1_servers@http"),
        ({"mirror": {"percent": 0}}, "shop_1@http"),
        ({"mirror": {"percent": 10}, "canary": None}, "shop_1@http"),
        ({"mirror": {"percent": 10}, "stable": {"service": "shop-v1@docker"}}, "shop-v1@docker"),
        ({"steps": [{"setMirror": 10}, {"pause": {}}]}, "shop_1_servers@http"),
        ({"steps": [{"setMirror": 0}, {"pause": {}}], "mirror": {"percent": 10}}, "shop_1@http"),
    ],
)
def test_while_mirroring_stable_is_counted_behind_the_mirror(
    changes: dict[str, Any], stable: str, world: World
) -> None:
    world.operations.rollouts.create("shop", spec(**changes), ME)

    assert services(world)["stable"] == stable


@settings(deadline=None)  # each example starts a worker
@given(rollout=rollouts())
def test_every_service_with_servers_is_a_side_or_gets_copies_or_what_overrides_send(rollout: Rollout) -> None:
    with_servers = {name for name, service in render(rollout).services.items() if "loadBalancer" in service}
    apart = {name for name in with_servers if name.endswith(("_mirror", "_override"))}
    world = World()
    key = Key(Kind.ROLLOUT, rollout.name)
    world.store.commit(Change(key, 0, encode(rollout), "test", "test", "", Request("a", "")))
    world.start()
    try:
        named = services(world, rollout.name)
    finally:
        world.feed.close()

    assert named.keys() == rollout.sides.keys()
    assert {qualified(name) for name in with_servers - apart} <= set(named.values())


def test_servers_of_a_baseline_count_only_beside_a_canary(world: World) -> None:
    baseline = {"servers": [{"url": "http://127.0.0.1:9003"}]}
    world.operations.rollouts.create("shop", spec(canary=None, baseline=baseline), ME)
    world.caught_up()
    at_rest = {one["side"] for one in labels(world, "canary_rollout_servers")}
    world.operations.rollouts.start("shop", spec().sides["canary"], ME)
    world.caught_up()

    assert at_rest == {"stable"}
    assert {one["side"] for one in labels(world, "canary_rollout_servers")} == {"stable", "canary", "baseline"}


def test_series_grow_with_rollouts_and_with_nothing_else(admin: Client, world: World) -> None:
    for name in ("blog", "shop"):
        world.operations.rollouts.create(name, spec(rule=f"Host(`{name}.localhost`)"), ME)
    for weight in (5, 25, 50):
        admin("PUT", "/rollouts/shop/weight", {"weight": weight})
    counts = {name: len(family.samples) for name, family in families(world).items()}

    assert {
        "canary_store_clock_ahead_seconds": 1,
        "canary_rollouts": len(Phase),
        "canary_rollout_weight_percent": 2,
        "canary_rollout_phase": 2,
        "canary_rollout_side_info": 4,
        "canary_rollout_servers": 4,
        "canary_rollout_servers_kept": 4,
        "canary_revision": 1,
        "canary_rollout_step": 2,
        "canary_rollout_steps": 2,
        "canary_store_following": 1,
        "canary_store_state": 1,
        "canary_corrupt_documents": 1,
        # What nobody has seen is not told.
        "canary_rollout_share_percent": 0,
        "canary_rollout_starved": 0,
        "canary_rollout_applied_weight_percent": 0,
        "canary_gateway_last_poll_timestamp_seconds": 0,
        "canary_gateway_revision_served": 0,
        "canary_gateway_revision_applied": 0,
        "canary_gateway_health": 0,
    } == counts


def test_servers_that_answer_are_counted_and_those_that_are_kept_are_told(world: World) -> None:
    servers = [{"url": "http://a:1"}, {"url": "http://b:1", "drain": True}, {"url": "http://c:1"}]
    world.operations.discovery.announce("shop", "v2", "one", Server(url="http://127.0.0.1:9"), seconds=5)
    canary = {"discover": {"registered": "v2"}}
    world.operations.rollouts.create("shop", spec(stable={"servers": servers}, canary=canary), ME)
    world.operations.rollouts.create(
        "blog", spec(rule="Host(`blog.localhost`)", stable={"service": "a@docker"}, canary=None), ME
    )
    world.caught_up()
    world.operations.discovery.withdraw("shop", "v2", "one")
    world.caught_up()
    found = {
        name: {(*one.labels.values(), one.value) for one in family.samples}
        for name, family in families(world).items()
    }

    assert {("shop", "stable", 2), ("shop", "canary", 1)} == found["canary_rollout_servers"]
    assert {("shop", "stable", 0), ("shop", "canary", 1)} == found["canary_rollout_servers_kept"]


def test_what_the_controller_has_seen_is_told_as_long_as_it_is_known(world: World, shop: str) -> None:
    now = world.clock.time
    world.operations.rollouts.set_weight(shop, Decimal(5), ME)
    starved = Share(
        state=ShareState.STARVED, summary="", requested=Decimal(5), achieved=0.5, since=now, measured_at=now
    )
    unknown = Share(
        state=ShareState.UNKNOWN, summary="no requests yet", requested=Decimal(5), since=now, measured_at=now
    )
    world.operations.rollouts.create(
        "blog", spec(rule="Host(`blog.localhost`)", steps=[{"setWeight": 5}, {"pause": {}}]), ME
    )
    world.caught_up()
    world.operations.traffic.publish({shop: starved, "blog": unknown}, seconds=15)
    polled = Condition(health=GatewayHealth.OUTDATED, since=now, last_poll=now, revision_served=3)
    world.operations.observations.publish({"edge": polled}, seconds=15)
    found = {
        name: [(*sample.labels.values(), sample.value) for sample in family.samples]
        for name, family in families(world).items()
    }

    assert [(shop, 0.5)] == found["canary_rollout_share_percent"]
    assert [(shop, 1)] == found["canary_rollout_starved"]
    assert [("edge", now.timestamp())] == found["canary_gateway_last_poll_timestamp_seconds"]
    assert found["canary_gateway_revision_served"] == [("edge", 3)]
    assert found["canary_gateway_revision_applied"] == []
    assert found["canary_gateway_health"] == [("edge", "outdated", 1)]


def figures(world: World, name: str) -> dict[str, float]:
    """Give a metric's figures by the one label that it has."""
    return {next(iter(sample.labels.values())): sample.value for sample in families(world)[name].samples}


def test_a_step_is_counted_from_one_and_there_is_none_without_a_canary(world: World, admin: Client) -> None:
    steps = [{"setWeight": 5}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]
    world.operations.rollouts.create("shop", spec(steps=steps), ME)
    world.operations.rollouts.create("blog", spec(rule="Host(`blog.localhost`)", canary=None), ME)

    assert figures(world, "canary_rollout_step") == {"shop": 2, "blog": 0}
    assert figures(world, "canary_rollout_steps") == {"shop": 4, "blog": 0}

    admin("POST", "/rollouts/shop/promote")
    assert figures(world, "canary_rollout_step") == {"shop": 4, "blog": 0}


@pytest.mark.parametrize(
    ("served", "applied", "in_force"),
    [
        ([0, 0], [None, None], {"shop": 25}),
        ([0, -1], [None, None], {"shop": 5}),
        ([0, 0], [None, -1], {"shop": 5}),
        ([0, -2], [0, 0], {"shop": 25}),
        ([0, None], [None, None], {}),
        ([], [], {}),
    ],
)
def test_in_force_is_what_every_gateway_has(
    served: list[int | None], applied: list[int | None], in_force: dict[str, float], world: World, shop: str
) -> None:
    for weight in (5, 25):
        newest = world.operations.rollouts.set_weight(shop, Decimal(weight), ME).version
    world.caught_up()
    conditions = {
        f"edge-{number}": Condition(
            health=GatewayHealth.HEALTHY,
            since=world.clock.time,
            revision_served=None if one is None else newest + one,
            revision_applied=None if other is None else newest + other,
        )
        for number, (one, other) in enumerate(zip(served, applied, strict=True))
    }
    world.operations.observations.publish(conditions, seconds=15)

    assert figures(world, "canary_rollout_applied_weight_percent") == in_force


def test_what_was_counted_of_a_rollout_that_is_gone_is_told_no_more(world: World, shop: str) -> None:
    registry = CollectorRegistry()
    verdicts = Counter("canary_verdicts", "Looks.", ["rollout", "outcome"], registry=registry)
    polls = Counter("canary_polls", "Polls.", ["gateway"], registry=registry)
    for name in (shop, "gone"):
        verdicts.labels(name, "Successful").inc()
    for gateway in ("", "other", "nobody-knows-it"):
        polls.labels(gateway).inc()
    world.caught_up()
    found = exposition(world.operations, registry.collect)[0].decode()

    assert 'canary_verdicts_total{outcome="Successful",rollout="shop"} 1.0' in found
    assert "gone" not in found
    assert 'canary_polls_total{gateway="other"} 1.0' in found
    assert "nobody-knows-it" not in found
    assert "_created" not in found
