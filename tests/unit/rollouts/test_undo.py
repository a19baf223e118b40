"""Back to what a rollout once was."""

from datetime import timedelta
from decimal import Decimal

from provider.domain.fields import write
from provider.domain.rollouts import Phase, Rollout
from tests.unit.rollouts.lives import T0, V1, V2, V3, at_rest, created, edited, minutes, standing


def undone(now: Rollout, earlier: Rollout) -> Rollout:
    return now.undo(earlier, now=minutes(90), reason="v2 leaks")


def test_a_canary_that_took_over_is_a_canary_again_held_at_its_weight() -> None:
    earlier = created().set_weight(Decimal(25), now=T0)
    back = undone(earlier.promote_full(now=minutes(1)), earlier)

    assert standing(back) == (Phase.PROGRESSING, 25.0, 1)
    assert (back.spec.stable, back.spec.canary) == (V1, V2)
    assert back.status.reason == "held at 25%: v2 leaks"
    assert minutes(90) == back.status.since == back.status.started


def test_what_waited_for_a_time_waits_for_a_person_now() -> None:
    back = undone(created().abort(now=minutes(1)), created())

    assert standing(back) == (Phase.PROGRESSING, 5.0, 1)
    assert back.status.paused_until is None


def test_a_rollout_without_a_canary_has_none_again() -> None:
    back = undone(created().promote(now=minutes(1)), at_rest())

    assert standing(back) == (Phase.HEALTHY, 0.0, 0)
    assert back.status.reason == "rolled back to a revision without a canary: v2 leaks"


def test_a_canary_that_was_aborted_comes_back_under_another_name() -> None:
    back = undone(created().abort(now=minutes(1)), created())

    assert (back.status.stable_generation, back.status.generation) == (1, 3)


def test_what_was_aborted_is_aborted_again() -> None:
    back = undone(created(), created().abort(now=T0))

    assert standing(back)[:2] == (Phase.DEGRADED, 0.0)


def test_a_side_that_is_there_keeps_its_name_and_one_that_comes_back_gets_a_new_one() -> None:
    first = created()
    third = first.promote_full(now=minutes(1)).start(V3, now=minutes(2))

    both_there = undone(third.set_weight(Decimal(9), now=minutes(3)), third)
    back = undone(third, first)

    assert (both_there.status.stable_generation, both_there.status.generation) == (2, 3)
    assert (back.status.stable_generation, back.status.generation) == (4, 5)
    assert undone(third, at_rest(stable=write(V2))).status.stable_generation == 2


def test_a_canary_that_was_another_one_counts_as_new() -> None:
    earlier = created()
    back = undone(earlier.start(V3, now=minutes(1)), earlier)

    assert (back.status.stable_generation, back.status.generation) == (1, 4)
    assert back.spec.canary == V2


def test_what_is_rolled_back_from_does_not_take_over_at_once_when_it_comes_again() -> None:
    earlier = at_rest(rollbackWindow="2h")
    second = earlier.start(V2, now=minutes(1)).promote_full(now=minutes(2))
    third = second.start(V3, now=minutes(3)).promote_full(now=minutes(4))
    back = undone(third, second)

    assert Phase.HEALTHY is back.start(V1, now=minutes(91)).status.phase
    assert Phase.HEALTHY is not back.start(V3, now=minutes(91)).status.phase


def test_the_steps_come_back_with_the_spec() -> None:
    earlier = created()
    other = earlier.replace(edited(earlier, steps=[{"setWeight": 1}, {"pause": {}}]), now=minutes(1))
    back = undone(other, earlier)

    assert earlier.spec == back.spec
    assert back.replace(earlier.spec, now=minutes(91) + timedelta(1)) == back
