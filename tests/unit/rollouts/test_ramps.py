"""Weights that rise in even steps: what time, a person, and a weight by hand make of them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from provider.domain.rollouts import IllegalMoveError, Phase, Rollout
from tests.unit.rollouts.lives import T0, created, edited, minutes, standing

GoOn = Callable[..., Rollout]

RAMP: dict[str, Any] = {"ramp": {"from": 5, "to": 18, "by": 5, "every": "2m"}}
PAUSE: dict[str, Any] = {"pause": {}}


def weights(rollout: Rollout, go_on: GoOn) -> list[float]:
    """Give the weights that a canary has until it takes over."""
    found = []
    while rollout.canary:
        found.append(float(rollout.status.weight))
        rollout = go_on(rollout, now=rollout.status.paused_until or T0)
    return found


@pytest.mark.parametrize("go_on", [Rollout.advance, Rollout.promote, Rollout.resume])
def test_a_ramp_rises_evenly_and_its_last_weight_is_exactly_its_end(go_on: GoOn) -> None:
    assert weights(created(steps=[RAMP]), go_on) == [5, 10, 15, 18]


def test_each_weight_of_a_ramp_is_held_for_so_long_the_last_one_too() -> None:
    rollout, held = created(steps=[RAMP, PAUSE]), []
    while rollout.status.paused_until:
        held.append((standing(rollout), rollout.status.reason, rollout.status.paused_until))
        rollout = rollout.advance(now=rollout.status.paused_until)

    assert [
        ((Phase.PAUSED, weight, 0), "ramping to 18%, waiting 2m", minutes(end))
        for weight, end in ((5, 2), (10, 4), (15, 6), (18, 8))
    ] == held
    assert standing(rollout) == (Phase.PAUSED, 18, 1)


def test_a_ramp_does_not_rise_before_its_time() -> None:
    with pytest.raises(IllegalMoveError, match=r"the pause is not over$"):
        created(steps=[RAMP]).advance(now=minutes(1.99))


def test_a_late_rise_is_followed_by_a_whole_wait() -> None:
    rollout = created(steps=[RAMP]).advance(now=minutes(30))

    assert ((Phase.PAUSED, 10, 0), minutes(32)) == (standing(rollout), rollout.status.paused_until)


@pytest.mark.parametrize("by", [13, 50, 100])
def test_a_ramp_of_one_rise_goes_from_its_beginning_to_its_end(by: int) -> None:
    assert weights(created(steps=[{"ramp": {**RAMP["ramp"], "by": by}}]), Rollout.advance) == [5, 18]


def test_a_ramp_by_hundredths_stays_exact() -> None:
    ramp = {"from": 0, "to": 0.3, "by": 0.1, "every": "1s"}

    assert weights(created(steps=[{"ramp": ramp}]), Rollout.advance) == [0, 0.1, 0.2, 0.3]


@pytest.mark.parametrize("rises", [0, 1, 3])
def test_a_skip_passes_all_that_is_left_of_a_ramp(rises: int) -> None:
    rollout = created(steps=[RAMP, PAUSE, {"setWeight": 100}, PAUSE])
    for _ in range(rises):
        rollout = rollout.promote(now=T0)

    assert (Phase.PAUSED, float(rollout.status.weight), 1) == standing(rollout.skip(now=T0))


def test_a_ramp_that_was_paused_by_hand_goes_on_where_it_was() -> None:
    paused = created(steps=[RAMP]).promote(now=T0).pause(now=minutes(1))
    rollout = paused.resume(now=minutes(60))

    assert (standing(paused), paused.status.paused_until) == ((Phase.PAUSED, 10, 0), None)
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
@pytest.mark.parametrize(
    "go_on",
    [
        Rollout.promote,
        Rollout.resume,
        Rollout.skip,
        lambda held, now: held.pause(now=now).promote(now=now),
        lambda held, now: held.pause(now=now).resume(now=now),
    ],
    ids=["promoted", "resumed", "skipped", "paused and promoted", "paused and resumed"],
)
def test_from_a_weight_by_hand_a_ramp_goes_on_with_its_next_higher_weight(
    go_on: GoOn, weight: float, after: tuple[Phase, float, int]
) -> None:
    held = created(steps=[RAMP, {"setWeight": 40}, PAUSE]).set_weight(Decimal(str(weight)), now=T0)

    assert (Phase.PROGRESSING, weight, 0) == standing(held)
    assert standing(go_on(held, now=T0)) == after


def test_a_weight_by_hand_that_was_paused_still_goes_on_with_a_higher_step() -> None:
    paused = created().set_weight(Decimal(20), now=T0).pause(now=T0)

    assert standing(paused) == (Phase.PAUSED, 20, 2)
    assert standing(paused.resume(now=T0)) == (Phase.PAUSED, 50, 3)


@pytest.mark.parametrize("go_on", [Rollout.promote, Rollout.resume, Rollout.skip])
def test_a_ramp_of_changed_steps_that_has_not_begun_is_not_passed_over(go_on: GoOn) -> None:
    rollout = created().replace(edited(created(), steps=[{"ramp": {**RAMP["ramp"], "from": 10}}]), now=T0)

    assert standing(rollout) == (Phase.PAUSED, 5, 0)
    assert standing(go_on(rollout, now=T0)) == (Phase.PAUSED, 10, 0)


def test_a_ramp_of_changed_steps_goes_on_above_the_weight_that_the_canary_has() -> None:
    steps = [{"ramp": {"from": 2, "to": 50, "by": 2, "every": "1m"}}]
    rollout = created().replace(edited(created(), steps=steps), now=T0)

    assert standing(rollout) == (Phase.PAUSED, 5, 0)
    assert standing(rollout.promote(now=T0)) == (Phase.PAUSED, 6, 0)


def test_a_ramp_begins_again_with_a_retry() -> None:
    rollout = created(steps=[RAMP]).promote(now=T0).abort(now=T0).retry(now=minutes(1))

    assert ((Phase.PAUSED, 5, 0), minutes(3)) == (standing(rollout), rollout.status.paused_until)
