"""Steps that judge the canary: how they begin and end, and waiting for approval where nobody can tell."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from provider.domain.rollouts import IllegalMoveError, Phase, Rollout
from tests.unit.rollouts.lives import T0, V3, created, edited, minutes, standing

GoOn = Callable[..., Rollout]

RAMP: dict[str, Any] = {"ramp": {"from": 5, "to": 18, "by": 5, "every": "2m"}}
JUDGED: dict[str, Any] = {"analysis": {"until": "known", "deadline": "1h"}}
JUDGED_FOR: dict[str, Any] = {"analysis": {"duration": "10m"}}
PAUSE: dict[str, Any] = {"pause": {}}


@pytest.mark.parametrize(
    ("step", "reason"),
    [(JUDGED, "analyzing the canary until the verdict is known"), (JUDGED_FOR, "analyzing the canary for 10m")],
)
def test_a_canary_is_judged_while_it_is_on_its_way(step: dict[str, Any], reason: str) -> None:
    rollout = created(steps=[{"setWeight": 5}, PAUSE, step, PAUSE]).promote(now=minutes(1), reason="go")

    assert standing(rollout) == (Phase.PROGRESSING, 5, 2)
    assert (minutes(1), minutes(1), None) == (
        rollout.status.analysis_since,
        rollout.status.since,
        rollout.status.paused_until,
    )
    assert (f"{reason}: go", True, True, False) == (
        rollout.status.reason,
        rollout.is_judging,
        rollout.is_judged,
        rollout.is_held,
    )


@pytest.mark.parametrize("step", [JUDGED, JUDGED_FOR])
def test_a_verdict_ends_an_analysis_at_any_time_and_is_told(step: dict[str, Any]) -> None:
    rollout = created(steps=[step, {"setWeight": 5}, PAUSE]).advance(now=T0, reason="no worse than stable")

    assert standing(rollout) == (Phase.PAUSED, 5, 2)
    assert (
        rollout.status.reason,
        rollout.status.analysis_since,
    ) == ("waiting for approval: no worse than stable", None)


def test_a_verdict_on_the_last_step_makes_the_canary_stable() -> None:
    rollout = created(steps=[{"setWeight": 50}, JUDGED]).advance(now=T0, reason="no worse")

    assert standing(rollout) == (Phase.HEALTHY, 0, 0)
    assert (rollout.status.reason, rollout.status.analysis_since) == ("the canary is now stable: no worse", None)


def test_analyses_in_a_row_are_made_one_by_one_each_from_its_beginning() -> None:
    first = created(steps=[JUDGED, {"setWeight": 5}, JUDGED_FOR, PAUSE])
    second = first.advance(now=minutes(7))

    assert [standing(first), standing(second)] == [(Phase.PROGRESSING, 0, 0), (Phase.PROGRESSING, 5, 2)]
    assert [T0, minutes(7)] == [first.status.analysis_since, second.status.analysis_since]


@pytest.mark.parametrize("go_on", [Rollout.promote, Rollout.resume, Rollout.skip])
def test_a_person_may_pass_an_analysis(go_on: GoOn) -> None:
    rollout = go_on(created(steps=[{"setWeight": 5}, JUDGED, {"setWeight": 50}, PAUSE]), now=T0)

    assert (standing(rollout), rollout.status.analysis_since) == ((Phase.PAUSED, 50, 3), None)


def test_a_canary_that_nobody_can_judge_waits_for_a_person() -> None:
    held = created(steps=[{"setWeight": 5}, JUDGED, {"setWeight": 50}, PAUSE]).hold(now=minutes(9), reason="no data")

    assert standing(held) == (Phase.PAUSED, 5, 1)
    assert ("waiting for approval: no data", minutes(9)) == (held.status.reason, held.status.since)
    assert (held.status.analysis_since, held.status.paused_until) == (None, None)
    assert standing(held.resume(now=minutes(10))) == (Phase.PAUSED, 50, 3)


def test_a_timed_pause_that_is_held_waits_for_a_person() -> None:
    held = created().hold(now=minutes(1), reason="no data")

    assert (standing(held), held.status.paused_until) == ((Phase.PAUSED, 5, 1), None)
    with pytest.raises(IllegalMoveError):
        held.advance(now=minutes(60))


def test_a_ramp_that_is_held_goes_on_within_itself_when_a_person_says_so() -> None:
    held = created(steps=[RAMP]).hold(now=minutes(1), reason="no data")

    assert standing(held.resume(now=minutes(2))) == (Phase.PAUSED, 10, 0)


@pytest.mark.parametrize(
    ("stop", "phase"),
    [
        (Rollout.abort, Phase.DEGRADED),
        (Rollout.pause, Phase.PAUSED),
        (lambda rollout, now: rollout.set_weight(Decimal(9), now=now), Phase.PROGRESSING),
        (lambda rollout, now: rollout.start(V3, now=now).pause(now=now), Phase.PAUSED),
        (lambda rollout, now: rollout.replace(edited(rollout, canary=None), now=now), Phase.HEALTHY),
        (lambda rollout, now: rollout.replace(edited(rollout, steps=[PAUSE]), now=now), Phase.PAUSED),
        (lambda rollout, now: rollout.replace(edited(rollout, steps=None), now=now), Phase.PAUSED),
        (Rollout.promote_full, Phase.HEALTHY),
    ],
    ids=["abort", "pause", "weight", "new canary paused", "withdrawal", "other steps", "no steps", "in full"],
)
def test_what_stops_an_analysis_leaves_nothing_of_it(stop: GoOn, phase: Phase) -> None:
    rollout = stop(created(steps=[JUDGED]), now=minutes(1))

    assert (phase, None, False) == (rollout.status.phase, rollout.status.analysis_since, rollout.is_judging)


def test_what_is_no_step_leaves_an_analysis_alone() -> None:
    judging = created(steps=[JUDGED])

    assert judging.status == judging.replace(edited(judging, priority=9), now=minutes(1)).status


@pytest.mark.parametrize(
    ("rollout", "is_judged", "is_moving"),
    [
        (created(), False, True),
        (created().pause(now=T0), False, False),
        (created(analysis={}).pause(now=T0), True, True),
        (created(analysis={}, steps=None), True, True),
        (created(steps=None), False, False),
        (created(steps=[JUDGED]), True, True),
        (created(steps=[JUDGED]).hold(now=T0, reason="no data"), False, False),
        (created(analysis={}).abort(now=T0), False, False),
        (created(analysis={}).promote_full(now=T0), False, False),
    ],
)
def test_a_canary_is_judged_in_its_step_or_all_the_while(rollout: Rollout, is_judged: bool, is_moving: bool) -> None:
    assert (is_judged, is_moving) == (rollout.is_judged, rollout.is_moving)
