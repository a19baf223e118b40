"""What is known of a canary, as the API tells it."""

from datetime import timedelta
from typing import Any

import pytest

from provider.domain.analysis import Exposure, Measurement, Outcome, Record
from provider.domain.auth import Role
from provider.domain.rollouts import Action, current_record, settings_of
from tests.canaries import check, remember, seen, unseen
from tests.unit.api.conftest import Client
from tests.world import ME, World, spec

STEPS = [{"setWeight": 5}, {"analysis": {"until": "known"}}, {"pause": {}}]
GOOD = ((30_000, 150), (3_000, 12))
# A minute of samples: what counts must not rest on one short time.
BAD = [((2_000 * number, 2 * number), (200 * number, 20 * number)) for number in range(1, 13)]


@pytest.fixture
def judged(world: World) -> str:
    """Store a rollout whose canary is judged."""
    world.operations.rollouts.create("shop", spec(steps=STEPS), ME)
    world.caught_up()
    return "shop"


def test_before_any_look_there_is_nothing_to_tell(admin: Client, judged: str, world: World) -> None:
    rollout = world.operations.rollouts.get("shop")
    for record in (None, Record("another")):
        if record:
            remember(world.operations, "shop", record)
        answer = admin("GET", "/rollouts/shop/analysis")
        assert answer.status_code == 404
        assert answer.json["detail"] == "shop: it has no canary that was looked at"
    assert world.operations.rollouts.get("shop") == rollout


def test_of_no_rollout_nothing_is_told(admin: Client) -> None:
    answer = admin("GET", "/rollouts/nope/analysis")

    assert (answer.status_code, answer.json["detail"]) == (404, "there is no rollout nope")


def test_all_that_is_known_is_told(admin: Client, judged: str, world: World) -> None:
    rollout = world.operations.rollouts.get("shop")
    now = world.clock()
    remember(world.operations, "shop", seen(rollout, [GOOD], now=now, checks=(check(Outcome.INCONCLUSIVE),)))
    told = admin("GET", "/rollouts/shop/analysis").json

    assert {"overall", "currentStep", "checks", "samples", "settings"} == told.keys()
    assert told["overall"] == told["currentStep"]
    assert (told["overall"]["outcome"], told["overall"]["canaryRequests"]) == ("Successful", 3_000)
    assert [metric["metric"] for metric in told["overall"]["metrics"]] == ["errors", "latency"]
    errors = told["overall"]["metrics"][0]
    assert (errors["canaryRate"], errors["stableRate"]) == (0.004, 0.005)
    assert {
        "outcome",
        "reason",
        "worseEValue",
        "worseThreshold",
        "notWorseEValue",
        "notWorseThreshold",
        "canaryRateUpperBound",
    } <= errors.keys()
    assert told["checks"] == [{"name": "smoke", "outcome": "Inconclusive", "reason": "it said inconclusive"}]
    assert [(look["canaryRequests"], look["stableRequests"]) for look in told["samples"]] == [(3_000, 30_000), (0, 0)]
    assert [look["at"] for look in told["samples"]] == ["2026-01-01T00:00:00Z", "2025-12-31T23:59:55Z"]


def test_a_canary_that_is_plainly_down_has_failed_in_its_attempt_and_in_its_step(
    admin: Client, judged: str, world: World
) -> None:
    rollout = world.operations.rollouts.get("shop")
    remember(world.operations, "shop", seen(rollout, [((100, 0), (12, 11))], now=world.clock()))
    told = admin("GET", "/rollouts/shop/analysis").json

    assert (told["whole"]["outcome"], told["inStep"]["outcome"]) == ("Failed", "Failed")
    assert told["whole"]["reason"] == told["looks"][0]["reason"]


def test_a_warm_up_is_shown_until_it_is_over(admin: Client, judged: str, world: World) -> None:
    rollout = world.operations.rollouts.get("shop")
    record = current_record(None, rollout).looked(
        Measurement(), settings_of(rollout), stable="", canary="", now=world.clock(), exposure=Exposure(weight=5)
    )
    remember(world.operations, "shop", record)
    world.clock.pass_time(12)
    warming = admin("GET", "/rollouts/shop/analysis").json
    world.clock.pass_time(18)
    warm = admin("GET", "/rollouts/shop/analysis").json

    assert (
        warming["warmUpRemaining"],
        warming["warmUpUntil"],
    ) == ("warming up for 18 s more", "2026-01-01T00:00:30.000Z")
    assert not {"warmUpRemaining", "warmUpUntil"} & warm.keys()


def test_effective_settings_are_shown_with_their_origin(admin: Client, world: World) -> None:
    analysis = {"preset": "careful", "margin": 1.25, "interval": "1s"}
    world.operations.rollouts.create("shop", spec(steps=STEPS, analysis=analysis), ME)
    rollout = world.operations.rollouts.get("shop")
    remember(world.operations, "shop", seen(rollout, [GOOD], now=world.clock()))
    told = admin("GET", "/rollouts/shop/analysis").json
    settings = {one["name"]: (one["value"], one["origin"]) for one in told["settings"]}

    assert told["preset"] == "careful"
    assert settings["margin"] == (1.25, "set")
    assert settings["interval"] == ("1s", "set")
    assert settings["beta"] == (0.01, "preset")
    assert settings["alpha"] == (0.05, "default")


def test_a_source_that_is_away_is_told_look_by_look(admin: Client, judged: str, world: World) -> None:
    remember(world.operations, "shop", unseen(world.operations.rollouts.get("shop"), 3, now=world.clock()))
    told = admin("GET", "/rollouts/shop/analysis").json

    assert [(look["outcome"], look["reason"]) for look in told["samples"]] == [("Error", "edge does not answer")] * 3
    assert told["overall"]["outcome"] == "Inconclusive"


def test_why_a_canary_was_taken_back_can_be_read_until_the_next_begins(
    admin: Client, judged: str, world: World
) -> None:
    operations = world.operations.rollouts
    remember(world.operations, "shop", seen(operations.get("shop"), BAD, now=world.clock()))
    operations.move("shop", Action.ABORT, ME)
    aborted = admin("GET", "/rollouts/shop/analysis")
    world.clock.pass_time(timedelta(minutes=1).total_seconds())
    operations.move("shop", Action.RETRY, ME)
    retried = admin("GET", "/rollouts/shop/analysis")

    assert (aborted.status_code, aborted.json["overall"]["outcome"]) == (200, "Failed")
    assert retried.status_code == 404


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.VIEWER, 200), (Role.OPERATOR, 200), (Role.ADMIN, 200), (Role.GATEWAY, 403), (None, 401)],
)
def test_whoever_may_read_may_read_it(
    as_role: dict[Role | None, Client], judged: str, world: World, role: Role | None, status: int
) -> None:
    remember(world.operations, "shop", seen(world.operations.rollouts.get("shop"), [GOOD], now=world.clock()))

    assert as_role[role]("GET", "/rollouts/shop/analysis").status_code == status


def test_what_cannot_be_read_is_as_if_it_were_not_there(admin: Client, judged: str, world: World) -> None:
    texts: list[Any] = ["nonsense", "[]", '{"attempt": 1}', '{"attempt": "x", "samples": 5}', "\x00", "{" * 5_000]
    for text in texts:
        world.store.replace_record("shop", expected=world.store.record("shop"), text=text)
        assert admin("GET", "/rollouts/shop/analysis").status_code == 404
