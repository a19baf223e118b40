"""The plan of a rollout in a terminal, and warnings of steps that cannot conclude."""

import json
from typing import Any

import pytest

from tests.canaries import remember, seen
from tests.cli.conftest import Run, stored
from tests.world import World

STEPS: list[dict[str, Any]] = [{"setWeight": 5}, {"analysis": {"duration": "10m"}}, {"pause": {}}]
FILE = """
name: shop
spec:
  rule: Host(`shop.localhost`)
  stable: {servers: [{url: http://10.0.0.1:8080}]}
  steps: [{setWeight: 5}, {analysis: {duration: 5s}}, {pause: {}}]
"""


@pytest.fixture
def planned(world: World) -> str:
    return stored(world, "shop", steps=STEPS)


def test_without_measured_traffic_a_rate_is_asked_for(run: Run, planned: str) -> None:
    told = run("plan", planned)

    assert told.exit_code == 1
    assert "--rate" in told.stderr


def test_each_step_is_a_row(run: Run, planned: str) -> None:
    told = run("plan", planned, "--rate", "20", "--errors", "0.5")
    facts, table = told.stdout.split("\n\n")
    heading, judged, paused = table.splitlines()

    assert told.exit_code == 0
    assert "20 requests/s (given)" in facts
    assert "0.5% (given)" in facts
    assert heading.split("  ")[0] == "STEP"
    assert " ".join(heading.split()).endswith("5x ERRORS ALL FAIL PASSES AFTER")
    assert judged.split()[:6] == ["2", "analyze", "for", "10m", "5%", "600"]
    assert "100%" in judged
    assert paused.split()[-2:] == ["not", "analyzed"]


def test_regressions_are_chosen(run: Run, planned: str) -> None:
    table = run("plan", planned, "--rate", "20", "--regressions", "3,total").stdout

    assert "3x ERRORS" in table
    assert "2x ERRORS" not in table


def test_a_machine_gets_what_the_api_says(run: Run, planned: str) -> None:
    told = json.loads(run("plan", planned, "--rate", "1", "-o", "json").stdout)

    assert {"traffic", "steps", "warnings"} == told.keys()
    assert [warning["reasonCode"] for warning in told["warnings"]] == ["too-few-requests"]


def test_steps_that_cannot_conclude_are_warned_of(run: Run, planned: str) -> None:
    told = run("plan", planned, "--rate", "1")

    assert told.exit_code == 0
    assert "warning: step 2 (5%, 10m): about 30 canary requests" in told.stderr


def test_apply_warns_by_the_traffic_that_was_measured(run: Run, planned: str, world: World) -> None:
    rollout = world.operations.rollouts.get("shop")
    remember(world.operations, "shop", seen(rollout, [((475, 5), (25, 0))], now=world.clock()))
    told = run("apply", "-f", "-", "--dry-run", stdin=FILE)

    assert told.exit_code == 0
    assert "warning: step 2 (5%, 5s): about 25 canary requests" in told.stderr


def test_status_says_when_more_is_known(run: Run, planned: str, world: World) -> None:
    rollout = world.operations.rollouts.get("shop")
    remember(world.operations, "shop", seen(rollout, [((475, 5), (25, 0))], now=world.clock()))
    told = run("status", planned)

    assert "verdict" in told.stdout
    assert "at this rate" in told.stdout
