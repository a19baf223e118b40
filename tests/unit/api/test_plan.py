"""Plans and warnings as the API gives them, by the traffic that was measured or is given."""

from typing import Any

import pytest

from provider.domain.fields import write
from tests.canaries import remember, seen
from tests.unit.api.conftest import Client
from tests.world import ME, World, spec

STEPS: list[dict[str, Any]] = [{"setWeight": 5}, {"analysis": {"duration": "10m"}}, {"pause": {}}]
FEW = ((475, 5), (25, 0))


@pytest.fixture
def shop(world: World) -> str:
    world.operations.rollouts.create("shop", spec(steps=STEPS), ME)
    world.caught_up()
    return "shop"


@pytest.fixture
def measured(shop: str, world: World) -> str:
    """Have 100 requests a second been counted, with 1 percent of errors on stable."""
    remember(world.operations, shop, seen(world.operations.rollouts.get(shop), [FEW], now=world.clock()))
    return shop


def test_without_measured_traffic_the_plan_says_so(admin: Client, shop: str) -> None:
    told = admin("GET", "/rollouts/shop/plan").json

    assert told["traffic"] == {"requestsSource": "unknown", "errors": 0.5, "slow": 0.5, "errorsSource": "assumed"}
    assert [(step["index"], step["weight"]) for step in told["steps"]] == [(1, 5), (2, 5)]
    assert [step["detections"] for step in told["steps"]] == [[], []]


def test_traffic_that_is_given_is_planned_for(admin: Client, shop: str) -> None:
    told = admin("GET", "/rollouts/shop/plan?rate=20&errors=0.5&regressions=3,total").json
    step = told["steps"][0]

    assert (
        told["traffic"]["requestsPerSecond"],
        told["traffic"]["requestsSource"],
        told["traffic"]["errorsSource"],
    ) == (20, "given", "given")
    assert step["canaryRequests"] == 600
    assert [one.get("factor") for one in step["detections"]] == [3, None]
    assert step["detections"][1]["probability"] > 0.99
    assert told["warnings"] == []


def test_traffic_that_was_measured_is_planned_for(admin: Client, measured: str) -> None:
    told = admin("GET", "/rollouts/shop/plan").json

    assert (told["traffic"]["requestsPerSecond"], told["traffic"]["requestsSource"]) == (100, "measured")
    assert told["traffic"]["errors"] == 1.1
    assert told["traffic"]["measuredAt"] == "2026-01-01T00:00:00.000Z"
    assert told["steps"][0]["canaryRequests"] == 3_000


@pytest.mark.parametrize(
    "query",
    [
        "rate=0",
        "rate=-1",
        "rate=nan",
        "errors=51",
        "regressions=1",
        "regressions=",
        "regressions=2,,5",
        "regressions=some",
    ],
)
def test_what_cannot_be_planned_for_is_refused(admin: Client, shop: str, query: str) -> None:
    assert admin("GET", f"/rollouts/shop/plan?{query}").status_code == 400


def test_of_no_rollout_there_is_no_plan(admin: Client) -> None:
    assert admin("GET", "/rollouts/nope/plan").status_code == 404


def test_a_spec_whose_steps_cannot_conclude_is_taken_with_warnings(
    admin: Client, measured: str, world: World
) -> None:
    patient = [{"setWeight": 5}, {"analysis": {"duration": "10s"}}, {"pause": {}}]
    changed = write(world.operations.rollouts.get("shop").spec) | {"steps": patient}
    warned = admin("PUT", "/rollouts/shop?dryRun=true", {"spec": changed})
    same = admin("PUT", "/rollouts/shop", {"spec": write(world.operations.rollouts.get("shop").spec)})

    assert (warned.status_code, same.status_code) == (200, 200)
    assert [(one["reasonCode"], one["pointer"]) for one in warned.json["warnings"]] == [
        ("too-few-requests", "/spec/steps/1")
    ]
    assert "warnings" not in same.json


def test_a_rollout_that_is_read_tells_its_verdict_and_when_more_is_known(
    admin: Client, measured: str, world: World
) -> None:
    verdict = admin("GET", "/rollouts/shop").json["verdict"]
    known = admin("GET", "/rollouts/shop/analysis").json

    assert verdict["outcome"] == "Inconclusive"
    assert verdict["verdictInSeconds"] > 0
    assert verdict["verdictIn"].endswith(" at this rate")
    assert (verdict["verdictInSeconds"], verdict["verdictIn"]) == (known["verdictInSeconds"], known["verdictIn"])


def test_without_any_sample_there_is_no_verdict(admin: Client, shop: str) -> None:
    assert "verdict" not in admin("GET", "/rollouts/shop").json
