"""What a Traefik's API must show before it is said to have a rollout."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from provider.domain.rollouts import Rollout
from provider.traefik.applied import SECTIONS, expectation
from provider.traefik.config import render
from tests.rollouts_strategy import served
from tests.world import spec

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Shown = dict[str, dict[str, Any]]


def held(weight: int, **changes: Any) -> Rollout:
    return Rollout.create("shop", spec(**changes), now=NOW).set_weight(Decimal(weight), now=NOW)


def shown(rollout: Rollout) -> Shown:
    """Show a rollout as Traefik's API does: with more about each part than it was told."""
    fragment = render(rollout)
    return {
        f"{section}/{name}@http": {**part, "provider": "http", "status": "enabled"}
        for section in SECTIONS
        for name, part in getattr(fragment, section).items()
    }


def problems(rollout: Rollout, api: Shown) -> list[str]:
    """Ask for every path that is of interest."""
    expected = expectation(rollout)
    paths = sorted(expected.present.keys() | expected.absent)
    found = (expected.problem(path, api.get(path)) for path in paths)
    return [problem for problem in found if problem]


def test_what_is_asked_for_is_every_part_and_what_must_be_gone() -> None:
    expected = expectation(held(10))

    assert {"routers/shop@http", "services/shop@http", "services/shop_1@http", "services/shop_2@http"} == (
        expected.present.keys()
    )
    assert {
        "routers/shop_fallback@http",
        "routers/shop_ignored@http",
        "routers/shop_override_0@http",
    } == expected.absent


def test_routers_that_must_be_there_need_not_be_gone() -> None:
    override = {"header": {"name": "X-Canary", "value": "always"}, "to": "canary"}
    ignore = {"ignore": ["PathPrefix(`/health`)"]}
    rollout = held(10, canary={"service": "v2@docker"}, overrides=[override, override], analysis=ignore)

    assert {"routers/shop_override_2@http"} == expectation(rollout).absent


@settings(max_examples=60, deadline=None)
@given(served())
def test_a_traefik_that_has_it_as_it_is_has_no_problem(rollout: Rollout) -> None:
    assert problems(rollout, shown(rollout)) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (held(10), held(20), ["services/shop@http has another weighted"]),
        (held(10), held(0), ["routers/shop@http has another service"]),
        (held(0), held(100), ["routers/shop@http has another service", "services/shop_2@http is not there yet"]),
        (held(10), held(10, rule="Host(`a`)"), ["routers/shop@http has another rule"]),
        (held(10), held(10, priority=9), ["routers/shop@http has another priority"]),
        (held(10), held(10, strategy="hrw"), ["services/shop@http has another highestRandomWeight"]),
        (
            held(10),
            held(10, stable={"servers": [{"url": "http://127.0.0.1:9009"}]}),
            ["services/shop_1@http has another loadBalancer"],
        ),
        (
            held(10, canary={"service": "v2@docker"}),
            held(10),
            [
                "routers/shop_fallback@http is still there",
                "services/shop@http has another weighted",
                "services/shop_2@http is not there yet",
            ],
        ),
        (
            held(0, overrides=[{"header": {"name": "X-Canary", "value": "always"}, "to": "stable"}]),
            held(0),
            ["routers/shop_override_0@http is still there"],
        ),
    ],
)
def test_a_traefik_that_has_it_as_it_was_is_told_what_differs(
    before: Rollout, after: Rollout, expected: list[str]
) -> None:
    assert problems(after, shown(before)) == expected


def test_a_traefik_that_has_never_heard_of_it_lacks_every_part() -> None:
    assert problems(held(10), {}) == [
        "routers/shop@http is not there yet",
        "services/shop@http is not there yet",
        "services/shop_1@http is not there yet",
        "services/shop_2@http is not there yet",
    ]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            {"error": ["the service v2@docker does not exist", "and more"]},
            "the service v2@docker does not exist; and more",
        ),
        ({}, "no reason given"),
    ],
)
def test_a_part_that_traefik_has_disabled_is_told_with_its_reason(error: dict[str, object], words: str) -> None:
    api = shown(held(10))
    api["routers/shop@http"] |= {"status": "disabled", **error}

    assert [f"routers/shop@http is disabled: {words}"] == problems(held(10), api)


@pytest.mark.parametrize("service", ["shop", "shop@http"])
def test_whose_a_service_is_may_be_shown_or_not(service: str) -> None:
    api = shown(held(10))
    api["routers/shop@http"]["service"] = service

    assert problems(held(10), api) == []


@pytest.mark.parametrize("service", ["shop@docker", "shop_1", None, ["shop"]])
def test_another_service_is_another_however_it_is_shown(service: object) -> None:
    api = shown(held(10))
    api["routers/shop@http"]["service"] = service

    assert problems(held(10), api) == ["routers/shop@http has another service"]


def test_a_list_is_the_same_only_with_the_same_items_in_the_same_order() -> None:
    rollout = held(10, middlewares=["a@file", "b@file"])
    for middlewares in (["b@file", "a@file"], ["a@file"], ["a@file", "b@file", "c@file"], "a@file", None):
        api = shown(rollout)
        api["routers/shop@http"]["middlewares"] = middlewares

        assert problems(rollout, api) == ["routers/shop@http has another middlewares"]


def test_a_zero_and_a_flag_that_is_off_are_not_shown() -> None:
    retry = {"attempts": 2, "retryNonIdempotentMethod": False}
    rollout = held(10, resilience={"retry": retry, "inFlight": {"amount": 2, "per": "client"}})
    api = shown(rollout)
    api["middlewares/shop_retry@http"]["retry"] = {"attempts": 2}
    api["middlewares/shop_in_flight@http"]["inFlightReq"] = {"amount": 2, "sourceCriterion": {"ipStrategy": {}}}

    assert problems(rollout, api) == []

    api["middlewares/shop_retry@http"]["retry"] = {"attempts": 3}

    assert problems(rollout, api) == ["middlewares/shop_retry@http has another retry"]
