"""Retries, timeouts, breakers and limits as Traefik is told of them."""

from typing import Any

import pytest

from provider.traefik.config import render
from tests.unit.config.sides import CANARY, STABLE, held

BREAKER = {"expression": "NetworkErrorRatio() > 0.5"}
RETRY = {"attempts": 3, "status": ["500-599"], "initialInterval": "50ms"}


def test_a_rollout_without_resilience_has_no_middlewares() -> None:
    assert render(held(10)).middlewares == {}
    assert render(held(10, resilience={})).middlewares == {}


def test_behind_the_users_own_a_request_is_limited_once_and_then_sent_again() -> None:
    resilience = {"retry": RETRY, "inFlight": {"amount": 9}}
    override = {"header": {"name": "X-Canary", "value": "always"}, "to": "canary"}
    fragment = render(held(10, resilience=resilience, middlewares=["auth@file"], overrides=[override]))

    assert fragment.middlewares == {
        "shop_in_flight": {"inFlightReq": {"amount": 9, "sourceCriterion": {"requestHost": True}}},
        "shop_retry": {"retry": RETRY},
    }
    assert [router["middlewares"] for router in fragment.routers.values()] == [
        ["auth@file", "shop_in_flight", "shop_retry"]
    ] * 2


def test_a_client_is_limited_by_its_address() -> None:
    fragment = render(held(10, resilience={"inFlight": {"amount": 2, "per": "client"}}))

    assert fragment.middlewares["shop_in_flight"]["inFlightReq"]["sourceCriterion"] == {"ipStrategy": {"depth": 0}}


def test_each_side_has_a_breaker_of_its_own_and_both_together_have_none() -> None:
    fragment = render(held(10, resilience={"circuitBreaker": BREAKER}))

    assert fragment.middlewares == {"shop_circuit_breaker": {"circuitBreaker": BREAKER}}
    assert {
        name: service["middlewares"] for name, service in fragment.services.items() if "middlewares" in service
    } == {"shop_1": ["shop_circuit_breaker"], "shop_2": ["shop_circuit_breaker"]}
    assert "middlewares" not in fragment.routers["shop"]


def transport(**timeouts: str) -> dict[str, Any]:
    return {"forwardingTimeouts": timeouts, "maxIdleConnsPerHost": 200}


@pytest.mark.parametrize(
    ("timeouts", "keep_alive", "transports"),
    [
        (
            {"connect": "1s"},
            {},
            {"idle_4s_dial_1s": transport(idleConnTimeout="4s", dialTimeout="1s")},
        ),
        (
            {"responseHeader": "10s"},
            {"keepAliveTimeout": "60s"},
            {
                "idle_4s_responseHeader_10s": transport(idleConnTimeout="4s", responseHeaderTimeout="10s"),
                "idle_48s_responseHeader_10s": transport(idleConnTimeout="48s", responseHeaderTimeout="10s"),
            },
        ),
        ({}, {}, {}),
    ],
)
def test_timeouts_keep_what_a_transport_must_have(
    timeouts: dict[str, str], keep_alive: dict[str, str], transports: dict[str, Any]
) -> None:
    fragment = render(held(50, canary={**CANARY, **keep_alive}, resilience={"timeouts": timeouts}))

    assert transports == fragment.transports
    assert set(transports) == {
        service["loadBalancer"]["serversTransport"]
        for service in fragment.services.values()
        if "serversTransport" in service.get("loadBalancer", {})
    }


def test_a_service_of_another_provider_keeps_what_that_provider_gives_it() -> None:
    resilience = {"timeouts": {"connect": "1s"}, "circuitBreaker": BREAKER}
    fragment = render(held(50, stable=STABLE, canary={"service": "shop-v2@docker"}, resilience=resilience))

    assert {"shop", "shop_1"} == fragment.services.keys()
    assert "middlewares" not in fragment.services["shop"]
