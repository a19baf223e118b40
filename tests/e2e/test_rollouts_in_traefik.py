"""What a spec may say, as users of the real Traefik see it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.e2e.harness import HOST, SITE, Stack, eventually

pytestmark = pytest.mark.traefik

CHECKED = {"healthCheck": {"path": "/healthz", "interval": "500ms", "timeout": "450ms"}}


def put(stack: Stack, **changes: Any) -> None:
    stack.done("PUT", "/rollouts/shop", {"spec": stack.spec(**changes)})
    stack.wait_applied()


def served(stack: Stack, service: str) -> int:
    """Ask Traefik's metrics how many requests a service has had."""
    return stack.counted(f"{service}@http")[f"{service}@http"]


@pytest.mark.parametrize(
    ("headers", "weight", "version"),
    [
        ({"X-Canary": "always"}, 0, "v2"),
        ({"X-Canary": "Always"}, 0, "v1"),
        ({"X-Canary": "never"}, 100, "v1"),
        ({"X_Canary": "always"}, 0, "v1"),
        ({"Cookie": "a=b; beta=1.0"}, 0, "v2"),
        ({"Cookie": "beta=1.0;a=b"}, 0, "v2"),
        ({"Cookie": "beta=1x0"}, 0, "v1"),
        ({"Cookie": "xbeta=1.0"}, 0, "v1"),
        ({}, 0, "v1"),
    ],
    ids=str,
)
def test_an_override_wins_over_the_weight(
    shared_stack: Stack, headers: dict[str, str], weight: int, version: str
) -> None:
    put(
        shared_stack,
        overrides=[
            {"header": {"name": "X-Canary", "value": "always"}, "to": "canary"},
            {"header": {"name": "X-Canary", "value": "never"}, "to": "stable"},
            {"cookie": {"name": "beta", "value": "1.0"}, "to": "canary"},
        ],
    )
    shared_stack.shift(weight)

    assert {version} == {shared_stack.get(**headers).text.strip() for _ in range(5)}


OVERRIDES = [
    {"header": {"name": "X-Canary", "value": "always"}, "to": "canary"},
    {"header": {"name": "X-Canary", "value": "never"}, "to": "stable"},
]
SIDES = ("shop_1@http", "shop_2@http")


@pytest.mark.parametrize("is_counted", [False, True])
def test_only_requests_that_the_weight_splits_are_counted(shared_stack: Stack, is_counted: bool) -> None:
    analysis = {"ignore": ["PathPrefix(`/health`)"], "countOverrides": is_counted}
    put(shared_stack, overrides=OVERRIDES, analysis=analysis)
    shared_stack.shift(50)
    before = shared_stack.counted(*SIDES)

    def sent(number: int, path: str = "/", **headers: str) -> Counter[str]:
        return Counter(shared_stack.get(path, **headers).text.strip() for _ in range(number))

    overridden = {value: sent(7, **{"X-Canary": value}) for value in ("always", "never")}
    ignored = sent(20, "/health/live")
    split = sent(20)
    wanted = [split["v1"] + 7 * is_counted, split["v2"] + 7 * is_counted]

    def difference() -> list[int]:
        after = shared_stack.counted(*SIDES)
        return [after[name] - before[name] for name in SIDES]

    eventually(lambda: sum(difference()) >= sum(wanted), what="Traefik counts the requests")

    assert overridden == {"always": {"v2": 7}, "never": {"v1": 7}}
    assert {"v1", "v2"} == ignored.keys()
    assert difference() == wanted


def test_overrides_work_beside_sticky_clients_copies_and_health_checks(shared_stack: Stack) -> None:
    check = {"healthCheck": {"path": "/", "interval": "1s"}, "sticky": {"cookie": {}}}
    sides = {side: {**shared_stack.spec()[side], **check} for side in ("stable", "canary")}
    sticky = {"cookie": {"name": "shop"}}
    put(shared_stack, overrides=OVERRIDES, mirror={"percent": 10}, sticky=sticky, **sides)
    for weight in (0, 50, 100):
        shared_stack.shift(weight)
        answers = [shared_stack.get(**{"X-Canary": value}) for value in ("always", "never")]

        assert [answer.text.strip() for answer in answers] == ["v2", "v1"]
        assert [next(iter(answer.cookies)).name for answer in answers] == ["shop_2_server", "shop_1_server"]
        shared_stack.traffic.cookies.clear()


def test_by_address_a_client_stays_on_its_side_and_only_ever_moves_to_the_canary(shared_stack: Stack) -> None:
    put(shared_stack, strategy="hrw")
    sides = []
    for weight in (0, 20, 40, 60, 80, 100):
        shared_stack.shift(weight)
        (side,) = shared_stack.count(20)
        sides.append(side)

    assert sorted(sides) == sides
    assert {"v1", "v2"} == set(sides)


def test_a_sticky_client_stays_with_its_version_even_when_that_becomes_stable(shared_stack: Stack) -> None:
    stack = shared_stack
    put(stack, sticky={"cookie": {"name": "shop", "httpOnly": True}})
    stack.shift(50)
    url = f"http://{HOST}:{stack.web_port}/"
    clients = [requests.Session() for _ in range(10)]

    def answers() -> list[str]:
        # The cookie's domain is the address that was asked, whatever the header Host says.
        return [client.get(url, headers={"Host": SITE}, timeout=5).text.strip() for client in clients]

    first = answers()
    stack.shift(10)
    second = answers()
    stack.shift(0)
    none = answers()

    assert {"v1", "v2"} == set(first)
    assert first == second
    assert {"v1"} == set(none)


def test_a_mirrored_canary_gets_copies_that_count_for_nobody(shared_stack: Stack) -> None:
    put(shared_stack, mirror={"percent": 50})
    shared_stack.shift(0)
    answers = shared_stack.count(100)

    assert answers == {"v1": 100}
    eventually(lambda: served(shared_stack, "shop_2_mirror") == 50, what="half of the requests were copied")
    assert served(shared_stack, "shop_1_servers") == 100
    assert served(shared_stack, "shop_2") == 0


def test_with_checks_on_both_sides_stable_takes_the_share_of_a_canary_that_is_down(shared_stack: Stack) -> None:
    stack = shared_stack
    spec = stack.spec()
    put(stack, stable={**spec["stable"], **CHECKED}, canary={**spec["canary"], **CHECKED})
    stack.shift(50)
    stack.stop("v2")
    eventually(lambda: set(stack.count(20)) == {"v1"}, what="Traefik notices")
    with stack.under_load() as load:
        load.see()
    stack.start_app("v2", stack.canary_port)
    eventually(lambda: set(stack.count(20)) == {"v1", "v2"}, what="the canary is back")

    assert load.failures == []


def test_a_keep_alive_timeout_makes_a_transport_that_lets_go_earlier(shared_stack: Stack) -> None:
    spec = shared_stack.spec()
    put(shared_stack, stable={**spec["stable"], "keepAliveTimeout": "5s"})
    shared_stack.shift(0)
    service = shared_stack.traefik_shows("services/shop_1@http")

    assert service["loadBalancer"]["serversTransport"].removesuffix("@http") == "idle_4s"
    assert shared_stack.count(20) == {"v1": 20}


def test_who_hangs_is_not_waited_for_and_a_crowd_waits_outside(shared_stack: Stack) -> None:
    behaviour = f"http://{HOST}:{shared_stack.stable_port}/behaviour"
    requests.put(behaviour, json={"delay_seconds": 0.4}, timeout=5).raise_for_status()
    try:
        put(shared_stack, canary=None, resilience={"timeouts": {"connect": "1s", "responseHeader": "100ms"}})
        late = shared_stack.get().status_code
        put(shared_stack, canary=None, resilience={"inFlight": {"amount": 2, "per": "client"}})
        with ThreadPoolExecutor(8) as pool:
            crowd = Counter(pool.map(lambda _: shared_stack.get().status_code, range(8)))
    finally:
        requests.put(behaviour, json={}, timeout=5)

    assert late == 504
    assert {200, 429} == crowd.keys()
    assert 2 <= crowd[200] < 8


def test_a_gateway_carries_only_what_names_it(stack: Stack) -> None:
    put(stack)
    stack.done("PUT", "/rollouts/elsewhere", {"spec": stack.spec(rule="Host(`other.localhost`)", gateways=["other"])})
    stack.shift(10)

    assert stack.traefik_shows("routers/shop@http")
    assert stack.traefik_shows("routers/elsewhere@http") is None
    assert (
        "elsewhere"
        in requests.get(f"http://{HOST}:{stack.provider_port}/traefik/config?gateway=other", timeout=5).text
    )


def test_a_deleted_rollout_is_taken_out_of_traefik(stack: Stack) -> None:
    stack.done("PUT", "/rollouts/other", {"spec": stack.spec(rule="Host(`other.localhost`)")})
    stack.wait_applied(name="other")
    stack.done("DELETE", "/rollouts/shop")

    eventually(lambda: stack.get().status_code == 404, what="the route is gone")
    assert stack.traefik_shows("routers/other@http")


def test_where_polls_need_a_token_only_who_has_one_is_answered(stack: Stack) -> None:
    for name in ("traefik", "provider"):
        stack.stop(name)
    stack.start_provider(CANARY_POLLS_NEED_TOKEN="true")
    stack.wait_for_provider()
    secret = stack.done("POST", "/tokens", {"name": "edge", "role": "gateway"})["token"]
    refused = requests.get(f"http://{HOST}:{stack.provider_port}/traefik/config", timeout=5)
    stack.start_traefik(token=secret)
    stack.wait_applied()
    stack.shift(100)

    assert refused.status_code == 401
    assert stack.count(20) == {"v2": 20}
