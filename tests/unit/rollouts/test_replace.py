"""A spec applied from a file: what is disturbed by it, and what is not."""

from decimal import Decimal
from typing import Any

import pytest

from provider.domain.fields import read
from provider.domain.rollouts import Phase, Rollout, Side, Spec, StableChangedError, StableLagsError
from tests.unit.rollouts.lives import STEPS, T0, V1, V2, V3, at_rest, created, edited, minutes, standing
from tests.world import spec

FILE = spec(steps=STEPS)
SCALED = read(Side, {"servers": [{"url": "http://127.0.0.1:9002"}, {"url": "http://127.0.0.1:9022"}]})
SCALED_STABLE = read(Side, {"servers": [{"url": "http://127.0.0.1:9001"}, {"url": "http://127.0.0.1:9011"}]})
OTHER_STEPS = [{"setWeight": 1}, {"pause": {}}, {"setWeight": 20}, {"pause": {}}]


def applied(rollout: Rollout, **changes: Any) -> Rollout:
    return rollout.replace(edited(rollout, **changes), now=minutes(1), reason="from git")


def replaced(rollout: Rollout, **changes: Any) -> Rollout:
    return rollout.replace(edited(rollout, **changes), now=minutes(1), reason="from git", replace_stable=True)


def sides(rollout: Rollout) -> tuple[Side, Side | None]:
    return rollout.spec.stable, rollout.spec.canary


def generations(rollout: Rollout) -> tuple[int, int]:
    return rollout.status.stable_generation, rollout.status.generation


@pytest.mark.parametrize(
    "rollout",
    [
        created(),
        created().promote(now=T0),
        created().set_weight(Decimal(60), now=T0),
        created().pause(now=T0),
        created().abort(now=T0),
        created().promote_full(now=T0),
        created().promote_full(now=T0).start(V3, now=T0),
        created().promote_full(now=T0).start(V3, now=T0).abort(now=T0),
    ],
    ids=["paused", "promoted", "held", "paused by hand", "aborted", "stable", "next canary", "next canary aborted"],
)
def test_the_same_file_again_changes_nothing(rollout: Rollout) -> None:
    assert rollout.replace(FILE, now=minutes(1), reason="from git") == rollout


@pytest.mark.parametrize("before", [created(), created().set_weight(Decimal(60), now=T0), created().abort(now=T0)])
@pytest.mark.parametrize(
    "changes",
    [{"rule": "Host(`a`)"}, {"priority": 9}, {"gateways": ["edge"]}, {"canary": SCALED}, {"stable": SCALED_STABLE}],
)
def test_what_is_no_new_canary_leaves_it_where_it_is(before: Rollout, changes: dict[str, Any]) -> None:
    rollout = applied(before, **changes)

    assert edited(before, **changes) == rollout.spec
    assert before.status == rollout.status


def test_a_new_canary_starts_the_steps() -> None:
    rollout = applied(created().promote(now=T0), canary=V3, priority=9)

    assert (sides(rollout), rollout.spec.priority) == ((V1, V3), 9)
    assert standing(rollout) == (Phase.PAUSED, 5, 1)
    assert generations(rollout) == (1, 3)
    assert rollout.status.reason == "waiting 10m: from git"


@pytest.mark.parametrize("before", [at_rest(), created().abort(now=T0)])
def test_a_canary_starts_with_the_steps_that_come_with_it(before: Rollout) -> None:
    rollout = applied(before, canary=V3, steps=OTHER_STEPS)

    assert standing(rollout) == (Phase.PAUSED, 1, 1)


@pytest.mark.parametrize("before", [created(), created().set_weight(Decimal(60), now=T0), created().abort(now=T0)])
def test_a_canary_left_out_is_withdrawn(before: Rollout) -> None:
    rollout = applied(before, canary=None)

    assert sides(rollout) == (V1, None)
    assert standing(rollout) == (Phase.HEALTHY, 0, 0)
    assert ("the canary was removed: from git", minutes(1)) == (rollout.status.reason, rollout.status.since)
    assert rollout.status.paused_until is None
    assert generations(rollout.start(V2, now=minutes(2))) == (1, 3)


@pytest.mark.parametrize(
    ("weight", "index", "next_weight"),
    [(0, 0, 1), (0.5, 0, 1), (1, 2, 20), (10, 2, 20), (20, 4, None), (60, 4, None)],
)
def test_other_steps_hold_the_canary_and_go_on_above_its_weight(
    weight: float, index: int, next_weight: int | None
) -> None:
    before = created().set_weight(Decimal(str(weight)), now=T0)
    rollout = applied(before, steps=OTHER_STEPS)
    later = rollout.promote(now=minutes(2))

    assert (Phase.PAUSED, weight, index) == standing(rollout)
    assert (rollout.status.reason, rollout.status.paused_until) == ("the steps have changed: from git", None)
    assert next_weight == (later.status.weight if later.canary else None)


def test_other_steps_end_a_timed_pause_only_by_hand() -> None:
    rollout = applied(created(), steps=[*STEPS, {"pause": {}}])

    assert standing(rollout) == (Phase.PAUSED, 5, 2)
    assert rollout.status.paused_until is None


def test_steps_taken_away_leave_the_canary_held() -> None:
    rollout = applied(created(), steps=None)

    assert standing(rollout) == (Phase.PAUSED, 5, 0)
    assert standing(rollout.resume(now=minutes(2))) == (Phase.PROGRESSING, 5, 0)


def test_other_steps_leave_an_aborted_canary_aborted_and_are_taken_by_a_retry() -> None:
    rollout = applied(created().promote(now=T0).abort(now=T0), steps=OTHER_STEPS[:2])

    assert standing(rollout) == (Phase.DEGRADED, 0, 0)
    assert standing(rollout.retry(now=minutes(2))) == (Phase.PAUSED, 1, 1)


def test_a_file_that_was_fulfilled_may_change_in_all_else() -> None:
    done = created().promote_full(now=T0)
    rollout = done.replace(spec(steps=OTHER_STEPS, priority=9), now=minutes(1))

    assert (sides(rollout), rollout.spec.priority) == ((V2, None), 9)
    assert done.status == rollout.status


def test_a_promoted_canary_that_its_file_scales_is_scaled_and_not_started_again() -> None:
    done = created().promote_full(now=T0)
    rollout = done.replace(FILE.model_copy(update={"canary": SCALED}), now=minutes(1))

    assert sides(rollout) == (SCALED, None)
    assert done.status == rollout.status


def test_a_replaced_stable_side_that_its_file_still_scales_gets_no_traffic_back() -> None:
    done = created().promote_full(now=T0)

    assert done.replace(FILE.model_copy(update={"stable": SCALED_STABLE}), now=minutes(1)) == done


def test_a_canary_that_was_promoted_and_rolled_back_can_be_tried_again() -> None:
    rolled_back = replaced(created().promote_full(now=T0), stable=V1)
    rollout = rolled_back.replace(FILE, now=minutes(1))

    assert sides(rolled_back) == (V1, None)
    assert sides(rollout) == (V1, V2)
    assert standing(rollout) == (Phase.PAUSED, 5, 1)


@pytest.mark.parametrize("before", [created(), created().set_weight(Decimal(60), now=T0), created().abort(now=T0)])
def test_a_canary_that_the_file_makes_stable_takes_over_and_keeps_its_service(before: Rollout) -> None:
    rollout = replaced(before, stable=SCALED, canary=None)

    assert sides(rollout) == (SCALED, None)
    assert standing(rollout) == (Phase.HEALTHY, 0, 0)
    assert generations(rollout) == (2, 2)
    assert rollout.status.reason == "the canary is now stable: from git"
    assert rollout.replace(edited(rollout), now=minutes(2)) == rollout


def test_a_canary_that_the_file_makes_stable_may_be_followed_by_the_next_at_once() -> None:
    rollout = replaced(created(), stable=V2, canary=V3)

    assert sides(rollout) == (V2, V3)
    assert standing(rollout) == (Phase.PAUSED, 5, 1)
    assert generations(rollout) == (2, 3)


def test_a_canary_on_servers_of_stables_is_withdrawn_like_any_other() -> None:
    both = read(Side, {"servers": [{"url": "http://127.0.0.1:9001"}, {"url": "http://127.0.0.1:9002"}]})
    rollout = applied(created(stable=both), canary=None)

    assert (both, None) == sides(rollout)
    assert generations(rollout) == (1, 2)


def test_a_canary_on_servers_of_stables_that_is_tried_again_is_left_where_it_is() -> None:
    both = read(Side, {"servers": [{"url": "http://127.0.0.1:9001"}, {"url": "http://127.0.0.1:9002"}]})
    again = replaced(created(stable=both).promote_full(now=T0), stable=both).start(V2, now=minutes(2))

    assert applied(again) == again


@pytest.mark.parametrize("canary", [None, V2, V3])
@pytest.mark.parametrize(
    "before",
    [at_rest(), created(), created().set_weight(Decimal(60), now=T0), created().abort(now=T0)],
    ids=["at rest", "paused", "held", "aborted"],
)
@pytest.mark.parametrize("stable", [V2, V3])
def test_another_stable_version_is_refused(before: Rollout, stable: Side, canary: Side | None) -> None:
    with pytest.raises(StableChangedError) as caught:
        applied(before, stable=stable, canary=canary)

    assert StableChangedError is type(caught.value)


@pytest.mark.parametrize(
    "before",
    [
        created().promote_full(now=T0),
        created().promote_full(now=T0).start(V3, now=T0),
        created().promote_full(now=T0).start(V3, now=T0).promote_full(now=T0),
    ],
    ids=["promoted", "next canary", "promoted twice"],
)
def test_a_file_that_lags_behind_a_promotion_is_recognized(before: Rollout) -> None:
    with pytest.raises(StableLagsError):
        before.replace(spec(steps=STEPS, canary=None), now=minutes(1))


def test_a_stable_version_that_was_replaced_is_described_by_the_status_and_has_a_service_of_its_own() -> None:
    rollout = replaced(created().promote_full(now=T0, reason="v2 is good"), stable=V1)

    assert sides(rollout) == (V1, None)
    assert standing(rollout) == (Phase.HEALTHY, 0, 0)
    assert generations(rollout) == (3, 3)
    assert rollout.status.reason == "stable was replaced: from git"
    assert rollout.status.promoted is None
    with pytest.raises(StableChangedError):
        applied(rollout, stable=V2)


def test_a_canary_begins_again_beside_another_stable_version() -> None:
    rollout = replaced(created().promote(now=T0), stable=V3)

    assert sides(rollout) == (V3, V2)
    assert standing(rollout) == (Phase.PAUSED, 5, 1)
    assert generations(rollout) == (3, 4)


def test_an_aborted_canary_stays_aborted_beside_another_stable_version() -> None:
    rollout = replaced(created().abort(now=T0), stable=V3)

    assert sides(rollout) == (V3, V2)
    assert standing(rollout) == (Phase.DEGRADED, 0, 0)
    assert generations(rollout) == (3, 4)


def test_blue_and_green_take_turns() -> None:
    def file(stable: Side, canary: Side) -> Spec:
        return FILE.model_copy(update={"stable": stable, "canary": canary})

    rollout = created()
    for stable, canary in ((V1, V2), (V2, V1), (V1, V2), (V2, V1)):
        rollout = rollout.replace(file(stable, canary), now=T0)
        assert ((stable, canary), (Phase.PAUSED, 5, 1)) == (sides(rollout), standing(rollout))
        rollout = rollout.promote_full(now=T0)

    assert sides(rollout) == (V1, None)
    assert generations(rollout) == (5, 5)
