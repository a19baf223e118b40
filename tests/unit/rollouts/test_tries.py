"""How often the same canary was begun, and when a retry is refused."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from provider.domain.fields import read, write
from provider.domain.rollouts import Phase, Rollout, Side, TriesUsedUpError
from tests.unit.rollouts.lives import T0, V1, V2, V3, at_rest, created, edited, minutes

V4 = read(Side, {"servers": [{"url": "http://127.0.0.1:9004"}]})
SCALED = read(Side, {"servers": [*write(V2)["servers"], {"url": "http://127.0.0.1:9009"}]})
ABORTED = created().abort(now=minutes(1))
RETRIED = ABORTED.retry(now=minutes(2))
THIRD = RETRIED.abort(now=minutes(3)).retry(now=minutes(4))


def with_canary(rollout: Rollout, canary: Side | None, **changes: Any) -> Rollout:
    document = edited(rollout, **changes).model_copy(update={"canary": canary})
    return rollout.replace(document, now=minutes(9), replace_stable=True)


@pytest.mark.parametrize(
    ("tries", "rollout"),
    [
        (0, at_rest()),
        (0, created().promote_full(now=T0)),
        (1, created()),
        (1, ABORTED),
        (2, RETRIED),
        (3, THIRD),
        (3, THIRD.abort(now=minutes(5))),
        (4, THIRD.start(V2, now=minutes(5))),
        (4, THIRD.start(SCALED, now=minutes(5))),
        (1, THIRD.start(V3, now=minutes(5))),
        (0, with_canary(THIRD, None)),
        (1, with_canary(THIRD, V3)),
        (3, with_canary(THIRD, SCALED)),
        (3, with_canary(THIRD, V2, analysis={"margin": 3})),
        (3, with_canary(THIRD, V2, steps=[{"pause": {}}])),
        (4, with_canary(THIRD, V2, stable=write(V3))),
        (3, with_canary(THIRD.abort(now=minutes(5)), V2, stable=write(V3))),
        (3, THIRD.set_weight(Decimal(9), now=minutes(5)).pause(now=minutes(6))),
        (3, THIRD.undo(created(), now=minutes(5))),
        (4, THIRD.abort(now=minutes(5)).undo(created(), now=minutes(6))),
        (3, THIRD.abort(now=minutes(5)).undo(ABORTED, now=minutes(6))),
        (0, THIRD.undo(at_rest(), now=minutes(5))),
        (4, THIRD.start(V3, now=minutes(5)).undo(THIRD, now=minutes(6))),
    ],
    ids=[
        *("at rest", "promoted", "begun", "aborted", "retried", "retried again", "aborted again"),
        *("begun again", "begun again with other servers", "another version", "removed", "another version applied"),
        *("scaled", "analysis edited", "steps edited", "another stable", "aborted, another stable", "moved by hand"),
        *("undone", "begun again by undo", "aborted as before", "undone to none", "back from another version"),
    ],
)
def test_tries_are_those_of_the_same_canary(tries: int, rollout: Rollout) -> None:
    assert tries == rollout.attempts
    assert (tries or None) == rollout.status.attempts


def test_a_canary_that_was_stable_within_the_rollback_window_is_not_tried() -> None:
    promoted = created(rollbackWindow="1h").promote_full(now=minutes(1))
    with_next = promoted.start(V3, now=minutes(2))
    # V1 was stable a moment ago: as the canary beside another stable version it takes over at once.
    spec = edited(with_next, stable=write(V4)).model_copy(update={"canary": V1})
    back = with_next.replace(spec, now=minutes(3), replace_stable=True)

    assert (back.status.phase, back.spec.stable, back.status.attempts) == (Phase.HEALTHY, V1, None)


def test_a_document_without_a_count_is_in_its_first_try() -> None:
    old = write(ABORTED)
    del old["status"]["attempts"]
    rollout = read(Rollout, old)

    assert rollout.attempts == 1
    assert rollout.retry(now=minutes(2)).status.attempts == 2


@pytest.mark.parametrize(
    ("most", "rollout", "is_refused"),
    [
        (None, THIRD, False),
        (1, ABORTED, True),
        (2, ABORTED, False),
        (2, RETRIED.abort(now=minutes(3)), True),
        (3, RETRIED.abort(now=minutes(3)), False),
        (2, THIRD.abort(now=minutes(5)), True),
        (1, created(), False),
    ],
)
def test_a_retry_is_refused_once_the_tries_are_used_up(most: int | None, rollout: Rollout, is_refused: bool) -> None:
    analysis = {} if most is None else {"maxAttempts": most}
    limited = rollout.replace(edited(rollout, analysis=analysis), now=minutes(9))

    assert is_refused is limited.is_out_of_tries
    if is_refused:
        with pytest.raises(TriesUsedUpError, match=rf"analysis\.maxAttempts is {most};.*set-canary.*force=true"):
            limited.check_tries()
    else:
        limited.check_tries()


def test_another_version_may_be_tried_after_the_last_try() -> None:
    limited = created(analysis={"maxAttempts": 1}).abort(now=minutes(1)).start(V3, now=minutes(2))

    assert Phase.PAUSED is limited.status.phase
    assert limited.status.paused_until == minutes(2) + timedelta(minutes=10)
    limited.check_tries()
