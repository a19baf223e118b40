"""What each move does to a rollout, in its details."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from provider.domain.fields import InvalidDocumentError, encode, read, write
from provider.domain.rollouts import IllegalMoveError, Phase, Promotion, Rollout
from tests.unit.rollouts.lives import STEPS, T0, V1, V2, V3, at_rest, created, edited, minutes, standing


def generations(rollout: Rollout) -> tuple[int, int]:
    return rollout.status.stable_generation, rollout.status.generation


def test_a_rollout_without_a_canary_is_at_rest() -> None:
    rollout = at_rest()

    assert standing(rollout) == (Phase.HEALTHY, 0, 0)
    assert (rollout.status.reason, rollout.status.since, rollout.canary) == ("no canary", T0, None)
    assert (rollout.version, generations(rollout)) == (0, (1, 1))


def test_a_canary_that_is_there_from_the_beginning_starts_at_once() -> None:
    assert created() == at_rest().start(V2, now=T0)
    assert (created().canary, generations(created())) == (V2, (1, 2))


@pytest.mark.parametrize("name", ["", "Shop", "a_b", "x" * 64, "a\n"])
def test_a_rollout_has_a_name_or_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="must be 1 to 63 lowercase letters"):
        Rollout.create(name, at_rest().spec, now=T0)


@pytest.mark.parametrize(
    ("steps", "after", "reason", "until"),
    [
        (None, (Phase.PROGRESSING, 0, 0), "held at 0%", None),
        (STEPS, (Phase.PAUSED, 5, 1), "waiting 10m", minutes(10)),
        (STEPS[2:], (Phase.PAUSED, 50, 1), "waiting for approval", None),
        ([{"pause": {}}], (Phase.PAUSED, 0, 0), "waiting for approval", None),
        ([{"setWeight": 5}, {"setWeight": 0.5}, {"pause": {}}], (Phase.PAUSED, 0.5, 2), "waiting for approval", None),
    ],
    ids=["no steps", "timed", "for a person", "first of all a pause", "two weights"],
)
def test_a_start_walks_to_the_first_step_that_waits(
    steps: list[dict[str, Any]] | None, after: tuple[Phase, float, int], reason: str, until: datetime | None
) -> None:
    rollout = at_rest(steps=steps).start(V2, now=T0)

    assert standing(rollout) == after
    assert (reason, until) == (rollout.status.reason, rollout.status.paused_until)


@pytest.mark.parametrize("before", [created(), created().set_weight(Decimal(60), now=T0), created().abort(now=T0)])
def test_a_new_canary_takes_the_place_of_the_one_before_and_gets_no_traffic_of_its(before: Rollout) -> None:
    rollout = before.start(V3, now=minutes(1))

    assert (rollout.spec.stable, rollout.canary) == (V1, V3)
    assert standing(rollout) == (Phase.PAUSED, 5, 1)
    assert generations(rollout) == (1, 3)
    assert minutes(11) == rollout.status.paused_until


@pytest.mark.parametrize(("steps", "phase"), [(None, Phase.PROGRESSING), ([{"pause": {}}], Phase.PAUSED)])
def test_a_new_canary_begins_at_0_where_no_step_says_otherwise(steps: Any, phase: Phase) -> None:
    rollout = created(steps=steps).set_weight(Decimal(60), now=T0).start(V3, now=T0)

    assert (phase, 0, 0) == standing(rollout)


@pytest.mark.parametrize("go_on", [Rollout.promote, Rollout.resume, Rollout.skip])
def test_a_canary_is_led_from_pause_to_pause_until_it_is_stable(go_on: Any) -> None:
    rollouts = [created()]
    while rollouts[-1].canary:
        rollouts.append(go_on(rollouts[-1], now=minutes(len(rollouts))))

    assert list(map(standing, rollouts)) == [(Phase.PAUSED, 5, 1), (Phase.PAUSED, 50, 3), (Phase.HEALTHY, 0, 0)]
    assert [T0, minutes(1), minutes(2)] == [rollout.status.since for rollout in rollouts]


def test_a_timed_pause_ends_by_itself_and_the_next_one_begins_then() -> None:
    steps = [{"setWeight": 1}, {"pause": {"duration": "1m"}}, {"setWeight": 2}, {"pause": {"duration": "2m"}}]
    first = created(steps=steps)
    second = first.advance(now=minutes(30))
    last = second.advance(now=minutes(32))

    assert [minutes(1), minutes(32), None] == [rollout.status.paused_until for rollout in (first, second, last)]
    assert standing(second) == (Phase.PAUSED, 2, 3)
    assert Phase.HEALTHY is last.status.phase


def test_pauses_in_a_row_are_waited_for_one_by_one() -> None:
    rollout = created(steps=[{"pause": {"duration": "1m"}}, {"pause": {}}, {"setWeight": 1}, {"pause": {}}])
    rollout = rollout.advance(now=minutes(1))

    assert (standing(rollout), rollout.status.paused_until) == ((Phase.PAUSED, 0, 1), None)
    assert standing(rollout.resume(now=minutes(1))) == (Phase.PAUSED, 1, 3)


def test_a_weight_by_hand_is_held_until_a_person_goes_on_from_there() -> None:
    rollout = created().set_weight(Decimal("12.5"), now=minutes(1), reason="slowly")

    assert standing(rollout) == (Phase.PROGRESSING, 12.5, 1)
    assert ("held at 12.5%: slowly", minutes(1)) == (rollout.status.reason, rollout.status.since)
    assert rollout.status.paused_until is None
    assert standing(rollout.resume(now=minutes(2))) == (Phase.PAUSED, 50, 3)


@pytest.mark.parametrize(
    ("weight", "after"),
    [
        (1, (Phase.PAUSED, 5, 1)),
        (5, (Phase.PAUSED, 50, 3)),
        (49.99, (Phase.PAUSED, 50, 3)),
        (75, (Phase.HEALTHY, 0, 0)),
    ],
)
@pytest.mark.parametrize("go_on", [Rollout.promote, Rollout.resume, Rollout.skip])
def test_from_a_weight_by_hand_the_next_step_is_the_first_that_gives_the_canary_more(
    go_on: Any, weight: float, after: tuple[Phase, float, int]
) -> None:
    held = created().promote(now=minutes(1)).set_weight(Decimal(str(weight)), now=minutes(2))

    assert standing(go_on(held, now=minutes(3))) == after


@pytest.mark.parametrize("weight", [0, 100])
def test_a_weight_by_hand_never_ends_a_rollout(weight: int) -> None:
    rollout = created().set_weight(Decimal(weight), now=T0)

    assert (Phase.PROGRESSING, weight, 1) == standing(rollout)
    assert (rollout.spec.stable, rollout.canary) == (V1, V2)


@pytest.mark.parametrize("weight", ["-1", "100.01", "33.333", "NaN"])
def test_a_weight_that_is_none_is_never_held(weight: str) -> None:
    with pytest.raises(ValueError, match="must be a number from 0 to 100 with at most two decimals"):
        created().set_weight(Decimal(weight), now=T0)


def test_a_pause_by_hand_keeps_the_weight_and_forgets_the_time() -> None:
    rollout = created().pause(now=minutes(5), reason="lunch")

    assert standing(rollout) == (Phase.PAUSED, 5, 1)
    assert ("waiting for approval: lunch", minutes(5)) == (rollout.status.reason, rollout.status.since)
    assert rollout.status.paused_until is None


def test_a_hold_without_steps_is_paused_and_resumed_where_it_was() -> None:
    held = created(steps=None).set_weight(Decimal(25), now=T0)
    paused = held.pause(now=minutes(1))

    assert standing(paused) == (Phase.PAUSED, 25, 0)
    assert standing(paused.resume(now=minutes(2))) == (Phase.PROGRESSING, 25, 0)


def test_an_abort_takes_all_traffic_at_once_and_keeps_the_canary_for_a_retry() -> None:
    rollout = created().promote(now=T0).abort(now=minutes(1), reason="errors")

    assert standing(rollout) == (Phase.DEGRADED, 0, 3)
    assert ("aborted: all traffic is on stable: errors", minutes(1)) == (rollout.status.reason, rollout.status.since)
    assert (rollout.spec.canary, rollout.canary) == (V2, None)
    assert created().abort(now=minutes(1)).status.paused_until is None


def test_a_retry_begins_from_the_first_step_with_the_same_canary() -> None:
    rollout = created().promote(now=T0).abort(now=minutes(1)).retry(now=minutes(2), reason="fixed")

    assert standing(rollout) == (Phase.PAUSED, 5, 1)
    assert (rollout.canary, generations(rollout)) == (V2, (1, 3))
    assert (minutes(12), "waiting 10m: fixed") == (rollout.status.paused_until, rollout.status.reason)


def test_a_retry_without_steps_begins_at_0() -> None:
    rollout = created(steps=None).set_weight(Decimal(25), now=T0).abort(now=T0).retry(now=T0)

    assert standing(rollout) == (Phase.PROGRESSING, 0, 0)


def test_what_is_promoted_is_the_stable_side_and_keeps_its_service() -> None:
    rollout = created().promote_full(now=minutes(1), reason="looks good")

    assert (rollout.spec.stable, rollout.spec.canary) == (V2, None)
    assert generations(rollout) == (2, 2)
    assert Promotion(stable=V1, canary=V2) == rollout.status.promoted
    assert rollout.status.reason == "the canary is now stable: looks good"


def test_the_next_canary_has_a_service_that_no_version_had_before() -> None:
    rollout = created().promote_full(now=T0).start(V3, now=T0)

    assert generations(rollout) == (2, 3)
    assert generations(rollout.abort(now=T0).start(V1, now=T0)) == (2, 4)


def test_a_move_leaves_the_rollout_it_was_made_with_alone() -> None:
    rollout = created()
    before = encode(rollout)
    rollout.promote(now=T0)
    rollout.abort(now=T0)
    rollout.promote_full(now=T0)

    assert encode(rollout) == before


def test_the_version_is_the_stores_and_no_move_changes_it() -> None:
    rollout = created().model_copy(update={"version": 7})

    assert {7} == {rollout.promote(now=T0).version, rollout.abort(now=T0).version, rollout.start(V3, now=T0).version}


def test_a_status_is_written_with_times_in_utc_to_the_millisecond() -> None:
    written = write(created().model_copy(update={"version": 7}))

    assert written["status"] == {
        "phase": "Paused",
        "weight": 5,
        "stepIndex": 1,
        "reason": "waiting 10m",
        "since": "2026-01-01T00:00:00.000Z",
        "pausedUntil": "2026-01-01T00:10:00.000Z",
        "started": "2026-01-01T00:00:00.000Z",
        "attempts": 1,
        "generation": 2,
        "stableGeneration": 1,
    }
    assert (written["name"], written["version"]) == ("shop", 7)


@pytest.mark.parametrize("since", ["2026-01-01T00:00:00", "yesterday", None])
def test_a_moment_knows_its_time_zone(since: object) -> None:
    document = write(created())
    document["status"]["since"] = since

    with pytest.raises(InvalidDocumentError, match=r"^/status/since: "):
        read(Rollout, document)


def test_a_move_in_vain_costs_the_pause_nothing() -> None:
    rollout = created()
    with pytest.raises(IllegalMoveError):
        rollout.advance(now=minutes(10) - timedelta(microseconds=1))

    assert Phase.PAUSED is rollout.advance(now=minutes(10)).status.phase


@pytest.mark.parametrize(
    ("rollout", "started"),
    [
        (created(), T0),
        (created(steps=None), T0),
        (created().promote(now=minutes(1)).set_weight(Decimal(9), now=minutes(2)), T0),
        (created().abort(now=minutes(1)), T0),
        (created().abort(now=minutes(1)).retry(now=minutes(2)), minutes(2)),
        (created().start(V3, now=minutes(3)), minutes(3)),
        (created().promote_full(now=minutes(1)), None),
        (created().promote_full(now=minutes(1)).start(V1, now=minutes(2)), minutes(2)),
    ],
)
def test_it_is_known_when_a_canary_began(rollout: Rollout, started: datetime | None) -> None:
    assert started == rollout.status.started


def test_the_step_is_the_one_that_runs_and_behind_the_last_one_there_is_none() -> None:
    rollouts = [created(), created().promote(now=T0), created().promote_full(now=T0)]
    held = created().set_weight(Decimal(60), now=T0)
    beyond = held.replace(edited(held, steps=STEPS[:2]), now=T0)

    assert [write(rollout.step) for rollout in rollouts if rollout.step] == [
        {"pause": {"duration": "10m"}},
        {"pause": {}},
        {"setWeight": 5},
    ]
    assert (beyond.status.step_index, beyond.step, created(steps=None).step) == (2, None, None)
