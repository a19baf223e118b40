"""What is due: every kind of step, verdict and limit, at moments that the test chooses."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from provider.domain.analysis import Measurement, Outcome, Record
from provider.domain.rollouts import Action, Rollout, StatusCode, current_record, exposure_of, settings_of
from provider.traefik.config import counted_services
from provider.workers.decisions import Move, decide
from tests.canaries import check, counters, seen, unseen
from tests.world import spec

T0 = datetime(2026, 1, 5, 12, tzinfo=UTC)  # a Monday
# So many requests each that a verdict is sure.
GOOD = ((30_000, 150), (3_000, 12))
BAD = ((2_000, 2), (200, 140))
LITTLE = ((50, 0), (5, 0))
TEN_MINUTES = [{"setWeight": 5}, {"analysis": {"duration": "10m"}}, {"pause": {}}]
UNTIL_KNOWN = [{"setWeight": 5}, {"analysis": {"until": "known", "deadline": "1h"}}, {"pause": {}}]


def minutes(number: float) -> datetime:
    return T0 + timedelta(minutes=number)


def created(**changes: Any) -> Rollout:
    return Rollout.create("shop", spec(**changes), now=T0)


def due(rollout: Rollout, record: Record | None = None, *, after: float = 0) -> Move | None:
    return decide(rollout, current_record(record, rollout), now=minutes(after))


@pytest.mark.parametrize(
    "rollout",
    [
        created(canary=None),
        created(steps=TEN_MINUTES).abort(now=T0),
        created(),
        created(steps=[{"pause": {}}]),
        created(steps=TEN_MINUTES).pause(now=T0),
    ],
    ids=["at rest", "aborted", "held by hand", "paused for a person", "an analysis paused by a person"],
)
def test_what_waits_for_a_person_waits_for_ever(rollout: Rollout) -> None:
    assert due(rollout, after=10**6) is None


def test_a_pause_ends_when_its_time_is_over() -> None:
    rollout = created(steps=[{"setWeight": 5}, {"pause": {"duration": "10m"}}])

    assert due(rollout, after=9.99) is None
    assert Move(Action.ADVANCE) == due(rollout, after=10)


def test_a_ramp_goes_on_each_time_its_time_is_over() -> None:
    rollout = created(steps=[{"ramp": {"from": 5, "to": 12, "by": 5, "every": "2m"}}])
    weights = [rollout.status.weight]
    now = T0
    while rollout.canary:
        now += timedelta(minutes=2)
        assert decide(rollout, current_record(None, rollout), now=now - timedelta(seconds=1)) is None
        rollout = rollout.advance(now=now)
        weights.append(rollout.status.weight)

    assert weights == [5, 10, 12, 0]


# Analysis for a time


@pytest.mark.parametrize(
    ("looks", "after", "action", "words"),
    [
        ([GOOD], 9, None, ""),
        ([GOOD], 10, Action.ADVANCE, "canary errors 0.4% against 0.5%"),
        ([LITTLE], 10, Action.HOLD, "too few requests: 5 of 100"),
        ([], 10, Action.HOLD, "too few requests: 0 of 100"),
        ([BAD], 1, Action.ABORT, "140 of the last 200 requests to the canary failed"),
    ],
)
def test_an_analysis_for_a_time(looks: Any, after: float, action: Action | None, words: str) -> None:
    rollout = created(steps=TEN_MINUTES)
    move = due(rollout, seen(rollout, looks, now=minutes(after)), after=after)

    assert action == (move.action if move else None)
    assert words in (move.reason if move else "")


def test_a_canary_that_fails_later_than_its_step_began_is_judged_by_all_its_time() -> None:
    rollout = created(steps=[{"setWeight": 5}, {"pause": {"duration": "1m"}}, *TEN_MINUTES], analysis={})
    early = seen(rollout, [BAD], now=minutes(1))
    later = rollout.advance(now=minutes(1))

    assert "140 of the last 200" in getattr(due(later, early, after=1), "reason", "")


# Analysis until it is known


@pytest.mark.parametrize(
    ("looks", "after", "undecided", "action"),
    [
        ([GOOD], 4.9, "hold", None),
        ([GOOD], 5, "hold", Action.ADVANCE),
        ([BAD], 1, "promote", Action.ABORT),
        ([LITTLE], 59, "hold", None),
        ([LITTLE], 60, "hold", Action.HOLD),
        ([LITTLE], 60, "promote", Action.ADVANCE),
        ([LITTLE], 60, "abort", Action.ABORT),
        ([], 60, "hold", Action.HOLD),
    ],
)
def test_an_analysis_until_it_is_known(looks: Any, after: float, undecided: str, action: Action | None) -> None:
    rollout = created(steps=UNTIL_KNOWN, analysis={"onUndecided": undecided})
    move = due(rollout, seen(rollout, looks, now=minutes(after)), after=after)

    assert action == (move.action if move else None)


@pytest.mark.parametrize("step", [TEN_MINUTES, UNTIL_KNOWN])
@pytest.mark.parametrize(("undecided", "after_deadline"), [("promote", Action.HOLD), ("abort", Action.ABORT)])
def test_a_failure_that_is_borne_is_not_promoted_at_the_end(
    step: Any, undecided: str, after_deadline: Action
) -> None:
    rollout = created(steps=step, analysis={"failureLimit": 5, "onUndecided": undecided})
    move = due(rollout, seen(rollout, [BAD], now=minutes(60)), after=60)

    assert move is not None
    assert (after_deadline if step is UNTIL_KNOWN else Action.HOLD) is move.action
    assert "140 of the last 200 requests to the canary failed" in move.reason


def test_a_canary_that_failed_before_its_step_is_held_with_the_reason_of_that() -> None:
    rollout = created(steps=[{"analysis": {"duration": "1m"}}, *TEN_MINUTES], analysis={"failureLimit": 5})
    early = seen(rollout, [BAD], now=minutes(1))
    later = rollout.advance(now=minutes(1))
    services = counted_services(later)
    fine = Measurement(counters(later, stable=(BAD[0][0] + 200, 2), canary=(BAD[1][0] + 100, 20)))
    record = current_record(early, later).looked(
        fine, settings_of(later), stable=services["stable"], canary=services["canary"], now=minutes(2)
    )
    move = due(later, record, after=11)

    assert move is not None
    assert Action.HOLD is move.action
    assert "e-value" in move.reason
    assert "did not fail" not in move.reason


@pytest.mark.parametrize(
    ("outcome", "step", "action"),
    [
        (Outcome.SUCCESSFUL, UNTIL_KNOWN, Action.ADVANCE),
        (Outcome.INCONCLUSIVE, UNTIL_KNOWN, None),
        (Outcome.FAILED, UNTIL_KNOWN, Action.ABORT),
        (Outcome.SUCCESSFUL, TEN_MINUTES, Action.ADVANCE),
        (Outcome.INCONCLUSIVE, TEN_MINUTES, Action.HOLD),
    ],
)
def test_a_check_must_say_yes_too(outcome: Outcome, step: Any, action: Action | None) -> None:
    rollout = created(steps=step)
    move = due(rollout, seen(rollout, [GOOD], now=minutes(10), checks=(check(outcome),)), after=10)

    assert action == (move.action if move else None)
    assert move is None or outcome is Outcome.SUCCESSFUL or f"smoke: it said {outcome.lower()}" in move.reason


# All the while


@pytest.mark.parametrize("steps", [None, [{"setWeight": 5}, {"pause": {}}], [{"pause": {"duration": "1h"}}]])
def test_with_an_analysis_in_the_spec_a_canary_that_fails_is_aborted_wherever_it_stands(steps: Any) -> None:
    rollout = created(steps=steps, analysis={})
    move = due(rollout, seen(rollout, [BAD], now=minutes(1)), after=1)

    assert move is not None
    assert Action.ABORT is move.action
    assert "of the last" in move.reason


def test_what_was_seen_of_another_attempt_counts_no_more() -> None:
    rollout = created(steps=UNTIL_KNOWN, analysis={})
    record = seen(rollout, [BAD], now=minutes(1))
    again = rollout.abort(now=minutes(1)).retry(now=minutes(2))
    edited = rollout.replace(spec(steps=UNTIL_KNOWN, analysis={"margin": 3}), now=minutes(1))

    assert due(again, record, after=3) is None
    assert due(edited, record, after=3) is None


# Sources that cannot be asked


@pytest.mark.parametrize(
    ("errors", "steps", "action"),
    [
        (5, UNTIL_KNOWN, None),
        (6, UNTIL_KNOWN, Action.HOLD),
        (6, [{"pause": {"duration": "1h"}}], Action.HOLD),
        (6, [{"pause": {}}], None),
        (6, None, None),
    ],
)
def test_a_source_that_is_away_too_long_makes_the_canary_wait(errors: int, steps: Any, action: Action | None) -> None:
    rollout = created(steps=steps, analysis={})
    move = due(rollout, unseen(rollout, errors, now=minutes(5)), after=5)

    assert action == (move.action if move else None)
    assert move is None or StatusCode.NOT_MEASURED is move.reason_code
    assert move is None or move.reason == "the canary cannot be analyzed: edge does not answer"


def test_a_short_outage_of_a_source_holds_nothing() -> None:
    rollout = created(steps=UNTIL_KNOWN)
    record = current_record(None, rollout)
    for second in range(60, 300, 5):
        now = T0 + timedelta(seconds=second)
        away = Measurement(error="edge does not answer")
        record = record.looked(away, settings_of(rollout), stable="", canary="", now=now)

        assert decide(rollout, record, now=now) is None


def held_unmeasured(**changes: Any) -> Rollout:
    """Return a rollout that was held after five minutes as its source did not respond."""
    rollout = created(**changes)
    move = due(rollout, unseen(rollout, 6, now=minutes(5)), after=5)
    assert move
    return rollout.hold(now=minutes(5), reason=move.reason, reason_code=move.reason_code)


@pytest.mark.parametrize("steps", [UNTIL_KNOWN, TEN_MINUTES, [{"setWeight": 5}, {"pause": {"duration": "1h"}}]])
def test_a_rollout_continues_with_its_step_when_its_sources_respond_again(steps: Any) -> None:
    held = held_unmeasured(steps=steps, analysis={})
    still_away = due(held, unseen(held, 1, now=minutes(6)), after=6)
    move = due(held, seen(held, [LITTLE], now=minutes(7)), after=7)
    assert move
    continued = held.advance(now=minutes(7), reason=move.reason)

    assert held.is_moving
    assert still_away is None
    assert Action.ADVANCE is move.action
    assert held.status.step_index == continued.status.step_index
    assert (continued.status.paused_until or continued.status.analysis_since) is not None
    assert (None, minutes(7)) == (continued.status.reason_code, continued.status.since)


@pytest.mark.parametrize(
    "touch",
    [
        lambda held: held.pause(now=minutes(6)),
        lambda held: held.set_weight(Decimal(5), now=minutes(6)),
        lambda held: held.abort(now=minutes(6)),
    ],
    ids=["paused", "weight set", "aborted"],
)
def test_a_rollout_that_a_person_has_moved_does_not_continue_by_itself(touch: Any) -> None:
    touched = touch(held_unmeasured(steps=UNTIL_KNOWN, analysis={}))

    assert touched.status.reason_code is None
    assert due(touched, seen(touched, [LITTLE], now=minutes(7)), after=7) is None


def test_a_canary_that_fails_while_it_is_not_measured_in_full_is_aborted() -> None:
    held = held_unmeasured(steps=UNTIL_KNOWN)

    assert Action.ABORT is getattr(due(held, seen(held, [BAD], now=minutes(7)), after=7), "action", None)


def test_who_goes_on_all_the_same_is_not_stopped_again_at_once() -> None:
    rollout = created(steps=[{"pause": {"duration": "1h"}}, {"pause": {"duration": "1h"}}], analysis={})
    record = unseen(rollout, 6, now=T0)
    resumed = rollout.hold(now=minutes(1), reason="it cannot be judged").resume(now=minutes(10))

    assert due(resumed, record, after=14.9) is None
    assert getattr(due(resumed, record, after=15), "action", None) is Action.HOLD


# Deadlines and hours


def test_a_canary_that_comes_no_further_is_taken_back() -> None:
    rollout = created(steps=[{"analysis": {"until": "known"}}], progressDeadline="30m")

    assert due(rollout, after=29) is None
    assert Move(Action.ABORT, "no progress for 30m") == due(rollout, after=30)


def test_a_person_is_waited_for_beyond_any_deadline() -> None:
    assert due(created(steps=[{"pause": {}}], progressDeadline="30m"), after=10**6) is None


NIGHTS = {"windows": [{"from": "22:00", "to": "06:00"}]}


@pytest.mark.parametrize(("after", "action"), [(9 * 60, None), (10 * 60, Action.ADVANCE)])
def test_outside_its_hours_nothing_advances_and_nothing_is_overdue(after: float, action: Action | None) -> None:
    rollout = created(steps=UNTIL_KNOWN, schedule=NIGHTS, progressDeadline="2h")
    move = due(rollout, seen(rollout, [GOOD], now=minutes(after)), after=after)

    assert action == (move.action if move else None)


def test_a_canary_that_fails_is_aborted_at_any_hour() -> None:
    rollout = created(steps=UNTIL_KNOWN, schedule=NIGHTS)
    move = due(rollout, seen(rollout, [BAD], now=minutes(1)), after=1)

    assert move is not None
    assert Action.ABORT is move.action


# Only said


@pytest.mark.parametrize(
    ("steps", "looks", "after", "words"),
    [
        (UNTIL_KNOWN, [BAD], 1, "dry run, would have been aborted: 140 of the last 200"),
        (TEN_MINUTES, [BAD], 10, "dry run, would have been aborted: 140 of the last 200"),
        (TEN_MINUTES, [LITTLE], 10, "dry run, would have been held: too few requests"),
        (UNTIL_KNOWN, [LITTLE], 60, "dry run, would have been held: no verdict after 1h"),
        (
            [{"analysis": {"until": "known"}}],
            [LITTLE],
            60,
            "dry run, would have been aborted: no progress for 40m",
        ),
    ],
)
def test_a_dry_run_goes_on_and_says_what_would_have_been(steps: Any, looks: Any, after: float, words: str) -> None:
    deadline = "40m" if steps[0].get("analysis") else None
    rollout = created(steps=steps, dryRun=True, analysis={}, progressDeadline=deadline)
    move = due(rollout, seen(rollout, looks, now=minutes(after)), after=after)

    assert move is not None
    assert Action.ADVANCE is move.action
    assert words in move.reason


def test_a_dry_run_takes_nobody_back_from_a_pause() -> None:
    rollout = created(steps=[{"setWeight": 5}, {"pause": {}}], dryRun=True, analysis={})

    assert due(rollout, seen(rollout, [BAD], now=minutes(1)), after=1) is None


BASELINE = {"servers": [{"url": "http://127.0.0.1:9003"}]}
PAUSE = [{"setWeight": 25}, {"pause": {"duration": "1m"}}, {"pause": {}}]
MINUTE = [{"setWeight": 25}, {"analysis": {"duration": "1m"}}, {"pause": {}}]
AT_DEADLINE = [{"setWeight": 25}, {"analysis": {"until": "known", "deadline": "1m"}}, {"pause": {}}]
# Requests of stable, the canary and its baseline: as it should be, without a baseline, and with a bad one.
BESIDE = ((10_000, 50), (5_000, 25), (5_000, 25))
MISSED = ((10_000, 50), (5_000, 25), (0, 0))
AS_BAD = ((10_000, 50), (5_000, 1_000), (5_000, 1_000))


@pytest.mark.parametrize("steps", [PAUSE, MINUTE, AT_DEADLINE], ids=["a pause", "a duration", "until known"])
@pytest.mark.parametrize(("counts", "is_held"), [(BESIDE, False), (MISSED, True), (AS_BAD, True)])
def test_a_canary_takes_no_step_by_itself_without_a_baseline_to_compare_it_with(
    steps: list[Any], counts: tuple[Any, ...], is_held: bool
) -> None:
    settings = {"onUndecided": "promote", "sustained": "0s", "warmUp": "0s"}
    rollout = created(steps=steps, baseline=BASELINE, analysis=settings)
    move = due(rollout, seen(rollout, [counts], now=minutes(2), exposure=exposure_of(rollout)), after=2)

    assert move
    assert (Action.HOLD if is_held else Action.ADVANCE) is move.action


def test_a_dry_run_needs_no_baseline() -> None:
    rollout = created(steps=PAUSE, baseline=BASELINE, analysis={}, dryRun=True)
    record = seen(rollout, [MISSED], now=minutes(2), exposure=exposure_of(rollout))
    move = due(rollout, record, after=2)

    assert record.doubt(settings_of(rollout))
    assert move == Move(Action.ADVANCE)


def test_a_canary_that_is_plainly_down_is_aborted_without_a_baseline() -> None:
    rollout = created(steps=PAUSE, baseline=BASELINE, analysis={})
    move = due(rollout, seen(rollout, [((200, 0), (100, 90), (0, 0))], now=minutes(2)), after=0.5)

    assert move
    assert Action.ABORT is move.action
