"""What steps change of what Traefik is told: the same as if the spec said it, from the step until the canary ends."""

from typing import Any

import pytest

from provider.domain.rollouts import Rollout
from provider.traefik.config import Fragment, render
from tests.unit.config.sides import CANARY, NOW, STABLE, at_rest, held, stepped

RULE = "Host(`shop.localhost`)"
PRIORITY = len(RULE)
SHOP_1, SHOP_2 = {"loadBalancer": STABLE}, {"loadBalancer": CANARY}
FOREIGN_STABLE, FOREIGN_CANARY = {"service": "shop-v1@docker"}, {"service": "shop-v2@docker"}
TESTER = {"header": {"name": "X-Canary", "value": "always"}, "to": "canary"}
OTHER = {"header": {"name": "X-Canary", "value": "never"}, "to": "stable"}
UNCOUNTED = {"observability": {"metrics": False}}
AT_REST = Fragment(routers={"shop": {"rule": RULE, "service": "shop_1"}}, services={"shop_1": SHOP_1})
SPLIT = {"weighted": {"services": [{"name": "shop_1", "weight": 9}, {"name": "shop_2", "weight": 1}]}}


def router(service: str, **options: object) -> dict[str, Any]:
    return {"rule": RULE, "service": service, **options}


def override(value: str, service: str, priority: int) -> dict[str, Any]:
    return {"rule": f"({RULE}) && Header(`X-Canary`, `{value}`)", "service": service, "priority": priority}


def mirroring(service: str, copies: str, percent: int, **options: object) -> dict[str, Any]:
    mirrors = [{"name": copies, "percent": percent}]
    return {"mirroring": {"service": service, "mirrors": mirrors, "maxBodySize": 1_048_576, **options}}


def test_a_canary_without_traffic_gets_the_copies_that_a_step_sets() -> None:
    assert Fragment(
        routers={"shop": router("shop_1")},
        services={
            "shop_1": mirroring("shop_1_servers", "shop_2_mirror", 50),
            "shop_1_servers": SHOP_1,
            "shop_2_mirror": SHOP_2,
        },
    ) == render(stepped({"setMirror": 50}))


@pytest.mark.parametrize("mirror", [None, {"percent": 20}])
def test_a_split_is_mirrored_as_a_step_says(mirror: object) -> None:
    assert {
        "shop": SPLIT,
        "shop_1": mirroring("shop_1_servers", "shop_2_mirror", 50),
        "shop_1_servers": SHOP_1,
        "shop_2": SHOP_2,
        "shop_2_mirror": SHOP_2,
    } == render(stepped({"setMirror": 50}, {"setWeight": 10}, mirror=mirror)).services


def test_a_step_keeps_the_size_of_bodies_that_the_spec_allows() -> None:
    services = render(stepped({"setMirror": 1}, mirror={"percent": 20, "maxBodySize": 9})).services

    assert mirroring("shop_1_servers", "shop_2_mirror", 1, maxBodySize=9) == services["shop_1"]


def test_a_step_may_end_the_copies_that_the_spec_asks_for() -> None:
    assert render(stepped({"setMirror": 0}, mirror={"percent": 20})) == AT_REST


def test_a_later_step_has_the_last_word() -> None:
    steps: list[dict[str, Any]] = [
        {"setMirror": 50},
        {"setOverride": [TESTER]},
        {"setMirror": 0},
        {"setOverride": []},
    ]

    assert render(stepped(*steps, mirror={"percent": 20}, overrides=[OTHER])) == AT_REST


def test_with_all_traffic_on_the_canary_a_step_has_nothing_to_copy() -> None:
    assert Fragment(routers={"shop": router("shop_2")}, services={"shop_2": SHOP_2}) == render(
        stepped({"setMirror": 50}, {"setWeight": 100})
    )


@pytest.mark.parametrize("asked", [None, [OTHER, OTHER]])
def test_a_step_sends_its_requests_to_a_canary_without_other_traffic(asked: object) -> None:
    assert Fragment(
        routers={"shop": router("shop_1"), "shop_override_0": override("always", "shop_2_override", PRIORITY + 1)},
        services={"shop_1": SHOP_1, "shop_2_override": SHOP_2},
    ) == render(stepped({"setOverride": [TESTER]}, overrides=asked))


def test_a_step_may_end_the_overrides_that_the_spec_asks_for() -> None:
    assert render(stepped({"setOverride": []}, overrides=[TESTER])) == AT_REST


def test_requests_that_a_step_overrides_are_not_copied() -> None:
    steps: list[dict[str, Any]] = [{"setMirror": 50}, {"setOverride": [TESTER, OTHER]}, {"setWeight": 10}]

    assert {
        "shop": router("shop"),
        "shop_override_0": override("always", "shop_2_override", PRIORITY + 2),
        "shop_override_1": override("never", "shop_1_override", PRIORITY + 1),
    } == render(stepped(*steps)).routers


def test_copies_of_a_step_to_another_provider_have_a_fallback_beneath() -> None:
    assert Fragment(
        routers={
            "shop": router("shop_1"),
            "shop_fallback": router("shop_1_servers", priority=PRIORITY - 1),
            "shop_override_0": {**override("always", "shop-v2@docker", PRIORITY + 1), **UNCOUNTED},
        },
        services={"shop_1": mirroring("shop_1_servers", "shop-v2@docker", 50), "shop_1_servers": SHOP_1},
    ) == render(stepped({"setMirror": 50}, {"setOverride": [TESTER]}, canary=FOREIGN_CANARY))


def test_another_providers_stable_side_is_mirrored_by_a_step() -> None:
    assert Fragment(
        routers={
            "shop": router("shop_1"),
            "shop_override_0": {**override("never", "shop-v1@docker", PRIORITY + 1), **UNCOUNTED},
        },
        services={"shop_1": mirroring("shop-v1@docker", "shop_2_mirror", 50), "shop_2_mirror": SHOP_2},
    ) == render(stepped({"setMirror": 50}, {"setOverride": [OTHER]}, stable=FOREIGN_STABLE))


@pytest.mark.parametrize(
    ("rollout", "expected"),
    [
        (stepped({"setMirror": 50}, {"setOverride": [TESTER]}).abort(now=NOW), AT_REST),
        (
            stepped({"setMirror": 50}, {"setOverride": [TESTER]}).promote_full(now=NOW),
            Fragment(routers={"shop": router("shop_2")}, services={"shop_2": SHOP_2}),
        ),
        (stepped({"pause": {}}, {"setMirror": 50}, {"setOverride": [TESTER]}), AT_REST),
    ],
    ids=["aborted", "promoted", "not there yet"],
)
def test_before_the_step_and_behind_the_canary_there_is_nothing_of_it(rollout: Rollout, expected: Fragment) -> None:
    assert render(rollout) == expected


def test_what_a_step_sets_is_told_as_if_the_spec_said_it() -> None:
    steps: list[dict[str, Any]] = [{"setMirror": 50}, {"setOverride": [TESTER, OTHER]}, {"setWeight": 10}]

    assert render(held(10, mirror={"percent": 50}, overrides=[TESTER, OTHER])) == render(stepped(*steps))
    assert render(at_rest(mirror={"percent": 50}, overrides=[TESTER])) == AT_REST


@pytest.mark.parametrize(
    ("rises", "stable", "canary"), [(0, 19, 1), (1, 9, 1), (2, 41, 9)], ids=["5%", "10%", "its end"]
)
def test_a_ramp_is_a_split_like_any_other(rises: int, stable: int, canary: int) -> None:
    rollout = stepped({"ramp": {"from": 5, "to": 18, "by": 5, "every": "1m"}})
    for _ in range(rises + (rises > 1)):
        rollout = rollout.promote(now=NOW)
    children = [{"name": "shop_1", "weight": stable}, {"name": "shop_2", "weight": canary}]

    assert {"weighted": {"services": children}} == render(rollout).services["shop"]
