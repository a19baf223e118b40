"""What of a record is about the canary that is on its way now."""

from decimal import Decimal
from typing import Any

import pytest

from provider.domain.analysis import Analysis, Record
from provider.domain.fields import decode_json, encode, read
from provider.domain.rollouts import Rollout, attempt_of, current_record, settings_of, step_of
from tests.unit.rollouts.lives import T0, V3, created, edited, minutes

JUDGED: dict[str, Any] = {"analysis": {"until": "known"}}
JUDGING = created(steps=[JUDGED, {"setWeight": 50}, JUDGED])


def test_a_canary_is_judged_by_the_defaults_unless_the_spec_says_otherwise() -> None:
    assert Analysis() == settings_of(created())
    assert settings_of(created(analysis={"margin": 3})).margin == 3


@pytest.mark.parametrize(
    "same",
    [
        JUDGING.advance(now=minutes(1)),
        JUDGING.set_weight(Decimal(9), now=minutes(1)),
        JUDGING.hold(now=minutes(1), reason="no data"),
        JUDGING.replace(edited(JUDGING, priority=9, steps=[JUDGED]), now=minutes(1)),
        JUDGING.replace(edited(JUDGING, analysis={}), now=minutes(1)),
        JUDGING.replace(edited(JUDGING, analysis={"maxAttempts": 3}), now=minutes(1)),
        read(Rollout, decode_json(encode(JUDGING))),
    ],
    ids=["next step", "by hand", "held", "other steps", "the defaults written down", "fewer tries", "from the store"],
)
def test_an_attempt_goes_on_whatever_step_runs(same: Rollout) -> None:
    assert attempt_of(JUDGING) == attempt_of(same)


@pytest.mark.parametrize(
    "other",
    [
        JUDGING.start(V3, now=T0),
        JUDGING.abort(now=minutes(1)).retry(now=minutes(2)),
        JUDGING.replace(edited(JUDGING, analysis={"margin": 3}), now=minutes(1)),
    ],
    ids=["another canary", "a retry", "other settings"],
)
def test_another_canary_a_retry_and_other_settings_are_another_attempt(other: Rollout) -> None:
    assert attempt_of(JUDGING) != attempt_of(other)


def test_each_analysis_step_has_a_name_and_nothing_else_has() -> None:
    assert step_of(JUDGING)
    assert step_of(JUDGING) != step_of(JUDGING.advance(now=minutes(1)))
    assert "" == step_of(created()) == step_of(JUDGING.pause(now=T0)) == step_of(JUDGING.abort(now=T0))


def test_a_record_of_this_attempt_and_step_is_kept_and_any_other_is_begun() -> None:
    record = Record(attempt_of(JUDGING), step_of(JUDGING), looked_at=T0)
    retried = JUDGING.abort(now=T0).retry(now=minutes(1))

    assert record is current_record(record, JUDGING)
    assert Record(attempt_of(retried), step_of(retried)) == current_record(record, retried)
    assert Record(attempt_of(JUDGING), step_of(JUDGING)) == current_record(None, JUDGING)
    assert current_record(record, JUDGING.advance(now=minutes(1))).looked_at == T0
