"""What is known of a canary, in a terminal; and what steps are, in words."""

import json
from typing import Any

import pytest

from provider.domain.analysis import Exposure, Outcome
from provider.domain.auth import Role
from provider.domain.step_text import step_text
from tests.canaries import check, remember, seen
from tests.cli.conftest import Run, stored
from tests.world import World

STEPS = [{"setWeight": 5}, {"analysis": {"until": "known"}}, {"pause": {}}]


@pytest.fixture
def judged(world: World) -> str:
    """Store a rollout whose canary was looked at."""
    name = stored(world, "shop", steps=STEPS)
    rollout = world.operations.rollouts.get(name)
    looks = [((30_000, 150), (3_000, 12))]
    record = seen(rollout, looks, now=world.clock(), checks=(check(Outcome.INCONCLUSIVE),))
    remember(world.operations, name, record)
    return name


def test_what_is_known_is_told_in_lines_and_a_table(run: Run, judged: str) -> None:
    told = run("analysis", judged)
    facts, table, settings = told.stdout.split("\n\n")

    assert told.exit_code == 0
    assert [line.split("  ")[0] for line in facts.splitlines()] == ["canary", "this step", "smoke"]
    assert "canary     Successful: canary errors 0.4% against 0.5%" in facts
    assert "smoke      Inconclusive: it said inconclusive" in facts
    heading, latest, first = table.splitlines()
    assert heading.split() == ["TIME", "OUTCOME", "CANARY", "STABLE", "REASON"]
    assert latest.split()[:5] == ["2026-01-01T00:00:00Z", "Inconclusive", "3000", "30000", "smoke:"]
    assert first.split()[:5] == ["2025-12-31T23:59:55Z", "Inconclusive", "0", "0", "no"]
    assert settings.splitlines()[0].split() == ["SETTING", "VALUE", "ORIGIN"]
    assert ["interval", "5s", "default"] in [line.split() for line in settings.splitlines()]


def test_a_warm_up_is_shown(run: Run, world: World) -> None:
    rollout = world.operations.rollouts.get(stored(world, "shop", steps=STEPS))
    remember(world.operations, "shop", seen(rollout, [], now=world.clock(), exposure=Exposure(weight=5)))

    assert "now        warming up for 30 s more" in run("analysis", "shop").stdout


def test_a_machine_gets_what_the_api_says(run: Run, judged: str) -> None:
    told = json.loads(run("analysis", judged, "-o", "json").stdout)

    assert {"overall", "currentStep", "checks", "samples", "settings"} == told.keys()
    assert (len(told["samples"]), told["overall"]["outcome"]) == (2, "Successful")


def test_who_may_only_read_may_read_it(run: Run, judged: str) -> None:
    assert run("analysis", judged, role=Role.VIEWER).exit_code == 0


def test_before_any_look_it_says_so(run: Run, shop: str) -> None:
    told = run("analysis", shop)

    assert (told.exit_code, told.stdout) == (1, "")
    assert "shop: it has no analyzed canary" in told.stderr


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"setWeight": 5}, "5%"),
        ({"setWeight": 0.5}, "0.5%"),
        ({"pause": {}}, "pause"),
        ({"pause": {"duration": "10m"}}, "pause 10m"),
        ({"analysis": {"duration": "5m"}}, "analyze for 5m"),
        ({"analysis": {"until": "known"}}, "analyze until known"),
        ({"analysis": {"until": "known", "deadline": "1h"}}, "analyze until known within 1h"),
        ({"ramp": {"from": 5, "to": 50, "by": 5, "every": "2m"}}, "ramp 5% to 50% by 5% every 2m"),
        ({"setMirror": 10}, "mirror 10%"),
        ({"setMirror": 0}, "mirror 0%"),
        ({"setOverride": [{"header": {"name": "X", "value": "1"}, "to": "canary"}] * 2}, "2 overrides"),
        ({"setOverride": [{"header": {"name": "X", "value": "1"}, "to": "canary"}]}, "1 override"),
        ({"setOverride": []}, "no overrides"),
        ({"later": {"version": 2}}, "later"),
    ],
)
def test_a_step_is_said_in_words(document: dict[str, Any], words: str) -> None:
    assert step_text(document) == words


def test_a_status_says_its_steps_in_words(run: Run, judged: str) -> None:
    assert "5% > [analyze until known] > pause" in run("status", judged).stdout
