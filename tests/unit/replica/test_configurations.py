import json
from datetime import UTC, datetime
from decimal import Decimal

from provider.domain.rollouts import Rollout
from provider.replica.configurations import Bodies
from provider.traefik.config import EMPTY_BODY
from tests.world import spec

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def rollout(name: str, *gateways: str) -> Rollout:
    return Rollout.create(name, spec(gateways=list(gateways) or None), now=NOW)


def routers(bodies: Bodies, gateway: str) -> set[str]:
    document = json.loads(bodies.body(gateway).as_json)
    return set(document.get("http", {}).get("routers", {}))


def test_no_rollout_gives_the_empty_configuration() -> None:
    assert Bodies().body("edge").as_json == EMPTY_BODY


def test_the_order_of_arrival_does_not_show() -> None:
    forth, back = Bodies(), Bodies()
    names = ["shop", "api", "blog"]
    for name in names:
        forth.put(rollout(name))
    for name in reversed(names):
        back.put(rollout(name))

    assert forth.body("edge") == back.body("edge")


def test_a_gateway_carries_its_own_rollouts_and_those_for_all() -> None:
    bodies = Bodies()
    bodies.put(rollout("all"))
    bodies.put(rollout("edge-only", "edge"))

    assert {"all", "edge-only"} == routers(bodies, "edge")
    assert {"all"} == routers(bodies, "inner")


def test_a_change_for_one_gateway_leaves_the_bodies_of_others_alone() -> None:
    bodies = Bodies()
    bodies.put(rollout("all"))
    bodies.put(rollout("edge-only", "edge"))
    before = bodies.body("inner")
    bodies.put(rollout("edge-only", "edge").set_weight(Decimal(50), now=NOW))

    assert before is bodies.body("inner")


def test_a_gateway_no_longer_named_goes_back_to_the_common_body() -> None:
    bodies = Bodies()
    bodies.put(rollout("shop", "edge"))
    assert {"shop"} == routers(bodies, "edge")
    bodies.put(rollout("shop", "inner"))

    assert set() == routers(bodies, "edge")
    assert {"shop"} == routers(bodies, "inner")


def test_a_removed_rollout_is_gone_and_removing_it_again_is_no_error() -> None:
    bodies = Bodies()
    bodies.put(rollout("shop"))
    bodies.body("edge")
    bodies.remove("shop")
    bodies.remove("shop")

    assert bodies.body("edge").as_json == EMPTY_BODY


def test_unknown_gateways_share_one_body() -> None:
    bodies = Bodies()
    bodies.put(rollout("shop"))

    assert bodies.body("one") is bodies.body("two")


# Old versions of Traefik


def breaking(name: str) -> Rollout:
    """Make a rollout with a circuit breaker that sends half of its requests to the canary."""
    resilience = {"circuitBreaker": {"expression": "NetworkErrorRatio() > 0.5"}}
    made = Rollout.create(name, spec(resilience=resilience), now=NOW)
    return made.set_weight(Decimal(50), now=NOW)


def services(bodies: Bodies, gateway: str) -> dict[str, object]:
    services_: dict[str, object] = json.loads(bodies.body(gateway).as_json)["http"]["services"]
    return services_


def test_an_old_gateway_gets_the_stable_version_of_what_it_cannot_take() -> None:
    bodies = Bodies()
    bodies.put(breaking("shop"))
    bodies.put(rollout("blog"))
    whole = bodies.body("old")
    bodies.set_version("old", "3.6.15")

    assert {"shop", "shop_1", "shop_2"} <= services(bodies, "new").keys()
    assert {"shop_1", "blog_1"} == services(bodies, "old").keys()
    assert "middlewares" not in json.loads(bodies.body("old").as_json)["http"]
    assert whole == bodies.body("new") != bodies.body("old")


def test_an_old_gateway_gets_what_it_takes_after_its_update() -> None:
    bodies = Bodies()
    bodies.put(breaking("shop"))
    bodies.set_version("old", "3.6.15")
    reduced = bodies.body("old")
    bodies.set_version("old", "3.7.0")
    updated = bodies.body("old")
    bodies.set_version("old", None)

    assert reduced != updated == bodies.body("old")


def test_an_old_gateway_follows_the_changes_of_a_rollout() -> None:
    bodies = Bodies()
    bodies.set_version("old", "3.6.15")
    bodies.put(breaking("shop"))
    first = bodies.body("old")
    bodies.put(rollout("shop"))
    plain = bodies.body("old")
    bodies.remove("shop")

    assert first.as_json == plain.as_json
    assert bodies.body("old").as_json == EMPTY_BODY
