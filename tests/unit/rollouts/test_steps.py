"""What each kind of step does when it is walked: ramps, analyses, copies and overrides."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from provider.documents import read, write
from provider.rollouts import IllegalMoveError, Override, Phase, Rollout
from tests.unit.rollouts.lives import T0, V1, V2, V3, created, edited, minutes, standing

GoOn = Callable[..., Rollout]

RAMP: dict[str, Any] = {"ramp": {"from": 5, "to": 18, "by": 5, "every": "2m"}}
JUDGED: dict[str, Any] = {"analysis": {"until": "known", "deadline": "1h"}}
JUDGED_FOR: dict[str, Any] = {"analysis": {"duration": "10m"}}
PAUSE: dict[str, Any] = {"pause": {}}
TESTER = {"header": {"name": "X-Canary", "value": "always"}, "to": "canary"}
OTHER = {"cookie": {"name": "beta", "value": "1"}, "to": "stable"}


def overrides(*documents: dict[str, Any]) -> tuple[Override, ...]:
    return tuple(read(Override, document) for document in documents)


def percent(rollout: Rollout) -> int:
    """Give the per cent of stable's requests that are copied to the canary."""
    return rollout.mirror.percent if rollout.mirror else 0


def weights(rollout: Rollout, go_on: GoOn) -> list[float]:
    """Give the weights that a canary has until it takes over."""
    found = []
    while rollout.canary:
        found.append(float(rollout.status.weight))
        rollout = go_on(rollout, now=rollout.status.paused_until or T0)
    return found


# Ramps


@pytest.mark.parametrize("go_on", [Rollout.advance, Rollout.promote, Rollout.resume])
def test_a_ramp_rises_evenly_and_its_last_weight_is_exactly_its_end(go_on: GoOn) -> None:
    assert [5, 10, 15, 18] == weights(created(steps=[RAMP]), go_on)


def test_each_weight_of_a_ramp_is_held_for_so_long_the_last_one_too() -> None:
    rollout, held = created(steps=[RAMP, PAUSE]), []
    while rollout.status.paused_until:
        held.append((standing(rollout), rollout.status.reason, rollout.status.paused_until))
        rollout = rollout.advance(now=rollout.status.paused_until)

    assert [
        ((Phase.PAUSED, weight, 0), "on the way to 18 %, waiting 2m", minutes(end))
        for weight, end in ((5, 2), (10, 4), (15, 6), (18, 8))
    ] == held
    assert (Phase.PAUSED, 18, 1) == standing(rollout)


def test_a_ramp_does_not_rise_before_its_time() -> None:
    with pytest.raises(IllegalMoveError, match="the pause is not over$"):
        created(steps=[RAMP]).advance(now=minutes(1.99))


def test_a_late_rise_is_followed_by_a_whole_wait() -> None:
    rollout = created(steps=[RAMP]).advance(now=minutes(30))

    assert ((Phase.PAUSED, 10, 0), minutes(32)) == (standing(rollout), rollout.status.paused_until)


@pytest.mark.parametrize("by", [13, 50, 100])
def test_a_ramp_of_one_rise_goes_from_its_beginning_to_its_end(by: int) -> None:
    assert [5, 18] == weights(created(steps=[{"ramp": {**RAMP["ramp"], "by": by}}]), Rollout.advance)


def test_a_ramp_by_hundredths_stays_exact() -> None:
    ramp = {"from": 0, "to": 0.3, "by": 0.1, "every": "1s"}

    assert [0, 0.1, 0.2, 0.3] == weights(created(steps=[{"ramp": ramp}]), Rollout.advance)


@pytest.mark.parametrize("rises", [0, 1, 3])
def test_a_skip_passes_all_that_is_left_of_a_ramp(rises: int) -> None:
    rollout = created(steps=[RAMP, PAUSE, {"setWeight": 100}, PAUSE])
    for _ in range(rises):
        rollout = rollout.promote(now=T0)

    assert (Phase.PAUSED, rollout.status.weight, 1) == standing(rollout.skip(now=T0))


def test_a_ramp_that_was_paused_by_hand_goes_on_where_it_was() -> None:
    paused = created(steps=[RAMP]).promote(now=T0).pause(now=minutes(1))
    rollout = paused.resume(now=minutes(60))

    assert ((Phase.PAUSED, 10, 0), None) == (standing(paused), paused.status.paused_until)
    assert ((Phase.PAUSED, 15, 0), minutes(62)) == (standing(rollout), rollout.status.paused_until)


@pytest.mark.parametrize(
    ("weight", "after"),
    [
        (0, (Phase.PAUSED, 5, 0)),
        (4.99, (Phase.PAUSED, 5, 0)),
        (5, (Phase.PAUSED, 10, 0)),
        (12, (Phase.PAUSED, 15, 0)),
        (17.5, (Phase.PAUSED, 18, 0)),
        (18, (Phase.PAUSED, 40, 2)),
        (50, (Phase.HEALTHY, 0, 0)),
    ],
)
@pytest.mark.parametrize("go_on", [Rollout.promote, Rollout.resume, Rollout.skip])
@pytest.mark.parametrize("is_paused", [False, True])
def test_from_a_weight_by_hand_a_ramp_goes_on_with_its_next_higher_weight(
    is_paused: bool, go_on: GoOn, weight: float, after: tuple[Phase, float, int]
) -> None:
    if is_paused and go_on is Rollout.skip:
        pytest.skip("a skip passes the ramp that was paused")
    steps = [RAMP, {"setWeight": 40}, PAUSE]
    held = created(steps=steps).set_weight(Decimal(str(weight)), now=T0)
    rollout = held.pause(now=T0) if is_paused else held

    assert (Phase.PROGRESSING, weight, 0) == standing(held)
    assert after == standing(go_on(rollout, now=T0))


def test_a_weight_by_hand_that_was_paused_still_goes_on_with_a_higher_step() -> None:
    paused = created().set_weight(Decimal(20), now=T0).pause(now=T0)

    assert (Phase.PAUSED, 20, 2) == standing(paused)
    assert (Phase.PAUSED, 50, 3) == standing(paused.resume(now=T0))


@pytest.mark.parametrize("go_on", [Rollout.promote, Rollout.resume, Rollout.skip])
def test_a_ramp_of_changed_steps_that_has_not_begun_is_not_passed_over(go_on: GoOn) -> None:
    rollout = created().replace(edited(created(), steps=[{"ramp": {**RAMP["ramp"], "from": 10}}]), now=T0)

    assert (Phase.PAUSED, 5, 0) == standing(rollout)
    assert (Phase.PAUSED, 10, 0) == standing(go_on(rollout, now=T0))


def test_a_ramp_of_changed_steps_goes_on_above_the_weight_that_the_canary_has() -> None:
    steps = [{"ramp": {"from": 2, "to": 50, "by": 2, "every": "1m"}}]
    rollout = created().replace(edited(created(), steps=steps), now=T0)

    assert (Phase.PAUSED, 5, 0) == standing(rollout)
    assert (Phase.PAUSED, 6, 0) == standing(rollout.promote(now=T0))


def test_a_ramp_begins_again_with_a_retry() -> None:
    rollout = created(steps=[RAMP]).promote(now=T0).abort(now=T0).retry(now=minutes(1))

    assert ((Phase.PAUSED, 5, 0), minutes(3)) == (standing(rollout), rollout.status.paused_until)


# Analyses


@pytest.mark.parametrize(
    ("step", "reason"),
    [(JUDGED, "judging the canary until it is known"), (JUDGED_FOR, "judging the canary for 10m")],
)
def test_a_canary_is_judged_while_it_is_on_its_way(step: dict[str, Any], reason: str) -> None:
    rollout = created(steps=[{"setWeight": 5}, PAUSE, step, PAUSE]).promote(now=minutes(1), reason="go")

    assert (Phase.PROGRESSING, 5, 2) == standing(rollout)
    assert (minutes(1), minutes(1), None) == (
        rollout.status.judged_since,
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

    assert (Phase.PAUSED, 5, 2) == standing(rollout)
    assert ("waiting for a person: no worse than stable", None) == (
        rollout.status.reason,
        rollout.status.judged_since,
    )


def test_a_verdict_on_the_last_step_makes_the_canary_stable() -> None:
    rollout = created(steps=[{"setWeight": 50}, JUDGED]).advance(now=T0, reason="no worse")

    assert (Phase.HEALTHY, 0, 0) == standing(rollout)
    assert ("the canary has become stable: no worse", None) == (rollout.status.reason, rollout.status.judged_since)


def test_analyses_in_a_row_are_made_one_by_one_each_from_its_beginning() -> None:
    first = created(steps=[JUDGED, {"setWeight": 5}, JUDGED_FOR, PAUSE])
    second = first.advance(now=minutes(7))

    assert [(Phase.PROGRESSING, 0, 0), (Phase.PROGRESSING, 5, 2)] == [standing(first), standing(second)]
    assert [T0, minutes(7)] == [first.status.judged_since, second.status.judged_since]


@pytest.mark.parametrize("go_on", [Rollout.promote, Rollout.resume, Rollout.skip])
def test_a_person_may_pass_an_analysis(go_on: GoOn) -> None:
    rollout = go_on(created(steps=[{"setWeight": 5}, JUDGED, {"setWeight": 50}, PAUSE]), now=T0)

    assert ((Phase.PAUSED, 50, 3), None) == (standing(rollout), rollout.status.judged_since)


def test_a_canary_that_nobody_can_judge_waits_for_a_person() -> None:
    held = created(steps=[{"setWeight": 5}, JUDGED, {"setWeight": 50}, PAUSE]).hold(now=minutes(9), reason="no data")

    assert (Phase.PAUSED, 5, 1) == standing(held)
    assert ("waiting for a person: no data", minutes(9)) == (held.status.reason, held.status.since)
    assert (None, None) == (held.status.judged_since, held.status.paused_until)
    assert (Phase.PAUSED, 50, 3) == standing(held.resume(now=minutes(10)))


def test_a_timed_pause_that_is_held_waits_for_a_person() -> None:
    held = created().hold(now=minutes(1), reason="no data")

    assert ((Phase.PAUSED, 5, 1), None) == (standing(held), held.status.paused_until)
    with pytest.raises(IllegalMoveError):
        held.advance(now=minutes(60))


def test_a_ramp_that_is_held_goes_on_within_itself_when_a_person_says_so() -> None:
    held = created(steps=[RAMP]).hold(now=minutes(1), reason="no data")

    assert (Phase.PAUSED, 10, 0) == standing(held.resume(now=minutes(2)))


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

    assert (phase, None, False) == (rollout.status.phase, rollout.status.judged_since, rollout.is_judging)


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


# Copies and overrides

COPIED = [{"setMirror": 50}, PAUSE, {"setWeight": 5}, PAUSE, {"setMirror": 0}, PAUSE, {"setMirror": 7}, PAUSE]
OVERRIDDEN = [{"setOverride": [TESTER]}, PAUSE, {"setWeight": 5}, PAUSE, {"setOverride": []}, PAUSE]


def seen(rollout: Rollout, look: Callable[[Rollout], Any]) -> list[Any]:
    """Say what is to be seen at each step up to the last."""
    found = []
    while rollout.canary:
        found.append(look(rollout))
        rollout = rollout.promote(now=T0)
    return [*found, look(rollout)]


@pytest.mark.parametrize("mirror", [None, {"percent": 20}])
def test_a_step_sets_the_copies_from_there_on(mirror: object) -> None:
    assert [50, 50, 0, 7, 0] == seen(created(steps=COPIED, mirror=mirror), percent)


def test_before_any_step_sets_them_the_copies_are_those_of_the_spec() -> None:
    steps = [PAUSE, {"setMirror": 0}, PAUSE]

    assert [20, 0, 0] == seen(created(steps=steps, mirror={"percent": 20}), percent)


def test_a_step_leaves_the_size_of_copied_bodies_as_it_is() -> None:
    asked = created(steps=COPIED, mirror={"percent": 20, "maxBodySize": 9}).mirror
    by_default = created(steps=COPIED).mirror

    assert [{"percent": 50, "maxBodySize": 9}, {"percent": 50, "maxBodySize": 1_048_576}] == [
        write(mirror) for mirror in (asked, by_default) if mirror
    ]


@pytest.mark.parametrize("asked", [None, [OTHER]])
def test_a_step_sets_the_overrides_from_there_on(asked: object) -> None:
    rollout = created(steps=OVERRIDDEN, overrides=asked)

    assert [overrides(TESTER), overrides(TESTER), (), ()] == seen(rollout, lambda rollout: rollout.overrides)


def test_before_any_step_sets_them_the_overrides_are_those_of_the_spec() -> None:
    steps = [PAUSE, {"setOverride": [TESTER, OTHER]}, PAUSE]
    found = seen(created(steps=steps, overrides=[OTHER]), lambda rollout: rollout.overrides)

    assert [overrides(OTHER), overrides(TESTER, OTHER), ()] == found


BOTH = [{"setMirror": 50}, {"setOverride": [TESTER]}, PAUSE, {"setWeight": 5}, PAUSE]
AGAIN = [PAUSE, *BOTH]


@pytest.mark.parametrize(
    "move",
    [
        lambda rollout: rollout.start(V3, now=T0),
        lambda rollout: rollout.abort(now=T0).retry(now=T0),
        lambda rollout: rollout.promote_full(now=T0),
        lambda rollout: rollout.promote_full(now=T0).start(V3, now=T0),
        lambda rollout: rollout.replace(edited(rollout, canary=None), now=T0),
        lambda rollout: rollout.replace(edited(rollout, canary=write(V3)), now=T0),
        lambda rollout: rollout.replace(edited(rollout, stable=write(V2), canary=write(V3)), now=T0),
    ],
    ids=["new canary", "retry", "in full", "next canary", "withdrawn", "another by file", "next by file"],
)
def test_what_steps_have_set_ends_with_the_canary(move: Callable[[Rollout], Rollout]) -> None:
    before = created(steps=AGAIN).promote(now=T0)
    rollout = move(before)

    assert (50, overrides(TESTER)) == (percent(before), before.overrides)
    assert (0, ()) == (percent(rollout), rollout.overrides)
    assert (None, None) == (rollout.status.mirror, rollout.status.overrides)


def test_an_aborted_canary_gets_no_copies_and_no_requests_by_overrides() -> None:
    rollout = created(steps=BOTH, mirror={"percent": 20}, overrides=[OTHER]).abort(now=T0)

    assert (None, ()) == (rollout.mirror, rollout.overrides)


@pytest.mark.parametrize(
    "move",
    [
        lambda rollout: rollout.pause(now=T0),
        lambda rollout: rollout.set_weight(Decimal(3), now=T0),
        lambda rollout: rollout.replace(edited(rollout, steps=[PAUSE]), now=T0),
        lambda rollout: rollout.replace(edited(rollout, mirror={"percent": 20}, overrides=[OTHER]), now=T0),
    ],
    ids=["pause", "weight", "other steps", "other spec"],
)
def test_what_steps_have_set_stays_while_the_canary_waits(move: Callable[[Rollout], Rollout]) -> None:
    rollout = move(created(steps=BOTH))

    assert (50, overrides(TESTER)) == (percent(rollout), rollout.overrides)


@pytest.mark.parametrize("go_on", [Rollout.promote, Rollout.resume, Rollout.skip])
@pytest.mark.parametrize(
    "rise", [{"setWeight": 10}, {"ramp": {"from": 10, "to": 20, "by": 5, "every": "1m"}}], ids=["weight", "ramp"]
)
def test_what_a_weight_by_hand_passed_over_holds_too(rise: dict[str, Any], go_on: GoOn) -> None:
    steps = [{"setMirror": 50}, JUDGED, {"setMirror": 0}, {"setOverride": [TESTER]}, rise, PAUSE]
    rollout = go_on(created(steps=steps).set_weight(Decimal(3), now=T0), now=T0)

    assert (10, 0, overrides(TESTER)) == (rollout.status.weight, percent(rollout), rollout.overrides)


def test_what_changed_steps_set_holds_once_a_person_goes_on() -> None:
    changed = created(steps=BOTH).replace(
        edited(created(), steps=[{"setWeight": 5}, {"setMirror": 9}, PAUSE]), now=T0
    )
    rollout = changed.resume(now=T0)

    assert (50, 9) == (percent(changed), percent(rollout))
    assert () == rollout.overrides


def test_what_steps_had_set_goes_with_them_once_a_person_goes_on() -> None:
    rollout = created(steps=BOTH).replace(edited(created(), steps=None), now=T0).resume(now=T0)

    assert (Phase.PROGRESSING, 0, 0) == standing(rollout)
    assert (0, ()) == (percent(rollout), rollout.overrides)


# The attempt


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


def steps_seen(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any] | None]:
    look: Callable[[Rollout], Any] = lambda rollout: write(rollout.step) if rollout.step else None  # noqa: E731
    return seen(created(steps=steps), look)


def test_the_step_is_the_one_that_runs() -> None:
    assert [JUDGED, RAMP, RAMP, RAMP, RAMP, PAUSE, {"setWeight": 5}] == steps_seen(
        [{"setWeight": 5}, JUDGED, RAMP, PAUSE]
    )


def test_behind_the_last_step_there_is_none() -> None:
    moved = created().set_weight(Decimal(60), now=T0)
    rollout = moved.replace(edited(moved, steps=[{"setWeight": 5}, PAUSE]), now=T0)

    assert (2, None) == (rollout.status.step_index, rollout.step)
    assert created(steps=None).step is None
