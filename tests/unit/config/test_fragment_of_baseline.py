"""What Traefik is told of a rollout with a baseline."""

from typing import Any

import pytest

from provider.domain.rollouts import Rollout, with_found
from provider.traefik.config import checked, render
from provider.traefik.config.names import counted_services
from tests.unit.config.sides import CHECK, NOW, STABLE, at_rest, held

BASELINE = {"servers": [{"url": "http://127.0.0.1:9003"}]}
CANARY = {"servers": [{"url": "http://127.0.0.1:9002"}]}


def split(weight: float, **changes: Any) -> Any:
    fragment = render(held(weight, **{"baseline": BASELINE, **changes}))
    checked(fragment)
    return fragment.services["shop"]


def weights(service: Any) -> list[tuple[str, int]]:
    (kind,) = service
    return [(child["name"], child["weight"]) for child in service[kind]["services"]]


def test_the_baseline_is_a_third_child_with_the_canarys_weight() -> None:
    assert weights(split(25)) == [("shop_1", 2), ("shop_2", 1), ("shop_2_baseline", 1)]
    assert weights(split(50)) == [("shop_1", 1), ("shop_2", 5), ("shop_2_baseline", 4)]


def test_its_servers_are_a_service_of_their_own() -> None:
    fragment = render(held(25, baseline=BASELINE))

    assert fragment.services["shop_2_baseline"] == {"loadBalancer": BASELINE}


def test_each_attempt_names_it_anew() -> None:
    again = held(25, baseline=BASELINE).abort(now=NOW).retry(now=NOW)

    assert counted_services(again)["baseline"] == "shop_3_baseline@http"


@pytest.mark.parametrize(
    "rollout",
    [
        at_rest(baseline=BASELINE),
        held(0, baseline=BASELINE),
        held(100, baseline=BASELINE),
        held(25, baseline=BASELINE).abort(now=NOW),
        held(25, baseline=BASELINE).promote_full(now=NOW),
    ],
    ids=["no canary", "weight 0", "all to the canary", "aborted", "promoted"],
)
def test_it_is_not_there_while_it_gets_no_requests(rollout: Rollout) -> None:
    assert not [name for name in render(rollout).services if "baseline" in name]


def test_one_that_no_server_is_known_of_leaves_its_share_to_stable() -> None:
    rollout = held(25, baseline={"discover": {"registered": "old"}})

    assert weights(render(with_found(rollout, {})).services["shop"]) == [("shop_1", 3), ("shop_2", 1)]


def test_by_address_it_has_the_same_shape() -> None:
    assert weights(split(25, strategy="hrw"))[2] == ("shop_2_baseline@http", 1)


def test_the_split_is_checked_only_if_every_child_is() -> None:
    sides = {"stable": {**STABLE, "healthCheck": CHECK}, "canary": {**CANARY, "healthCheck": CHECK}}
    unchecked = split(25, **sides)
    every = split(25, **sides, baseline={**BASELINE, "healthCheck": CHECK})

    assert ("healthCheck" in unchecked["weighted"], "healthCheck" in every["weighted"]) == (False, True)


def test_one_of_another_provider_has_a_name_of_the_attempts_own_for_sticky_clients_and_a_fallback() -> None:
    sticky = {"cookie": {"name": "shop"}}
    fragment = render(held(25, baseline={"service": "old@docker"}, sticky=sticky))

    assert weights(fragment.services["shop"])[2] == ("shop_2_baseline", 1)
    assert fragment.services["shop_2_baseline"]["weighted"]["services"] == [{"name": "old@docker", "weight": 1}]
    assert fragment.routers["shop_fallback"]["service"] == "shop_1"


def test_it_has_a_transport_and_a_server_cookie_of_its_own() -> None:
    options = {"keepAliveTimeout": "10s", "sticky": {"cookie": {}}, "serversTransport": {"insecureSkipVerify": True}}
    fragment = render(held(25, baseline={**BASELINE, **options}))
    balancer = fragment.services["shop_2_baseline"]["loadBalancer"]

    assert balancer["sticky"]["cookie"]["name"] == "shop_2_baseline_server"
    assert balancer["serversTransport"] in fragment.transports


def test_copies_go_from_stable_alone() -> None:
    fragment = render(held(50, baseline=BASELINE, mirror={"percent": 10}))

    assert weights(fragment.services["shop"])[0] == ("shop_1", 1)
    assert fragment.services["shop_1"]["mirroring"]["service"] == "shop_1_servers"
